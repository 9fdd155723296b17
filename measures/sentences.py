"""The first answer of a page, in French, made from the figures by rules: no language model, nothing more precise than
the interval."""

from collections.abc import Sequence
from dataclasses import dataclass

from measures.disclosure import rounded
from measures.evidence import ProposalRow
from measures.popularity import Difference, Estimate
from measures.window import View, Weighting

THIN = "\u202f"  # narrow no-break space: thousands, before % and inside guillemets
COLON = "\u00a0:"  # a colon takes the wide one
MINUS = "\u2212"
AMONG: dict[Weighting, str] = {
    "voices": "des voix qui prennent parti",
    "posts": "des messages qui prennent parti",
    "reach": "des publications et repartages qui prennent parti",
}
APPROVED = "est approuvée par"
MOST_APPROVED = f"est la plus approuvée{COLON}"
LEAST_APPROVED = f"est la moins approuvée{COLON}"


@dataclass(frozen=True)
class Sentence:
    """One line of Markdown (only ** is used, the title's own marks are escaped), and the proposal it speaks of."""

    text_fr: str
    proposal_id: str


def sentences(rows: Sequence[ProposalRow], view: View) -> list[Sentence]:
    """Three to five sentences, fewer when there is not so much to say: the most and the least approved, the change
    that is the largest among those established, the closest division, the most discussed; each proposal once."""
    shown = [row for row in rows if not row.masked]
    if not shown:
        return []
    told: dict[str, str] = {}
    first = shown[0]
    told[first.proposal.id] = _approved(first, _leading(first) if len(shown) > 1 else APPROVED, view)
    if len(shown) > 1:
        told[shown[-1].proposal.id] = _approved(shown[-1], _trailing(shown[-1], len(shown)), view)
    moved = [row for row in shown if row.change and row.change.established and row.proposal.id not in told]
    if moved:
        row = max(moved, key=lambda row: abs(row.change.value) if row.change else 0.0)
        told[row.proposal.id] = _approved(row, APPROVED, view)
    divided = [row for row in shown if row.corrected.low < 0.5 < row.corrected.high and row.proposal.id not in told]
    if divided:
        row = min(divided, key=lambda row: (row.corrected.high - row.corrected.low, row.proposal.id))
        told[row.proposal.id] = (
            f"{_title(row)} partage{COLON} **{_percent(row.corrected.share)}** d'approbation"
            f" {_between(row.corrected)}, pas de majorité établie."
        )
    discussed = max(shown, key=lambda row: row.voices)
    if discussed.proposal.id not in told:
        voices = _number(rounded(discussed.voices))
        opening = f"est la plus discutée ({voices} voix){THIN}; elle {APPROVED}"
        told[discussed.proposal.id] = _approved(discussed, opening, view)
    return [Sentence(text, proposal) for proposal, text in told.items()]


def _approved(row: ProposalRow, opening: str, view: View) -> str:
    share = f"**{_percent(row.corrected.share)}** {AMONG[view.weighting]} {_between(row.corrected)}"
    return f"{_title(row)} {opening} {share}{_trend(row.change, view)}."


def _leading(row: ProposalRow) -> str:
    if row.rank is None or row.rank.worst == 1:
        return MOST_APPROVED
    return f"arrive en tête, sans se détacher (rangs {row.rank.best} à {row.rank.worst}){COLON}"


def _trailing(row: ProposalRow, rows: int) -> str:
    if row.rank is None or row.rank.best == rows:
        return LEAST_APPROVED
    return f"arrive en dernier, sans se détacher (rangs {row.rank.best} à {row.rank.worst}){COLON}"


def _trend(change: Difference | None, view: View) -> str:
    if change is None or change.value != change.value:
        return ""
    since = {1: "la veille", 7: "la semaine précédente"}.get(view.days, f"les {view.days} jours précédents")
    if not change.established or round(100 * change.value) == 0:
        return f", pas de différence établie avec {since}"
    way = "hausse" if change.value > 0 else "baisse"
    low, high = _signed(change.low), _signed(change.high)
    spread = f"entre {low} et {high}" if low != high else f"environ {low}"
    points = "point" if abs(round(100 * change.value)) < 2 else "points"
    return f", en {way} probable depuis {since} ({_signed(change.value)} {points}, {spread})"


def _title(row: ProposalRow) -> str:
    escaped = "".join(f"\\{mark}" if mark in "\\`*_[]<>$~|#" else mark for mark in row.proposal.title.strip())
    return f"«{THIN}{escaped.rstrip('.')}{THIN}»"


def _percent(share: float) -> str:
    return f"{round(100 * share)}{THIN}%"


def _between(estimate: Estimate) -> str:
    low, high = round(100 * estimate.low), round(100 * estimate.high)
    return f"(entre {low} et {high})" if low != high else f"(environ {low})"


def _signed(share: float) -> str:
    points = round(100 * share)
    return f"+{points}" if points > 0 else f"{MINUS}{-points}" if points < 0 else "0"


def _number(count: int) -> str:
    return f"{count:,}".replace(",", THIN)
