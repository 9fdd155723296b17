"""Shares from counts, before any label: raw, and corrected for the errors that an evaluation measured.

Everything here is a pure function of counts and of their bootstrap replicates (see `measures.bootstrap`).

Sampling. With independent voices a replicate of (favour, against) is (Gamma(favour), Gamma(against)), so the share's
draws follow a Beta; half a pseudo-voice on each side makes it Beta(favour + 1/2, against + 1/2), the Jeffreys interval
(Brown, Cai & DasGupta 2001, doi:10.1214/ss/1009213286). Copies and unequal weights carry fewer independent voices
than their number says (Kish 1965), so the pseudo-voice has the size of an average independent unit.

Classifier. Counting predictions is biased as soon as the classifier errs; the adjusted count inverts its error rates
(Forman 2008, doi:10.1007/s10618-008-0097-y; Saerens et al. 2002, doi:10.1162/089976602753284446). It supposes that
these rates, measured on an evaluation set, hold in the window. They are uncertain too: each draw takes its own, and
where the evaluation shows that they vary between proposals, from what it says of one proposal, not of all together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from math import isnan, nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, gammaincinv, ndtr, ndtri

from measures.bootstrap import REPLICATES, strata

Estimator = Literal["raw", "adjusted", "declared", "bayes", "ppi"]

TAILS = np.array([0.025, 0.975])
# Below this distance between the two rates, inverting them multiplies noise by more than ten.
LEAST_SKILL = 0.1

# Rows of `strata`, one for each thing that must vary on its own.
(
    PSEUDO_FAVOUR, PSEUDO_AGAINST, DECLARED_FAVOUR, DECLARED_AGAINST, _TPR, _FPR, _IGNORANCE, _FLOOR, LABELLED,
    LABEL_ERROR, POSTERIOR,
) = range(11)  # fmt: skip


def _no_replicates() -> NDArray[np.float32]:
    return np.zeros(REPLICATES, np.float32)


@dataclass(frozen=True)
class Counts:
    """What was said, in voices, posts or reach, and the same sums under each replicate's weights. They add up."""

    favour: float = 0.0
    against: float = 0.0
    unclear: float = 0.0
    favour_replicates: NDArray[np.float32] = field(default_factory=_no_replicates, repr=False)  # (REPLICATES,)
    against_replicates: NDArray[np.float32] = field(default_factory=_no_replicates, repr=False)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.favour + other.favour,
            self.against + other.against,
            self.unclear + other.unclear,
            self.favour_replicates + other.favour_replicates,
            self.against_replicates + other.against_replicates,
        )

    @property
    def sided(self) -> float:
        return self.favour + self.against

    @property
    def total(self) -> float:
        return self.favour + self.against + self.unclear

    @property
    def share(self) -> float:
        """Favour among those that take a side; NaN when nobody does."""
        return self.favour / self.sided if self.sided > 0 else nan


def sum_counts(parts: Iterable[Counts]) -> Counts:
    """Their sum; nothing at all gives zero."""
    return sum(parts, start=Counts())


@dataclass(frozen=True)
class Confusion:
    """How a classifier did on an evaluation set. counts: (3, 3), row = truth, column = predicted; each in the order
    favour, against, unclear.

    rows: how many rows of one new proposal the evaluation is worth, where error rates vary between proposals (see
    `measures.quality.rows_of_a_proposal`); None where they are the same for all. together: correlation of tpr and fpr
    over proposals (see `measures.quantification.spread`).
    """

    counts: NDArray[np.float64]
    name: str = ""
    rows: float | None = None
    together: float = 0.0

    @property
    def tpr(self) -> float:
        """Predicted favour among truly in favour, abstentions apart; NaN when there is none."""
        return _ratio(self.counts[0, 0], self.counts[0, 1])

    @property
    def fpr(self) -> float:
        """Predicted favour among truly against, abstentions apart; NaN when there is none."""
        return _ratio(self.counts[1, 0], self.counts[1, 1])

    @property
    def skilled(self) -> bool:
        """Whether the sides are told apart well enough for the error rates to be inverted."""
        return self.tpr - self.fpr >= LEAST_SKILL  # False when either is NaN


@dataclass(frozen=True)
class Estimate:
    """A share in [0, 1] with its 95 % interval. `share` is NaN, and the interval [0, 1], when nobody takes a side."""

    share: float
    low: float
    high: float
    estimator: Estimator
    sided: float
    draws: NDArray[np.float64] = field(repr=False)  # (REPLICATES,)


def raw_share(counts: Counts) -> Estimate:
    """Classify and count: favour / (favour + against), exactly, with the interval of sampling alone."""
    return estimate(counts.share, sampled(counts, PSEUDO_FAVOUR, PSEUDO_AGAINST), "raw", counts.sided)


def adjusted_share(counts: Counts, confusion: Confusion) -> Estimate:
    """Adjusted count of predicted positions: (raw - fpr) / (tpr - fpr), clipped to [0, 1].

    Binary among those that take a side: unclear predictions are abstentions, unclear truths are left out. When the
    evaluation cannot tell the sides apart (tpr - fpr < LEAST_SKILL, or a side without a row), nothing can be corrected:
    the share is the raw one, its estimator says "raw", and its interval is the whole of [0, 1].
    """
    draws = _corrected(sampled(counts, PSEUDO_FAVOUR, PSEUDO_AGAINST), confusion, counts.sided / unit_of(counts))
    if not confusion.skilled:
        return Estimate(counts.share, 0.0, 1.0, "raw", counts.sided, draws)
    return estimate(invert(counts.share, confusion), draws, "adjusted", counts.sided)


def _ratio(inside: float, outside: float) -> float:
    return float(inside / (inside + outside)) if inside + outside > 0 else nan


def sided_replicates(counts: Counts) -> NDArray[np.float64]:
    return counts.favour_replicates.astype(np.float64) + counts.against_replicates


def unit_of(counts: Counts) -> float:
    """Size of an average independent unit: 1 for separate voices, 48 for one text copied by 48 voices."""
    if counts.sided <= 0:
        return 1.0
    # Exponential weights: the variance of a sum is the sum of the squares of the units' sizes.
    return max(float(sided_replicates(counts).var(ddof=1)) / counts.sided, 1e-6)


def sampled(counts: Counts, favour_row: int, against_row: int) -> NDArray[np.float64]:
    """Draws of the share under sampling alone, (REPLICATES,)."""
    unit = unit_of(counts)
    favour = counts.favour_replicates + unit * _half_voice(favour_row)
    against = counts.against_replicates + unit * _half_voice(against_row)
    draws: NDArray[np.float64] = favour / (favour + against)
    return draws


@lru_cache(maxsize=8)
def _half_voice(row: int) -> NDArray[np.float64]:
    """Draws of Gamma(1/2), the pseudo-voice of one side."""
    draws: NDArray[np.float64] = gammaincinv(0.5, strata(row))
    return draws


def invert(share: float, confusion: Confusion) -> float:
    if confusion.rows is not None:
        # Under rates this uncertain the inverted share is most often outside [0, 1]: the mean of what it may be stays.
        return float(_corrected(np.full(REPLICATES, share), confusion, np.inf).mean())
    return float(np.clip((share - confusion.fpr) / (confusion.tpr - confusion.fpr), 0.0, 1.0))


def capped_sides(confusion: Confusion) -> NDArray[np.float64]:
    """(2, 2) counts of favour and against, no row of which is worth more than the evaluation is for one proposal."""
    sides = confusion.counts[:2, :2]
    if confusion.rows is None:
        return sides
    capped: NDArray[np.float64] = sides * np.minimum(1.0, confusion.rows / np.maximum(sides.sum(axis=1)[:, None], 1.0))
    return capped


def _corrected(draws: NDArray[np.float64], confusion: Confusion, units: float) -> NDArray[np.float64]:
    """Each draw of the raw share corrected by its own draw of the error rates; units: how many independent ones."""
    tpr, fpr = rates(confusion, strata(_TPR), strata(_FPR))
    skill = tpr - fpr
    informed = skill >= LEAST_SKILL
    # Rates that cannot tell the sides apart say nothing of the share, which may then be anything.
    inverted = np.where(informed, (draws - fpr) / np.where(informed, skill, 1.0), strata(_IGNORANCE))
    if inverted.min() < 0 or inverted.max() > 1:
        # A perfect classifier that saw none among so many still leaves this much doubt: clipping must not remove it.
        floor = np.minimum(betaincinv(0.5, units + 0.5, strata(_FLOOR)), 0.5) if np.isfinite(units) else 0.0
        inverted = np.clip(inverted, floor, 1 - floor)
    return inverted


def rates(
    confusion: Confusion | None, first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """True and false positive rates on one proposal at two sets of independent quantiles in (0, 1), from their Jeffreys
    posteriors; correlated by a Gaussian copula where the evaluation says so. Jeffreys priors without an evaluation."""
    sides = capped_sides(confusion) if confusion else np.zeros((2, 2))
    if confusion and confusion.together:
        lean = confusion.together
        second = ndtr(lean * ndtri(first) + np.sqrt(1 - lean**2) * ndtri(second))
    (right, missed), (wrong, kept) = sides + 0.5
    return betaincinv(right, missed, first), betaincinv(wrong, kept, second)


def estimate(share: float, draws: NDArray[np.float64], estimator: Estimator, sided: float) -> Estimate:
    low, high = interval(draws, share)
    return Estimate(share, low, high, estimator, sided, draws)


def interval(draws: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Quantiles of the Beta that has the mean and variance of the draws: 256 draws give two moments well and two
    tails badly. The share itself is always inside."""
    if isnan(share):
        return 0.0, 1.0
    mean, variance = float(draws.mean()), float(draws.var(ddof=1))
    spread = mean * (1 - mean)
    if variance >= spread:
        return (0.0, 1.0) if spread > 0 else (min(mean, share), max(mean, share))
    if variance <= 1e-15:
        return min(mean, share), max(mean, share)
    size = spread / variance - 1
    low, high = betaincinv(mean * size, (1 - mean) * size, TAILS)
    return min(float(low), share), max(float(high), share)
