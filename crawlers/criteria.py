"""The collection criteria: what matches no proposal, keyword or tag is dropped in memory, and only counted."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import combinations

from polyphonie.native import NativePost
from polyphonie.records import Proposal

# A proposal without keywords is found by its title: this many of its longer words must be in the message.
TITLE_WORDS = 2
LONG_WORD = 5  # letters
SHORTEST_PLURAL = 4  # letters: "des" is not "de"
_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae"})
_END = ""  # no word is empty

Tree = dict[str, "Tree"]  # phrases, word by word; one that may end here has _END


class Criteria:
    """Words to look for, read once: the cost for a message does not grow with their number.

    Phrases are compared without case, accents, punctuation or the mark of the plural; a hashtag also stands for a
    phrase without its spaces (#ReformeDesRetraites). Only whole words match.
    """

    def __init__(
        self, proposals: Iterable[Proposal], keywords: Iterable[str] = (), hashtags: Iterable[str] = ()
    ) -> None:
        phrases = list(keywords)
        self._sole: set[str] = set()
        self._pairs: set[tuple[str, ...]] = set()
        for proposal in proposals:
            long = {word for word in singular(words(proposal.title)) if len(word) >= LONG_WORD}
            if proposal.keywords or not long:
                phrases.extend(proposal.keywords or (proposal.title,))
            elif len(long) < TITLE_WORDS:
                self._sole |= long
            else:
                # Pairs rather than titles: a message has few, however many titles share a word with it.
                self._pairs.update(combinations(sorted(long), TITLE_WORDS))
        self._entitling = {word for pair in self._pairs for word in pair}
        self._tree: Tree = {}
        for phrase in phrases:
            self._grow(singular(words(phrase)))
        self._tags = {_glued(words(tag)) for tag in (*hashtags, *phrases)} - {""}

    def accepts(self, native: NativePost) -> bool:
        """Does a message touch what is followed? What stands under a proposal of its platform always does."""
        if native.proposal is not None:
            return True
        if any(_glued(words(tag)) in self._tags for tag in native.hashtags):
            return True
        said = singular(words(f"{native.title} {native.text}"))
        return self._names(said) or self._entitled(said)

    def _grow(self, phrase: Sequence[str]) -> None:
        node = self._tree
        for word in phrase:
            node = node.setdefault(word, {})
        if phrase:
            node[_END] = {}

    def _names(self, said: Sequence[str]) -> bool:
        for at, word in enumerate(said):
            if word in self._tree and self._continues(said, at):
                return True
            if word in self._tags and len(word) >= LONG_WORD:
                return True  # a hashtag written in the text, or a phrase whose spaces were lost
        return False

    def _continues(self, said: Sequence[str], at: int) -> bool:
        node: Tree | None = self._tree
        while node is not None and _END not in node:
            node = node.get(said[at]) if at < len(said) else None
            at += 1
        return node is not None

    def _entitled(self, said: Sequence[str]) -> bool:
        if not self._sole.isdisjoint(said):
            return True
        present = sorted(self._entitling.intersection(said))
        return any(pair in self._pairs for pair in combinations(present, TITLE_WORDS))


def words(text: str) -> list[str]:
    """Words of a text in lower case, without accents."""
    plain = text.casefold()
    if not plain.isascii():
        plain = _MARKS.sub("", unicodedata.normalize("NFKD", plain)).translate(_LIGATURES).casefold()
    return _WORD.findall(plain)


def singular(found: Iterable[str]) -> list[str]:
    """The words without the mark of the plural. "prix" loses its x too, on both sides."""
    return [word[:-1] if word.endswith(("s", "x")) and len(word) >= SHORTEST_PLURAL else word for word in found]


def _glued(found: Iterable[str]) -> str:
    return "".join(singular(["".join(found)]))
