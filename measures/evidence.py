"""What a proposal gathered in a period, declared apart from predicted, and the estimates that come of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import nan
from typing import Any

from index.documents import proposal_from
from index.engine import Engine
from measures.disclosure import masked
from measures.popularity import Confusion, Counts, Difference, Estimate, Rank, combined, combined_share, raw_share
from measures.tallies import Cell
from polyphonie.records import Origin, Proposal


@dataclass(frozen=True)
class Evidence:
    """What one proposal gathered in one period: what people said of themselves apart from what a model predicted."""

    declared: Cell = Cell()
    predicted: Cell = Cell()

    @property
    def cell(self) -> Cell:
        return self.declared + self.predicted

    def masked(self, k: int) -> str:
        """Why its share may not be shown: it speaks of the voices that take a side, so they must be k."""
        cell = self.cell
        sided = cell.voices_favour + cell.voices_against
        return masked(sided, cell.voices_favour / sided if sided else nan, k)

    def raw(self) -> Estimate:
        return raw_share(self.cell.counts)

    def corrected(self, confusion: Confusion | None) -> Estimate:
        return combined(self.declared.counts, self.predicted.counts, confusion)

    def share(self, confusion: Confusion | None) -> float:
        return combined_share(self.declared.counts, self.predicted.counts, confusion)


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


NOTHING = Evidence()
UNKNOWN = raw_share(Counts())


def read_proposals(engine: Engine, sectors: Iterable[str] = ()) -> dict[str, Proposal]:
    """The proposals of some sectors (none = all), by id."""
    accepted = set(sectors)
    proposals = (proposal_from(document) for document in engine.scan("proposals"))
    return {each.id: each for each in proposals if not accepted or each.sector in accepted}


def gather(cells: Mapping[tuple[Any, ...], Cell]) -> dict[tuple[Any, ...], Evidence]:
    """Cells keyed by (proposal, origin, step) -> evidence keyed by (proposal, step)."""
    gathered: dict[tuple[Any, ...], Evidence] = {}
    for (proposal, origin, step), cell in cells.items():
        known = gathered.get((proposal, step), NOTHING)
        if origin == Origin.PREDICTED:
            gathered[proposal, step] = replace(known, predicted=known.predicted + cell)
        else:
            gathered[proposal, step] = replace(known, declared=known.declared + cell)
    return gathered
