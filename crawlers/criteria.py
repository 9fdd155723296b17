"""The collection criteria: what matches no proposal, keyword or tag is dropped in memory, and only counted."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from polyphonie.native import NativePost
from polyphonie.records import Proposal

# A proposal without keywords is found by its title: this many of its longer words must be in the message.
TITLE_WORDS = 2
LONG_WORD = 5  # letters
_WORD = re.compile(r"[^\W_]+")


class Criteria:
    """Words to look for, read once: the cost for a message does not grow with their number.

    Phrases are compared without case, accents or punctuation; a hashtag also stands for a phrase without its spaces
    (#ReformeDesRetraites). A keyword matches whole words, and plurals where it is a single word.
    """

    def __init__(
        self, proposals: Iterable[Proposal], keywords: Iterable[str] = (), hashtags: Iterable[str] = ()
    ) -> None:
        phrases = {tuple(words(keyword)) for keyword in keywords}
        self._titles: list[frozenset[str]] = []
        for proposal in proposals:
            phrases.update(tuple(words(keyword)) for keyword in proposal.keywords)
            if not proposal.keywords:
                self._titles.append(frozenset(word for word in words(proposal.title) if len(word) >= LONG_WORD))
        phrases.discard(())
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for phrase in phrases:
            self._phrases.setdefault(phrase[0], []).append(phrase)
        self._tags = {"".join(words(tag)) for tag in hashtags} | {"".join(phrase) for phrase in phrases}
        self._title_words = frozenset(word for title in self._titles for word in title)

    def accepts(self, native: NativePost) -> bool:
        """Does a message touch what is followed? What stands under a proposal of its platform always does."""
        if native.proposal is not None:
            return True
        if any("".join(words(tag)) in self._tags for tag in native.hashtags):
            return True
        said = words(f"{native.title} {native.text}")
        return self._names(said) or self._entitled(said)

    def _names(self, said: Sequence[str]) -> bool:
        for at, word in enumerate(said):
            for phrase in (*self._phrases.get(word, ()), *self._phrases.get(word.removesuffix("s"), ())):
                if len(phrase) == 1 or tuple(said[at : at + len(phrase)]) == phrase:
                    return True
            if word in self._tags and len(word) >= LONG_WORD:
                return True  # a hashtag written in the text, or a phrase whose spaces were lost
        return False

    def _entitled(self, said: Sequence[str]) -> bool:
        present = self._title_words.intersection(said)
        return bool(present) and any(
            len(title & present) >= min(TITLE_WORDS, len(title)) for title in self._titles if title
        )


def words(text: str) -> list[str]:
    """Words of a text in lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(letter for letter in plain if not unicodedata.combining(letter)))
