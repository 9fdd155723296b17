"""What the page Annoter works on: a draw, what was answered of it, and the post that a role reads next."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from index.engine import Engine
from measures.answered import Width, width_after
from measures.placing import places
from measures.positions import search_where
from measures.readings import Reading, read_posts
from measures.sampling import SEED, draw, frame, read_candidates
from measures.window import View
from polyphonie.labels import LabelStore, labels_path
from polyphonie.records import Drawn, Label, Origin, Round, label_id, words_of


@dataclass(frozen=True)
class Sitting:
    """One role before one draw. labels: of every person, about what the draw holds, oldest first."""

    made: Round
    role: str
    draws: tuple[Drawn, ...]
    labels: tuple[Label, ...]
    readings: Mapping[str, Reading]

    @cached_property
    def standing(self) -> tuple[Label, ...]:
        """The answers about posts that still say what was read, or are gone: another wording is another question."""
        return tuple(
            label
            for label in self.labels
            if not label.words
            or label.post not in self.readings
            or label.words == words_of(self.readings[label.post].text)
        )

    @cached_property
    def own(self) -> dict[tuple[str, str], Label]:
        """What this role answered, by post and proposal."""
        return {(each.post, each.proposal): each for each in self.standing if each.answered_by == self.role}

    @cached_property
    def open(self) -> tuple[Drawn, ...]:
        """What may still be counted: posts that somebody answered, or that can still be read."""
        answered = {(each.post, each.proposal) for each in self.standing}
        return tuple(one for one in self.draws if (one.post, one.proposal) in answered or one.post in self.readings)

    @property
    def next(self) -> Drawn | None:
        """The first post in the order of reading that this role has not answered and whose text is still kept."""
        left = (one for one in self.draws if (one.post, one.proposal) not in self.own and one.post in self.readings)
        return next(left, None)

    @property
    def done(self) -> int:
        return len(self.own)

    def widths(self, proposal: str) -> list[Width]:
        """How the interval of a proposal shrank with each answer of anybody."""
        return width_after(self.open, self.standing, self.made.frame, proposal)


def readable(engine: Engine, view: View, k: int) -> dict[str, int]:
    """Predictions of a window by proposal, the most first: what can be drawn from. Only where k voices spoke."""
    where = search_where("", replace(view, origins=(Origin.PREDICTED,)))
    voices = {"voices": {"cardinality": {"field": "voice"}}}
    asked = {"proposals": {"terms": {"field": "proposal", "size": 1_000}, "aggs": voices}}
    buckets = engine.aggregate("positions", asked, where)["proposals"]["buckets"]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets if bucket["voices"]["value"] >= k}


def make_round(
    home: Path, engine: Engine, proposal: str | None, among: Collection[str], view: View, n: int
) -> Round | None:
    """Draw n posts of a window and keep the draw; None when there is nothing to draw from.

    proposal: the only one, or None for all those that `among` holds.
    """
    candidates = [each for each in read_candidates(engine, proposal, view) if each.proposal in among]
    if not candidates:
        return None
    draws = draw(candidates, n)
    made = Round(
        id=draws[0].round,
        proposal=proposal,
        since=view.since,
        until=view.until,
        sources=view.sources,
        sectors=view.sectors,
        seed=SEED,
        made_at=datetime.now(UTC),
        size=len(candidates),
        drawn=len(draws),
        frame=frame(candidates),
    )
    where = places(engine, [(one.post, one.proposal) for one in draws])
    with LabelStore(labels_path(home)) as store:
        store.open_round(made, draws)
        store.put_places(where.values())
    return made


def rounds(home: Path) -> list[Round]:
    """Every draw, the latest first."""
    with LabelStore(labels_path(home)) as store:
        return store.rounds()


def sit(home: Path, engine: Engine, made: Round, role: str) -> Sitting:
    """Where a role stands in a draw."""
    with LabelStore(labels_path(home)) as store:
        draws, labels = store.draws(made.id), store.labels(of_round=made.id)
    # Read anew each time: what was erased a second ago must not be shown.
    readings = read_posts(engine, {one.post for one in draws})
    return Sitting(made, role, tuple(draws), tuple(labels), readings)


def label_of(asked: Drawn, role: str, said: str, text: str) -> Label:
    """What a role answers now about a post that reads so."""
    return Label(
        id=label_id(asked.post, asked.proposal, role),
        post=asked.post,
        proposal=asked.proposal,
        answer=said,
        drawn_with=asked.drawn_with,
        answered_by=role,
        at=datetime.now(UTC),
        round=asked.round,
        words=words_of(text),
    )


def answer(home: Path, asked: Drawn, role: str, said: str, text: str) -> None:
    """Keep what a role answered."""
    with LabelStore(labels_path(home)) as store:
        store.keep([label_of(asked, role, said, text)])


def undo(home: Path, last: Label) -> None:
    """Take the last answer back: its post is asked again."""
    with LabelStore(labels_path(home)) as store:
        store.withdraw(last.id)


def last_of(sitting: Sitting) -> Label | None:
    """The latest answer that this role gave in this draw."""
    given = [each for each in sitting.own.values() if each.round == sitting.made.id]
    return max(given, key=lambda each: each.at, default=None)


def drawn_of(sitting: Sitting, label: Label) -> Drawn | None:
    """What was drawn when this was answered."""
    asked = (one for one in sitting.draws if (one.post, one.proposal) == (label.post, label.proposal))
    return next(asked, None)
