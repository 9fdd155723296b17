"""Enrichment: a batch of envelopes in, the records that can be indexed out. Each content is read once.

A content is a fold, with what it answers: "Non merci" under two different messages is two contents.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nlp.calibration import family_of
from nlp.folding import FoldStore, normalise
from nlp.language import detect
from nlp.matching import Matcher
from nlp.stance import Pair, StanceModel, sentences
from nlp.topics import Topics
from nlp.verdicts import Reading, Verdict, VerdictStore
from polyphonie.records import (
    Deletion,
    Envelope,
    Kind,
    Origin,
    Position,
    Post,
    Proposal,
    Stance,
    position_id,
    record_id,
)

SIDES = (Stance.FAVOUR, Stance.AGAINST, Stance.UNCLEAR)
# A shorter reply leans on what it answers; a longer one says its own subject, and is read once whoever it answers.
LEANING_WORDS = 12
# The stance model is evaluated on French; a text too short to have a language is most often French here.
READ_LANGUAGES = frozenset({"fr", "und"})


class Embedder(Protocol):
    @property
    def version(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Understood:
    """What one envelope became."""

    envelope: str
    post: Post | None = None
    positions: tuple[Position, ...] = ()
    proposal: Proposal | None = None
    deletion: Deletion | None = None


@dataclass
class Enricher:
    """Holds the models and the two stores; `voice` and `recall` are how it asks for what it may not know.

    voice: (author token, proposal, epoch) -> key of a voice.
    recall: ids of posts -> their texts, those that are still kept.
    statements: proposal -> the sentence one is for or against; grows with the proposals that pass by.
    """

    folds: FoldStore
    verdicts: VerdictStore
    embedder: Embedder
    matcher: Matcher
    stance: StanceModel
    topics: Topics | None
    voice: Callable[[str, str, int], str]
    recall: Callable[[Sequence[str]], Mapping[str, str]]
    match_from: float
    abstain_below: float
    statements: dict[str, str] = field(default_factory=dict)
    _embedded: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def enrich(self, envelopes: Sequence[Envelope]) -> list[Understood]:
        """One answer an envelope, in order."""
        for envelope in envelopes:
            if envelope.proposal:
                self.statements[envelope.proposal.id] = envelope.proposal.statement
        posts = {envelope.id: envelope.post for envelope in envelopes if envelope.post and worded(envelope.post)}
        declared = {envelope.id: envelope.positions[0].proposal for envelope in envelopes if envelope.positions}
        found = self._understand(posts, declared)
        silent = {e.post.id: e.post.repost_of for e in envelopes if e.post and not worded(e.post) and e.post.repost_of}
        originals = self.verdicts.of_posts(silent.values())
        found |= {post: originals[original] for post, original in silent.items() if original in originals}
        return [self._answer(envelope, found.get(envelope.id)) for envelope in envelopes]

    def discover_topics(self, posts: Iterable[Post]) -> int:
        """Find the first topics among the distinct French contents of `posts`; returns how many topics there are."""
        if self.topics is None:
            return 0
        sample = {normalise(text_of(post)): post for post in posts if worded(post)}
        languages = detect([text_of(post) for post in sample.values()])
        french = [post for post, (lang, _) in zip(sample.values(), languages, strict=True) if lang in READ_LANGUAGES]
        texts = [text_of(post) for post in french]
        if texts:
            self.topics.discover(texts, self._encode(texts), max(post.at for post in french))
        return len(self.topics.describe())

    @cached_property
    def _reader(self) -> str:
        """Name of all that reads: another model, calibration, threshold or catalogue reads again."""
        wordings = [proposal.model_dump_json() for proposal in self.matcher.proposals]
        models = (self.stance.version, self.stance.calibration.version, self.matcher.version)
        return record_id(*models, self.match_from, *wordings)

    def _understand(self, posts: Mapping[str, Post], declared: Mapping[str, str]) -> dict[str, Verdict]:
        """The verdict of each post that has words, by post."""
        if not posts:
            return {}
        folds = dict(zip(posts, self.folds.fold(list(posts.values())), strict=True))
        parents = self._parents(posts)
        contents = {
            name: record_id(
                *(folds[name], normalise(parents.get(name, "")), declared.get(name, "")),
                # The same words are calibrated otherwise in a consultation.
                *(family_of(post.source), self._reader),
            )
            for name, post in posts.items()
        }
        known = self.verdicts.known(set(contents.values()))
        unread = {content: post for post, content in reversed(contents.items()) if content not in known}
        fresh = self._read([posts[post] for post in unread.values()], folds, parents, declared)
        verdicts = dict(zip(unread, fresh, strict=True))
        self.verdicts.keep(verdicts, contents, max(post.at for post in posts.values()).date())
        known |= verdicts
        return {post: known[content] for post, content in contents.items()}

    def _parents(self, posts: Mapping[str, Post]) -> dict[str, str]:
        """Text of what each reply answers, where it is still known."""
        wanted = {
            post.id: post.reply_to
            for post in posts.values()
            if post.reply_to and len(post.text.split()) < LEANING_WORDS
        }
        here = {parent: posts[parent].text for parent in wanted.values() if parent in posts}
        missing = sorted(set(wanted.values()) - here.keys())
        texts = here | dict(self.recall(missing)) if missing else here
        return {post: texts[parent] for post, parent in wanted.items() if parent in texts}

    def _read(
        self, posts: Sequence[Post], folds: Mapping[str, str], parents: Mapping[str, str], declared: Mapping[str, str]
    ) -> list[Verdict]:
        texts = [text_of(post) for post in posts]
        languages = [lang for lang, _ in detect(texts)]
        french = [row for row, lang in enumerate(languages) if lang in READ_LANGUAGES]
        embeddings = self._encode([texts[row] for row in french])
        above = [parents.get(posts[row].id) for row in french]
        # A batch may hold no French at all, and then there is nothing to compare.
        matches = (
            self.matcher.match([texts[row] for row in french], embeddings, above, self.match_from) if french else []
        )
        topics = self.topics.assign(embeddings) if self.topics else [None] * len(french)
        wanted: list[tuple[int, str, float | None]] = []
        for row, found in zip(french, matches, strict=True):
            told = declared.get(posts[row].id)
            if told in self.statements:
                wanted.append((row, told, None))
            wanted.extend((row, match.proposal, match.score) for match in found if match.proposal != told)
        pairs = [Pair(self.statements[proposal], texts[row], parents.get(posts[row].id)) for row, proposal, _ in wanted]
        probabilities, ranks = self.stance.read(pairs, [family_of(posts[row].source) for row, _, _ in wanted])
        readings: dict[int, list[Reading]] = {}
        for (row, proposal, score), odds, rank in zip(wanted, probabilities.tolist(), ranks, strict=True):
            readings.setdefault(row, []).append(
                Reading(proposal, score, round(odds[0], 4), round(odds[1], 4), round(odds[2], 4), rank)
            )
        topic_of = dict(zip(french, topics, strict=True))
        return [
            Verdict(folds[post.id], lang, topic_of.get(row), tuple(readings.get(row, ())))
            for row, (post, lang) in enumerate(zip(posts, languages, strict=True))
        ]

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        # The texts that topics were discovered on come back in the first batches.
        fresh = list(dict.fromkeys(text for text in texts if text not in self._embedded))
        rows = dict(zip(fresh, self.embedder.encode(fresh), strict=True)) if fresh else {}
        if len(self._embedded) + len(rows) <= 20_000:
            self._embedded |= rows
        if not texts:
            return np.empty((0, 0), dtype=np.float32)
        return np.stack([rows[text] if text in rows else self._embedded[text] for text in texts])

    def _answer(self, envelope: Envelope, verdict: Verdict | None) -> Understood:
        post = envelope.post
        if post is None or verdict is None:
            return Understood(envelope.id, post, envelope.positions, envelope.proposal, envelope.deletion)
        versions = {
            "embedding": self.embedder.version,
            "stance": self.stance.version,
            "calibration": self.stance.calibration.version,
        }
        post = post.model_copy(
            update={"lang": verdict.lang, "fold": verdict.fold, "topic": verdict.topic, "versions": versions}
        )
        told = {position.proposal: position.stance for position in envelope.positions}
        predicted = (
            ()
            if post.kind is Kind.PROPOSAL or envelope.author is None
            else tuple(
                self._position(envelope, post, reading, told.get(reading.proposal)) for reading in verdict.readings
            )
        )
        return Understood(envelope.id, post, (*envelope.positions, *predicted), envelope.proposal)

    def _position(self, envelope: Envelope, post: Post, reading: Reading, declared: Stance | None) -> Position:
        parts = sentences(text_of(post))
        odds = (reading.p_favour, reading.p_against, reading.p_unclear)
        stance = SIDES[int(np.argmax(odds))] if max(odds) >= self.abstain_below else Stance.UNCLEAR
        return Position(
            id=position_id(post.id, reading.proposal, Origin.PREDICTED),
            post=post.id,
            proposal=reading.proposal,
            stance=stance,
            p_favour=odds[0],
            p_against=odds[1],
            p_unclear=odds[2],
            origin=Origin.PREDICTED,
            voice=self.voice(envelope.author or "", reading.proposal, envelope.epoch),
            epoch=envelope.epoch,
            created_at=post.created_at,
            received_at=post.received_at,
            at=post.at,
            source=post.source,
            span=parts[reading.sentence] if reading.sentence < len(parts) else "",
            match=reading.match,
            model=self.stance.version,
            declared=declared,
        )


def text_of(post: Post) -> str:
    """What there is to read in a post: its title, where it has one, and its text."""
    return f"{post.title}. {post.text}" if post.title and post.text else post.text or post.title


def worded(post: Post) -> bool:
    """Whether a post has words of its own."""
    return bool(post.text or post.title)
