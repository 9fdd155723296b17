"""Where drawn posts stand among what is counted: day, source, answer of the small model, and what each counts for.

Read from the index when posts are drawn and at each `polyphonie measure`, kept beside the labels: a page then needs no
position, and a label goes on counting when the position of its post has expired.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from index.engine import Document, Engine, Where
from measures.columns import FIELDS, Columns, carried
from measures.readings import read_posts
from measures.reads import Draw
from measures.tiers import NO_LABELS, Tiers
from polyphonie.labels import Asked, LabelStore, Place
from polyphonie.records import Origin, Stance, position_id, words_of

BATCH = 500


def read_tiers(path: Path, epoch_days: int) -> Tiers:
    """All that was answered in the home whose labels are at `path`; nothing where there are none yet."""
    if not path.exists():
        return NO_LABELS
    with LabelStore(path) as store:
        return Tiers(
            tuple(Draw(made, tuple(store.draws(made.id))) for made in store.rounds()),
            tuple(store.labels()),
            tuple(store.labels(readers=True)),
            store.places(),
            epoch_days,
        )


def settle_places(engine: Engine, store: LabelStore, since: date, kept_for_ever: Collection[str] = ()) -> int:
    """Bring the places of every drawn post up to date; returns how many are known.

    since: what was received before that day may have expired, and keeps the place that it had, without its unit. What
    is gone although it is younger, or comes from a source whose positions never expire, counts no more.
    """
    known, found = store.places(), places(engine, store.asked())
    left = [place for asked, place in known.items() if asked not in found]
    expired = [place for place in left if place.day < since and place.source not in kept_for_ever]
    store.drop_places((place.post, place.proposal) for place in left if place not in expired)
    store.put_places([*found.values(), *(place.lasting for place in expired)])
    return len(found) + len(expired)


def places(engine: Engine, asked: Iterable[Asked]) -> dict[Asked, Place]:
    """Where those of the posts stand whose prediction is in the index and counted, by post and proposal."""
    by_proposal: dict[str, list[str]] = defaultdict(list)
    for post, proposal in asked:
        by_proposal[proposal].append(post)
    found: dict[Asked, Place] = {}
    for proposal, posts in by_proposal.items():
        for place in _of_proposal(engine, proposal, posts):
            found[place.post, proposal] = place
    return found


def _of_proposal(engine: Engine, proposal: str, posts: Sequence[str]) -> Iterator[Place]:
    ids = [position_id(post, proposal, Origin.PREDICTED) for post in posts]
    positions = [each for some in _cut(ids) for each in engine.get("positions", some).values() if each["counted"]]
    if not positions:
        return
    counted = carried(_beside(engine, proposal, positions))
    worded = read_posts(engine, {each["post"] for each in positions})
    for each in positions:
        weighs = counted.get(int(each["post"][:16], 16))
        if weighs is None:
            continue
        yield Place(
            post=each["post"],
            proposal=proposal,
            day=date.fromisoformat(each["at"][:10]),
            epoch=each["epoch"],
            source=each["source"],
            stance=Stance(each["stance"]),
            voices=weighs.voices,
            reach=weighs.reach,
            unit=f"{weighs.unit:016x}",
            words=words_of(worded[each["post"]].text) if each["post"] in worded else "",
        )


def _beside(engine: Engine, proposal: str, positions: Sequence[Document]) -> Columns:
    """Every position of the voices of these, and of whoever carries their copies: what parts and units depend on."""
    columns, folds = Columns(), set[str]()
    for each in _having(engine, proposal, "voice", {each["voice"] for each in positions}):
        columns.add(each)
        if each.get("fold"):
            folds.add(each["fold"])
    for each in _having(engine, proposal, "fold", folds):
        columns.add(each)
    return columns


def _having(engine: Engine, proposal: str, name: str, values: Iterable[str]) -> Iterator[dict[str, Any]]:
    for some in _cut(sorted(values)):
        where = Where(terms={"proposal": (proposal,), "counted": (True,), name: tuple(some)})
        yield from engine.scan("positions", where, FIELDS)


def _cut(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))
