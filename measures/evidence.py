"""What a proposal gathered in a period, declared apart from predicted, and the estimates that come of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import nan

from index.documents import proposal_from
from index.engine import Engine
from measures.disclosure import masked
from measures.popularity import (
    Confusion,
    Counts,
    Difference,
    Estimate,
    Labels,
    Rank,
    combined,
    combined_share,
    raw_share,
)
from measures.tallies import Cell, Cells
from measures.tiers import NOBODY, Reading, Tiers
from measures.window import View
from polyphonie.records import Origin, Proposal


@dataclass(frozen=True)
class Evidence:
    """What one proposal gathered in one period: what people said of themselves apart from what a model predicted, and
    there what labels were drawn from (`drawn_from`) apart from the rest."""

    declared: Cell = Cell()
    predicted: Cell = Cell()
    drawn_from: Cell = Cell()
    reading: Reading = NOBODY

    @property
    def cell(self) -> Cell:
        return self.declared + self.predicted + self.drawn_from

    def masked(self, k: int) -> str:
        """Why its share may not be shown: it speaks of the voices that take a side, so they must be k."""
        cell = self.cell
        sided = cell.voices_favour + cell.voices_against
        return masked(sided, cell.voices_favour / sided if sided else nan, k)

    def raw(self) -> Estimate:
        return raw_share(self.cell.counts)

    def corrected(self, confusion: Confusion | None) -> Estimate:
        return self._with(self.reading.labels, confusion)

    def _with(self, labels: Sequence[Labels], confusion: Confusion | None) -> Estimate:
        inside, beyond = self.drawn_from.counts, self.predicted.counts
        return combined(self.declared.counts, inside, confusion, labels, self.reading.error, beyond)

    def share(self, confusion: Confusion | None) -> float:
        """That of `corrected`, faster where nobody labelled anything."""
        if self.reading.labels:
            return self.corrected(confusion).share
        return combined_share(self.declared.counts, self.predicted.counts + self.drawn_from.counts, confusion)

    def bought(self, confusion: Confusion | None) -> "Bought | None":
        """What reading brought; None where nobody read anything that counts."""
        people, alone = self.reading.people, self.reading.alone
        if people is None or alone is None or not self.drawn_from.counts.sided:
            return None
        tiers = self.reading.labels
        read = self.drawn_from.counts.sided
        return Bought(
            answers=len(people.answer),
            sided=people.sided,
            reader=self.reading.reader,
            read=len(tiers[0].answer) if len(tiers) > 1 else 0,
            within=read / (read + self.predicted.counts.sided),
            small=_half_width(self._with((), confusion)),
            people=_half_width(self._with((alone,), confusion)),
            whole=_half_width(self._with(tiers, confusion)),
        )


@dataclass(frozen=True)
class Bought:
    """What each tier of reading brought to a proposal: half the width of the interval, in shares, with the small model
    alone (`small`), with people's answers (`people`), with a stronger reader between them too (`whole`).

    answers: of people, in the period; sided: those that take a side. reader: who stands between, "" if nobody does;
    read: posts that it read. within: share of what the model read, among what takes a side, that answers speak for.
    """

    answers: int
    sided: int
    reader: str
    read: int
    within: float
    small: float
    people: float
    whole: float


def _half_width(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / 2


@dataclass(frozen=True)
class ProposalRow:
    """A proposal in a window. When `masked` says why, the figures are left out: unknown estimates, zero counts."""

    proposal: Proposal
    raw: Estimate
    corrected: Estimate
    voices: float
    posts: float
    unclear: float  # in the weighting of the view
    sources: tuple[str, ...]
    change: Difference | None  # since the previous window of the same length; None where that one is masked
    rank: Rank | None
    spark: tuple[tuple[date, float | None], ...]  # first day of each step, corrected share
    masked: str
    bought: Bought | None = None


NOTHING = Evidence()
UNKNOWN = raw_share(Counts())


def read_proposals(engine: Engine, sectors: Iterable[str] = ()) -> dict[str, Proposal]:
    """The proposals of some sectors (none = all), by id."""
    accepted = set(sectors)
    proposals = (proposal_from(document) for document in engine.scan("proposals"))
    return {each.id: each for each in proposals if not accepted or each.sector in accepted}


def gather(cells: Cells, steps: Sequence[View], tiers: Tiers) -> dict[tuple[str, int], Evidence]:
    """What each proposal gathered in each of some periods without overlap, by (proposal, number of the period)."""
    gathered: dict[tuple[str, int], Evidence] = {}
    for (proposal, origin, labelled, step), cell in cells.by("proposal", "origin", "drawn_from", steps=steps).items():
        known = gathered.get((proposal, step), NOTHING)
        if labelled:
            reading = tiers.reading(proposal, steps[step])
            known = replace(known, drawn_from=known.drawn_from + cell, reading=reading)
        elif origin == Origin.PREDICTED:
            known = replace(known, predicted=known.predicted + cell)
        else:
            known = replace(known, declared=known.declared + cell)
        gathered[proposal, step] = known
    return gathered
