"""Popularity: the share of favour among voices that take a side, with an interval that says how far to trust it.

Votes and declared sides are taken as they are; what a model predicted is corrected by the estimator that `choose`
names: from the model's evaluation alone (`measures.estimators`), or with human labels too (`measures.labelled_few`,
`measures.labelled`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
from numpy.typing import NDArray

from measures.bootstrap import REPLICATES, strata
from measures.estimators import (
    DECLARED_AGAINST,
    DECLARED_FAVOUR,
    TAILS,
    Confusion,
    Counts,
    Estimate,
    Estimator,
    adjusted_share,
    estimate,
    interval,
    invert,
    raw_share,
    sampled,
    sided_replicates,
    sum_counts,
)
from measures.labelled import LabelError, Labels, labelled_share
from measures.labelled_few import updated_share

__all__ = [
    "REPLICATES",
    "Confusion",
    "Counts",
    "Difference",
    "Estimate",
    "Estimator",
    "LabelError",
    "Labels",
    "Rank",
    "adjusted_share",
    "choose",
    "combined",
    "combined_share",
    "difference",
    "predicted_share",
    "probability_ahead",
    "ranks",
    "raw_share",
    "sum_counts",
]

# Under this many labels that take a side, their own variance is too poorly known for a difference estimator.
FEW_LABELS = 30
# What is known of a model that nobody evaluated: its answers say nothing yet.
NOT_EVALUATED = Confusion(np.zeros((3, 3)), "")
_RANKS = 1_000


@dataclass(frozen=True)
class Difference:
    """First minus second, with its 95 % interval, in [-1, 1]."""

    value: float
    low: float
    high: float

    @property
    def established(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Rank:
    """Where an estimate stands, 1 being the most approved: 95 % interval and median."""

    best: int
    middle: int
    worst: int


def choose(sided_labels: int, evaluated: bool) -> Estimator:
    """The estimator of what a model predicted, from the design alone: never from what any of them gives.

    sided_labels: human labels that take a side, drawn at known probabilities from this proposal in this period.
    evaluated: whether this model has an evaluation that holds for sources of this family.

    | labels that take a side | evaluation | estimator | its interval carries |
    |---|---|---|---|
    | 30 or more | or not | **ppi** (`measures.labelled`): PPI++ | voices and folds, draw of labels, label errors |
    | 1 to 29 | yes | **bayes** (`measures.labelled_few`) | the same, and the spread of error rates between proposals |
    | 1 to 29 | no | **bayes**, nothing supposed of error rates | the same, much wider |
    | none | yes | **adjusted** (`measures.estimators`) | voices and folds, spread of error rates between proposals |
    | none | no | **raw** | everything from 0 to 1: what the model said is not what people think |
    """
    if sided_labels >= FEW_LABELS:
        return "ppi"
    if sided_labels:
        return "bayes"
    return "adjusted" if evaluated else "raw"


def predicted_share(
    predicted: Counts, confusion: Confusion | None, labels: Sequence[Labels] = (), error: LabelError | None = None
) -> Estimate:
    """Share of what was predicted, by the estimator that `choose` names.

    labels: the tiers that read samples, people last (see `labelled_share`); none where nobody did. confusion: of the
    model, for the sources at hand; None without an evaluation. error: of people's labels.
    With few labels and a stronger reader under them, what people correct is that reader, of which nothing is supposed.
    """
    people = labels[-1] if labels else None
    estimator = choose(people.sided if people else 0, confusion is not None)
    if estimator == "ppi":
        return labelled_share(predicted, labels, error).estimate
    if estimator == "bayes":
        if len(labels) > 1:
            return updated_share(labels[-2].counts(), people, None, error)
        return updated_share(predicted, people, confusion, error)
    return adjusted_share(predicted, confusion or NOT_EVALUATED)


def combined(
    declared: Counts,
    predicted: Counts,
    confusion: Confusion | None,
    labels: Sequence[Labels] = (),
    error: LabelError | None = None,
    beyond: Counts | None = None,
) -> Estimate:
    """Votes and declared sides as they are, predictions corrected, in the proportions in which they come.

    Its estimator says which happened: "declared" (nothing was predicted), what `choose` names, or "raw" when the
    predictions could not be corrected (no evaluation, or one that cannot tell the sides apart, see `adjusted_share`):
    they may then be anything, and the interval is as wide.
    labels and error: see `predicted_share`. beyond: predictions among which no label was drawn; predicted is then the
    others. They are corrected without labels.
    """
    beyond = beyond or Counts()
    if not labels or not labels[-1].sided or not predicted.sided:
        predicted, beyond, labels = predicted + beyond, Counts(), ()
    parts = []
    if declared.sided:
        draws = sampled(declared, DECLARED_FAVOUR, DECLARED_AGAINST)
        known = estimate(declared.share, draws, "declared", declared.sided)
        parts.append((known, sided_replicates(declared)))
    for counts, told in ((predicted, labels), (beyond, ())):
        if counts.sided:
            guessed = predicted_share(counts, confusion, told, error)
            parts.append((guessed, sided_replicates(counts) * (guessed.sided / counts.sided)))
    if not parts or (len(parts) == 1 and declared.sided):
        exact = raw_share(declared)
        return Estimate(exact.share, exact.low, exact.high, "declared", exact.sided, exact.draws)
    return parts[0][0] if len(parts) == 1 else _mixed(parts)


def _mixed(parts: Sequence[tuple[Estimate, NDArray[np.float64]]]) -> Estimate:
    """Several parts of one whole, each with the replicates of how much it weighs; those that are "raw" may be
    anything, the others still hold their part."""
    declared: Estimator = "declared"
    estimator = next((each.estimator for each, _ in parts if each.estimator != declared), declared)
    sided = sum(each.sided for each, _ in parts)
    share, draws = _whole(parts)
    known = [part for part in parts if part[0].estimator != "raw"]
    if len(known) == len(parts) or not known:
        return estimate(share, draws, estimator, sided)
    low, high = interval(_whole(known)[1], _whole(known)[0])
    fixed = sum(each.sided for each, _ in known) / sided
    return Estimate(share, low * fixed, high * fixed + 1 - fixed, estimator, sided, draws)


def _whole(parts: Sequence[tuple[Estimate, NDArray[np.float64]]]) -> tuple[float, NDArray[np.float64]]:
    share = sum(each.share * each.sided for each, _ in parts) / sum(each.sided for each, _ in parts)
    draws = sum(each.draws * weight for each, weight in parts) / sum(weight for _, weight in parts)
    return share, np.asarray(draws, np.float64)


def combined_share(declared: Counts, predicted: Counts, confusion: Confusion | None) -> float:
    """The share of `combined` alone, much faster, for a line without a band; NaN when nobody takes a side."""
    if confusion is None or not confusion.skilled or not predicted.sided:
        return (declared + predicted).share
    favour = declared.favour + invert(predicted.share, confusion) * predicted.sided
    return favour / (declared.sided + predicted.sided)


def probability_ahead(a: Estimate, b: Estimate) -> float:
    """Probability that the first share is above the second, over all pairs of draws; a tie is worth a half.

    The draws of two proposals are independent because voices have other keys for another proposal; people who speak
    of both cannot be matched, by design, so a correlation between their answers is not used.
    """
    ordered = np.sort(b.draws)
    below = np.searchsorted(ordered, a.draws, side="left") + np.searchsorted(ordered, a.draws, side="right")
    return float(below.mean() / (2 * len(ordered)))


def difference(a: Estimate, b: Estimate) -> Difference:
    """First share minus the second, with the 95 % interval over all pairs of draws; NaN where one is unknown."""
    value = a.share - b.share
    low, high = np.quantile(np.subtract.outer(a.draws, b.draws), TAILS)
    if isnan(value):
        return Difference(nan, float(low), float(high))
    return Difference(value, min(float(low), value), max(float(high), value))


def ranks(estimates: Sequence[Estimate]) -> list[Rank]:
    """95 % interval and median of the rank of each, over joint draws (Goldstein & Spiegelhalter 1996,
    doi:10.2307/2983325). Ties share the middle of their places."""
    if not estimates:
        return []
    # The pseudo-voices of two estimates are the same draws: shuffled, they are independent again.
    joint = np.stack([e.draws[np.argsort(strata(_RANKS + row))] for row, e in enumerate(estimates)])
    above = (joint[:, None] < joint[None]).sum(axis=1)
    places = 1 + above + ((joint[:, None] == joint[None]).sum(axis=1) - 1) / 2
    spread = np.quantile(places, [TAILS[0], 0.5, TAILS[1]], axis=1)
    best, worst = np.floor(spread[0]).astype(int), np.ceil(spread[2]).astype(int)
    middle = np.clip(np.rint(spread[1]).astype(int), best, worst)
    return [Rank(int(b), int(m), int(w)) for b, m, w in zip(best, middle, worst, strict=True)]
