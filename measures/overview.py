"""Proposals side by side and over time: thin readers of the tallies, one request each.

Curves are made of consecutive steps that do not overlap: their points are then nearly independent, so that two bands
apart are two opinions apart; and the difference of two neighbours cannot isolate the few voices of one day, which
windows rolling by a day would allow.
"""

from dataclasses import dataclass, replace
from datetime import date
from math import isnan, nan

from index.engine import Engine
from measures.disclosure import masked
from measures.evidence import NOTHING, UNKNOWN, Evidence, ProposalRow, gather, read_proposals
from measures.popularity import Confusion, Estimate, difference, ranks
from measures.sentences import Sentence, sentences
from measures.tallies import read_cells
from measures.tiers import NO_LABELS, Tiers
from measures.window import View
from polyphonie.records import Proposal

__all__ = ["CurvePoint", "MixPoint", "ProposalRow", "Sentence", "curve", "mix", "overview", "sentences"]

# A sparkline has at most about this many points.
SPARK_POINTS = 10


@dataclass(frozen=True)
class CurvePoint:
    """One step of a curve, from `day` to the eve of `until`. When masked: no estimate, zero counts."""

    day: date
    until: date
    raw: Estimate | None
    corrected: Estimate | None
    voices: float
    posts: float
    unclear: float
    masked: str


@dataclass(frozen=True)
class MixPoint:
    """What was said in one step, in the weighting of the view; zeros when masked."""

    day: date
    favour: float
    against: float
    unclear: float
    masked: str = ""


def overview(
    engine: Engine, view: View, k: int, confusion: Confusion | None, tiers: Tiers = NO_LABELS
) -> list[ProposalRow]:
    """Every proposal with a position in the window, by corrected share, the masked ones last.

    tiers: what people, and a stronger reader, answered about drawn posts.
    """
    proposals = read_proposals(engine, view.sectors)
    if view.sectors and not proposals:
        return []
    before = view.previous()
    wanted = tuple(proposals) if view.sectors else ()
    cells = read_cells(engine, replace(view, since=before.since), wanted, tiers.covers)
    periods = gather(cells, [before, view], tiers)
    steps = view.steps(max(1, -(-view.days // SPARK_POINTS)))
    sparks = gather(cells, steps, tiers)
    sources: dict[str, set[str]] = {}
    for proposal, source, day in zip(cells.proposal, cells.source, cells.day, strict=True):
        if day >= view.since:
            sources.setdefault(proposal, set()).add(source)
    rows = [
        _row(
            proposals.get(name) or Proposal(id=name, title=name, statement=name),
            evidence := periods[name, 1],
            periods.get((name, 0), NOTHING),
            tuple((step.since, sparks.get((name, i), NOTHING)) for i, step in enumerate(steps)),
            tuple(sorted(sources[name])),
            evidence.masked(k),
            k,
            confusion,
        )
        for name in sorted(sources)
    ]
    shown = sorted((row for row in rows if not row.masked), key=lambda row: (-row.corrected.share, row.proposal.id))
    placed = [replace(row, rank=rank) for row, rank in zip(shown, ranks([r.corrected for r in shown]), strict=True)]
    return placed + [row for row in rows if row.masked]


def curve(
    engine: Engine,
    proposal_id: str,
    view: View,
    k: int,
    confusion: Confusion | None,
    step_days: int,
    tiers: Tiers = NO_LABELS,
) -> list[CurvePoint]:
    """Share of favour step after step; the last step is whole, the first may be shorter. Each step has the estimator
    that its own labels allow."""
    stepped = _stepped(engine, proposal_id, view, step_days, tiers)
    return [_point(step, evidence, k, confusion) for step, evidence in stepped]


def mix(engine: Engine, proposal_id: str, view: View, step_days: int, k: int = 11) -> list[MixPoint]:
    """Favour, against and unclear as they were declared or predicted, step after step, uncorrected."""
    points = []
    for step, evidence in _stepped(engine, proposal_id, view, step_days):
        cell, counts = evidence.cell, evidence.cell.counts
        sided = cell.voices_favour + cell.voices_against
        reason = masked(cell.voices, cell.voices_favour / sided if sided else nan, k)
        told = (0.0, 0.0, 0.0) if reason else (counts.favour, counts.against, counts.unclear)
        points.append(MixPoint(step.since, *told, masked=reason))
    return points


def _stepped(
    engine: Engine, proposal_id: str, view: View, step_days: int, tiers: Tiers = NO_LABELS
) -> list[tuple[View, Evidence]]:
    steps = view.steps(step_days)
    found = gather(read_cells(engine, view, (proposal_id,), tiers.covers), steps, tiers)
    return [(step, found.get((proposal_id, i), NOTHING)) for i, step in enumerate(steps)]


def _row(
    proposal: Proposal,
    evidence: Evidence,
    before: Evidence,
    spark: tuple[tuple[date, Evidence], ...],
    sources: tuple[str, ...],
    reason: str,
    k: int,
    confusion: Confusion | None,
) -> ProposalRow:
    line = tuple((day, None if each.masked(k) else each.share(confusion)) for day, each in spark)
    if reason:
        hidden = tuple((day, None) for day, _ in spark)
        return ProposalRow(proposal, UNKNOWN, UNKNOWN, 0.0, 0.0, 0.0, sources, None, None, hidden, reason)
    corrected, cell = evidence.corrected(confusion), evidence.cell
    raw, unclear = evidence.raw(), cell.counts.unclear
    change = None if before.masked(k) else difference(corrected, before.corrected(confusion))
    bought = evidence.bought(confusion)
    return ProposalRow(
        proposal, raw, corrected, cell.voices, cell.posts, unclear, sources, change, None, line, "", bought
    )


def _point(step: View, evidence: Evidence, k: int, confusion: Confusion | None) -> CurvePoint:
    if reason := evidence.masked(k):
        return CurvePoint(step.since, step.until, None, None, 0.0, 0.0, 0.0, reason)
    cell, corrected = evidence.cell, evidence.corrected(confusion)
    if isnan(corrected.share):
        return CurvePoint(step.since, step.until, None, None, cell.voices, cell.posts, cell.counts.unclear, "")
    return CurvePoint(
        step.since, step.until, evidence.raw(), corrected, cell.voices, cell.posts, cell.counts.unclear, ""
    )
