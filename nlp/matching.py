"""Which proposals a message touches: a lexical gate and an embedding gate, and one score that says how surely.

Whatever the number of proposals, a message is read once: its stems meet an inverted index of those of the catalogue,
its vector meets every sentence of the catalogue in one matrix product. Only the best pairs above a threshold go on.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

from nlp.embeddings import Embedder
from nlp.folding import normalise
from nlp.language import prose
from polyphonie.records import Proposal

BACKGROUND = Path(__file__).parent / "corpus"
MOST = 5  # proposals kept for one message
# Nats: a word that one message in 20 holds, or more, says nothing of the subject.
LEAST_RARITY = 3.0
# Logistic regression over the open corpus (1,500 messages, each with its proposal and the 149 others) and 2,000
# political messages taken as about none: that fixed COSINE and WORDS. BIAS moves its odds from one true pair in 150 to
# one in 16. KEYWORD and NO_WORD were set by hand, the corpus having no keywords.
BIAS, COSINE, WORDS, KEYWORD = -5.9, 13.7, 0.38, 4.0
# With no word in common, or a dull one, only a paraphrase is believed (cosine 0.61): « La France n'oublie pas » is near
# every sentence about France.
DULL, NO_WORD = 3.0, -2.5
# Nats: a post is mostly about one thing, so what stands further under its best proposal goes, unless a keyword names
# it. Chosen on the posts of the training proposals of the corpus: 21 % of the pairs kept were right, 30 % are, and the
# true proposal of 23 % of the posts is kept instead of 26 %.
MARGIN = 0.6


class Match(NamedTuple):
    """A proposal that a message touches.

    `score`, in [0, 1], estimates the odds that the message is about the proposal when, before it is read, one pair in
    16 is. On posts of the open corpus, which seldom name their subject, about development proposals (957 posts, 917
    proposals without keywords), 32 % of the pairs kept at 0.5 are right and they find the proposal of 25 % of them.
    """

    proposal: str
    score: float


class Matcher:
    """Reads messages against a catalogue."""

    def __init__(self, proposals: Sequence[Proposal], embedder: Embedder) -> None:
        self.proposals = tuple(proposals)
        self.version = f"gate-2+{embedder.version}"
        self._embedder = embedder
        self._keywords = _keyword_index(self.proposals)
        terms = [set(stems(" ".join([*sentences(p), p.title, *p.keywords]))) for p in self.proposals]
        shared = Counter(term for some in terms for term in some)
        messages, known = _background()
        # A word of many proposals tells them apart no better than one of many messages.
        total = messages + len(terms)
        self._terms = {term: column for column, term in enumerate(sorted(shared))}
        rows = [(self._terms[term], place) for place, some in enumerate(terms) for term in sorted(some)]
        rarity = [max(0.0, math.log((total + 1) / (known[t] + shared[t] + 0.5)) - LEAST_RARITY) for t in sorted(shared)]
        weights = [rarity[column] for column, _ in rows]
        places = tuple(np.array(rows, dtype=np.int64).reshape(-1, 2).T)
        self._weights = csr_matrix((weights, places), shape=(len(shared), len(terms)), dtype=np.float32)
        lines = [sentences(proposal) for proposal in self.proposals]
        self._starts = np.cumsum([0, *map(len, lines)])[:-1]
        self._lines = embedder.encode([line for some in lines for line in some])

    def match(
        self,
        texts: Sequence[str],
        embeddings: NDArray[np.float32],
        parents: Sequence[str | None] | None = None,
        threshold: float = 0.5,
        margin: float = MARGIN,
    ) -> list[list[Match]]:
        """The proposals that each text touches, best first, at most MOST, each scored at least `threshold` and either
        named by a keyword or at most `margin` nats under the best.

        embeddings: (n, d) from the same embedder. `parents` are the texts that these answer: a reply seldom says its
        subject again, so it is also read together with its parent and keeps the better score.
        """
        if not self.proposals:
            return [[] for _ in texts]
        odds, named = self._odds(texts, embeddings)
        answers = [at for at, parent in enumerate(parents or ()) if parent]
        if answers:
            joined = [f"{(parents or ())[at]} {texts[at]}" for at in answers]
            together, told = self._odds(joined, self._embedder.encode(joined))
            odds[answers] = np.maximum(odds[answers], together)
            named[answers] |= told
        near = named | (odds >= odds.max(axis=1, keepdims=True) - margin)
        scores = _sigmoid(odds)
        return [self._best(row, threshold) for row in np.where(near, scores, -1.0)]

    def scores(self, texts: Sequence[str], embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, p) scores of every pair; see `Match`."""
        return _sigmoid(self._odds(texts, embeddings)[0])

    def _odds(
        self, texts: Sequence[str], embeddings: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(n, p) log odds of every pair, and whether a keyword of the proposal stands in the text."""
        cosines = np.maximum.reduceat(embeddings @ self._lines.T, self._starts, axis=1)
        words = (self._present([stems(text) for text in texts]) @ self._weights).toarray()
        named = np.zeros(cosines.shape, np.bool_)
        for row, text in enumerate(texts):
            named[row, list(self._named(text))] = True
        odds = (
            BIAS
            + COSINE * cosines
            + WORDS * words
            + KEYWORD * named
            + NO_WORD * np.where(named, 0, np.maximum(1 - words / DULL, 0))
        )
        return odds.astype(np.float32), named

    def _best(self, row: NDArray[np.float32], threshold: float) -> list[Match]:
        kept = np.flatnonzero(row >= threshold)
        best = kept[np.argsort(-row[kept], kind="stable")][:MOST]
        return [Match(self.proposals[place].id, round(float(row[place]), 4)) for place in best]

    def _present(self, read: Iterable[list[str]]) -> Any:
        columns = [sorted({self._terms[stem] for stem in some if stem in self._terms}) for some in read]
        ends = np.cumsum([0, *map(len, columns)])
        flat = np.array([column for some in columns for column in some], dtype=np.int64)
        return csr_matrix((np.ones(len(flat), np.float32), flat, ends), shape=(len(columns), len(self._terms)))

    def _named(self, text: str) -> set[int]:
        """Places of the proposals of which a keyword stands in the text."""
        read = _singulars(text)
        return {
            place
            for start, first in enumerate(read)
            for keyword, places in self._keywords.get(first, ())
            if tuple(read[start : start + len(keyword)]) == keyword
            for place in places
        }


def _sigmoid(odds: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)


def sentences(proposal: Proposal) -> list[str]:
    """What a message may resemble: the statement, its opposite, and other ways to say it."""
    return [text for text in (proposal.statement, proposal.negation, *proposal.paraphrases) if text]


def stems(text: str) -> list[str]:
    """Stems of the words of a text, in order, without accents; a hashtag gives its words (Snowball for French)."""
    return [_stem(word) for word in normalise(prose(text)).split()]


def _singulars(text: str) -> list[str]:
    # Lighter than stems, which take « bassin » for « bassines ».
    return [word.rstrip("sx") if len(word) > 3 else word for word in normalise(prose(text)).split()]


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    found = _stemmer().analyze(word)
    return str(found[0]) if found else word


@cache
def _stemmer() -> Any:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.stemmer("french")).build()


def _keyword_index(proposals: Iterable[Proposal]) -> dict[str, list[tuple[tuple[str, ...], list[int]]]]:
    """First word -> (all the words of a keyword, places of the proposals that claim it)."""
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, proposal in enumerate(proposals):
        for keyword in proposal.keywords:
            # Hashtags glue words: #reconnaissancefaciale.
            glued = _singulars(normalise(keyword).replace(" ", ""))
            for form in {tuple(_singulars(keyword)), tuple(glued)} - {()}:
                places[form].append(place)
    index: dict[str, list[tuple[tuple[str, ...], list[int]]]] = defaultdict(list)
    for form, claiming in places.items():
        index[form[0]].append((form, claiming))
    return dict(index)


@cache
def _background() -> tuple[int, Counter[str]]:
    """How many messages the open corpus holds, and in how many of them each stem stands."""
    texts = [
        json.loads(row)["text"]
        for file in sorted(BACKGROUND.glob("*_posts.jsonl"))
        for row in file.read_text(encoding="utf-8").splitlines()
    ]
    return len(texts), Counter(stem for text in texts for stem in set(stems(text)))
