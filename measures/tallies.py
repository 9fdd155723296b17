"""Tallies: what remains of positions when raw data expire; how they are made again, and how a page reads them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from itertools import chain
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from index.documents import tally_document, tally_from
from index.engine import Engine, Where
from measures.bootstrap import REPLICATES
from measures.columns import FIELDS, Columns, packed_of, tally_columns, unpack
from measures.popularity import Counts
from measures.window import WEIGHTINGS, View
from polyphonie.pseudonyms import epoch_of, epoch_start
from polyphonie.records import Origin, Tally

# Whether labels were drawn there: (proposal, source, ordinal of the day, epoch of reception).
Covers = Callable[[str, str, int, int], bool]


@dataclass(frozen=True)
class Measured:
    """What `measure` did: tallies written, tallies removed, positions read, and the seconds it took."""

    tallies: int
    removed: int
    positions: int
    seconds: float


def tally(positions: Iterable[dict[str, Any]]) -> Iterator[Tally]:
    """Tallies of position documents (those that `index.documents` writes; only FIELDS are read), in any order.

    A post that has several positions on one proposal counts once, by its strongest evidence (human, vote, declared,
    predicted). Every position of an epoch must be there, or its voices are cut in fewer parts than they were.
    """
    columns = Columns()
    for position in positions:
        columns.add(position)
    yield from tally_columns(columns)


def measure(
    engine: Engine,
    now: datetime,
    retention_days: int,
    epoch_days: int,
    everything: bool = False,
    keep_sources: Collection[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """Make again the tallies of every epoch of reception whose positions are all still there; the others stay.

    keep_sources: sources whose positions never expire; all their epochs are made again.
    everything: count too what is left of a source in an epoch partly expired, but only where it has no tally yet, as
        after a rebuild: tallies made while the epoch was whole are better.
    progress: told, now and then, how many more positions have been read.
    Tallies that no position supports any more (deletions) are removed, but never those of epochs that may have expired.
    """
    began = perf_counter()
    first = _first_whole_epoch(now, retention_days, epoch_days)
    backed = _backed(first, keep_sources)
    scopes = [Where()] if everything else backed
    closed = {(one.source, one.epoch) for one in _closed(engine, first, keep_sources)} if everything else set()
    columns = Columns()
    count = 0
    for position in chain.from_iterable(engine.scan("positions", scope, FIELDS) for scope in scopes):
        columns.add(position)
        count += 1
        if progress and count % 10_000 == 0:
            progress(10_000)
    written: set[str] = set()

    def documents() -> Iterator[dict[str, Any]]:
        for each in tally_columns(columns):
            if (each.source, each.epoch) in closed:
                continue
            written.add(each.id)
            yield tally_document(each)

    engine.write("tallies", documents())
    known = chain.from_iterable(engine.scan("tallies", scope, ("id",)) for scope in backed)
    stale = [document["id"] for document in known if document["id"] not in written]
    removed = engine.delete("tallies", stale) if stale else 0
    if progress:
        progress(count % 10_000)
    return Measured(len(written), removed, count, perf_counter() - began)


def closed_tallies(
    engine: Engine, now: datetime, retention_days: int, epoch_days: int, keep_sources: Collection[str] = ()
) -> Iterator[Tally]:
    """The tallies that `measure` does not make again, because raw data of their epoch have expired or may have."""
    return _closed(engine, _first_whole_epoch(now, retention_days, epoch_days), keep_sources)


@dataclass(frozen=True)
class Cell:
    """Counts in the weighting of the view, and beside them how many voices and posts they come from. They add up."""

    counts: Counts = field(default_factory=Counts)
    voices: float = 0.0
    posts: float = 0.0
    voices_favour: float = 0.0
    voices_against: float = 0.0

    def __add__(self, other: "Cell") -> "Cell":
        return Cell(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Cell)))


@dataclass(frozen=True)
class Cells:
    """Tallies of a view, as columns: what each is about, and what was counted.

    drawn_from: whether labels of the predictions were drawn among those of that cell.
    counts: (n, weightings, 3), last axis favour, against, unclear; replicates: (n, 2 x REPLICATES), of the view's
    weighting, favour then against.
    """

    view: View
    proposal: list[str]
    source: list[str]
    origin: list[str]
    day: list[date]
    drawn_from: list[bool]
    counts: NDArray[np.float64]
    replicates: NDArray[np.float32]

    def by(self, *names: str, steps: Sequence[View] = ()) -> dict[tuple[Any, ...], Cell]:
        """Sums by some of proposal, source, origin, day and drawn_from, keyed in that order.

        steps: periods without overlap; when given, the key ends with the number of the one that holds the day, and
        days outside of all are left out.
        """
        keys: dict[tuple[Any, ...], int] = {}
        columns: list[list[Any]] = [getattr(self, name) for name in names]
        kept = np.arange(len(self.day))
        if steps:
            number = {step.since + timedelta(days=n): i for i, step in enumerate(steps) for n in range(step.days)}
            columns.append([number.get(day, -1) for day in self.day])
            kept = np.array([row for row in kept if columns[-1][row] >= 0], np.int64)
        group = [keys.setdefault(tuple(column[row] for column in columns), len(keys)) for row in kept]
        if not keys:
            return {}
        summing = csr_array((np.ones(len(kept)), (group, kept)), shape=(len(keys), len(self.day)))
        counts = (summing @ self.counts.reshape(len(self.day), -1)).reshape(len(keys), len(WEIGHTINGS), 3)
        replicates = summing.astype(np.float32) @ self.replicates
        weighting = WEIGHTINGS.index(self.view.weighting)
        voices, posts = WEIGHTINGS.index("voices"), WEIGHTINGS.index("posts")
        return {
            key: Cell(
                Counts(
                    favour=float(counts[row, weighting, 0]),
                    against=float(counts[row, weighting, 1]),
                    unclear=float(counts[row, weighting, 2]),
                    favour_replicates=replicates[row, :REPLICATES],
                    against_replicates=replicates[row, REPLICATES:],
                ),
                voices=float(counts[row, voices].sum()),
                posts=float(counts[row, posts].sum()),
                voices_favour=float(counts[row, voices, 0]),
                voices_against=float(counts[row, voices, 1]),
            )
            for key, row in keys.items()
        }


def read_cells(engine: Engine, view: View, proposals: Collection[str] = (), covers: Covers | None = None) -> Cells:
    """The tallies of a view, in one request; `proposals` narrows it further (empty = all). The view's sectors are the
    affair of the caller, who knows which proposals they hold. covers: see `measures.tiers.Tiers.covers`."""
    terms = {"source": view.sources, "origin": view.origins, "proposal": tuple(proposals)}
    where = Where(
        terms={name: accepted for name, accepted in terms.items() if accepted}, since=view.start, until=view.end
    )
    wanted = ("proposal", "source", "origin", "day", "epoch", "counts", "replicates")
    documents = list(engine.scan("tallies", where, wanted))
    days = [date.fromisoformat(document["day"][:10]) for document in documents]
    counted = [document["counts"][weighting] for document in documents for weighting in WEIGHTINGS]
    return Cells(
        view,
        [document["proposal"] for document in documents],
        [document["source"] for document in documents],
        [document["origin"] for document in documents],
        days,
        [
            covers is not None
            and each["origin"] == Origin.PREDICTED
            and covers(each["proposal"], each["source"], day.toordinal(), each["epoch"])
            for each, day in zip(documents, days, strict=True)
        ],
        np.array(counted, np.float64).reshape(-1, len(WEIGHTINGS), 3),
        unpack([packed_of(document["replicates"], view.weighting) for document in documents]),
    )


def read_counts(
    engine: Engine, view: View, by: tuple[str, ...] = ("proposal",), proposals: Collection[str] = ()
) -> dict[tuple[Any, ...], Cell]:
    """Sums of the tallies of a view by some of proposal, source, origin and day, in one request; nothing is cached."""
    return read_cells(engine, view, proposals).by(*by)


def _first_whole_epoch(now: datetime, retention_days: int, epoch_days: int) -> int:
    """The first epoch that began within retention: all that was received in it is still there."""
    oldest = now - timedelta(days=retention_days)
    epoch = epoch_of(oldest, epoch_days)
    return epoch if epoch_start(epoch, epoch_days) == oldest else epoch + 1


def _backed(first: int, keep_sources: Collection[str]) -> list[Where]:
    """Disjoint scopes of what was received from the epoch `first` on, or comes from a source that is kept."""
    scopes = [Where(f"epoch:{first}..")]
    if keep_sources:
        scopes.append(Where(f"epoch:..{first - 1}", terms={"source": sorted(keep_sources)}))
    return scopes


def _closed(engine: Engine, first: int, keep_sources: Collection[str]) -> Iterator[Tally]:
    kept = frozenset(keep_sources)
    older = (tally_from(document) for document in engine.scan("tallies", Where(f"epoch:..{first - 1}")))
    return (one for one in older if one.source not in kept)
