"""Popularity with labels drawn at known probabilities: what people read corrects what models read.

One tier (people over the small model) is PPI++ (Angelopoulos, Duchi & Zrnic 2023, arXiv:2311.01453), which is the
design-based supervised learning of Egami et al. (2023, arXiv:2306.04746) for a ratio. Each further tier (a stronger
reader between them) adds one difference, as control variates do (Särndal, Swensson & Wretman 1992, chapter 6).

With u = y_favour - q (y_favour + y_against) what the last tier says of a post, m the answers of a tier below centred on
their own share, and pi the known probability, the share q solves
    sum_people u / pi - sum_tiers lambda_t (sum_above m_t / pi_above - sum_own m_t / pi_own) = 0.
Each bracket has mean zero whatever the reader is worth, so q is right for any lambda; lambda_t is the one that leaves
the least variance, shrunk as the adjusted R2 is because it is found on the same labels (Mani et al. 2025,
arXiv:2505.20178). Posts that people say take no side count in neither sum.

Variance. Every sum has its replicates, in which a voice or a fold has the weight that it has in the tallies, so the
variance of the equation over replicates (delta method) carries sampling over voices and folds and the draw of labels.
The interval is a Beta of the effective number of labels (Korn & Graubard 1998), which holds near 0 and 1 where q plus
or minus two deviations does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from measures.bootstrap import replicate_weights, strata
from measures.estimators import LABEL_ERROR, LABELLED, Counts, Estimate, estimate

FAVOUR, AGAINST, NEITHER = 0, 1, 2
Array = NDArray[np.float64]


@dataclass(frozen=True)
class LabelError:
    """How often a label gives the other side, the same for both sides and whatever the models answered.

    rate: in [0, 0.5). rows: how many double-checked labels that rate is worth; its uncertainty is a Beta of that size.
    On consultations 10 % of arguments were filed on the side that their author did not vote for.

    A share q of labels in favour then comes from a true share (q - rate) / (1 - 2 rate) (Rogan & Gladen 1978,
    doi:10.1093/oxfordjournals.aje.a112510): uncorrected, labels pull every share towards a half.
    """

    rate: float = 0.1
    rows: float = 100.0

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 0.5 or self.rows <= 0:
            raise ValueError(f"a label error of {self.rate} over {self.rows} rows; expected a rate in [0, 0.5)")

    @classmethod
    def of_pairs(cls, same: float, different: float) -> "LabelError":
        """From posts that two people labelled, each wrong at the same rate e on its own: they differ on 2 e (1 - e).

        Raises ValueError where they differ as often as by chance.
        """
        pairs = same + different + 1  # half a pair on each side
        apart = (different + 0.5) / pairs
        if apart >= 0.5:
            raise ValueError(f"{different} answers of {same + different} differ: these labels say nothing")
        rate = (1 - sqrt(1 - 2 * apart)) / 2
        variance = apart * (1 - apart) / pairs / (1 - 2 * apart)
        return cls(rate, max(rate * (1 - rate) / variance - 1, 1.0))

    def rates(self, quantiles: Array) -> Array:
        """The rate at each quantile in (0, 1) of what it may be; beyond a half labels would be reversed."""
        if self.rate == 0:
            return np.zeros(len(quantiles))
        found: Array = betaincinv(self.rate * self.rows, (1 - self.rate) * self.rows, quantiles)
        return np.minimum(found, 0.45)


EXACT = LabelError(0.0)


@dataclass(frozen=True)
class Labels:
    """Posts that one tier read among those that the tier under it had read, with the probability of each draw.

    below: (m,) what the tier under answered on them; answer: (m,) what this one did; both 0 favour, 1 against,
    2 neither (unclear, or not about the proposal). drawn_with: (m,) probability in (0, 1] that the post was drawn,
    whatever the order and the number of draws. units: (m,) names of their voices or folds, those of the tallies.
    sizes: (m,) what each counts for (1 for a voice, 1 + reposts for reach); 1 by default.
    Raises ValueError on lengths that differ, on codes and on probabilities out of range.
    """

    below: NDArray[np.int64]
    answer: NDArray[np.int64]
    drawn_with: Array
    units: NDArray[np.uint64]
    sizes: Array = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        if not len(self.sizes):
            object.__setattr__(self, "sizes", np.ones(len(self.answer)))
        if len({len(part) for part in (self.below, self.answer, self.drawn_with, self.units, self.sizes)}) > 1:
            raise ValueError("labels: arrays of different lengths")
        if not (np.isin(self.below, (0, 1, 2)).all() and np.isin(self.answer, (0, 1, 2)).all()):
            raise ValueError("labels: answers are 0 (favour), 1 (against) or 2 (neither)")
        if not ((self.drawn_with > 0) & (self.drawn_with <= 1)).all():
            raise ValueError("labels: a probability of being drawn is above 0 and at most 1")

    @property
    def sided(self) -> int:
        """How many take a side."""
        return int((self.answer != NEITHER).sum())

    @property
    def weights(self) -> Array:
        """(m,) how many like it each post stands for."""
        return self.sizes / self.drawn_with

    def replicates(self) -> Array:
        """(m, REPLICATES) the weights under each replicate."""
        return self.weights[:, None] * replicate_weights(self.units)

    def counts(self) -> Counts:
        """What this tier answers, estimated for everything that its sample was drawn from."""
        weights, replicates = self.weights, self.replicates().astype(np.float32)
        favour, against = self.answer == FAVOUR, self.answer == AGAINST
        return Counts(
            float(weights[favour].sum()),
            float(weights[against].sum()),
            float(weights[self.answer == NEITHER].sum()),
            replicates[favour].sum(axis=0),
            replicates[against].sum(axis=0),
        )


@dataclass(frozen=True)
class Labelled:
    """An estimate from labels and what each tier under the people brought, from the smallest model up.

    tuning: lambda of each tier, 0 when it brings nothing. bought: share of the variance of labels alone that it took
    away, in [0, 1]; what is left of 1 is the labels' own. alone: the estimate from the labels alone, for comparison.
    """

    estimate: Estimate
    tuning: tuple[float, ...]
    bought: tuple[float, ...]


def labelled_share(counts: Counts, tiers: Sequence[Labels], error: LabelError | None = None) -> Labelled:
    """Share of favour among those that take a side, as people read them.

    counts: what the small model answered on everything. tiers: the samples above it, the last one read by people; a
    post of one must have been read by the one before (its answer is `below`). error: of people's labels (None: the
    default of LabelError). The estimate's `sided` is the number that takes a side according to people.
    Raises ValueError when there is no tier or nobody takes a side in the last.
    """
    if not tiers or not tiers[-1].sided:
        raise ValueError("no label takes a side")
    people = tiers[-1]
    weights, replicates = people.weights, people.replicates()
    is_favour, takes_side = people.answer == FAVOUR, people.answer != NEITHER
    sided = float(weights[takes_side].sum())
    share = float(weights[is_favour].sum()) / sided
    labels = _equation(replicates, is_favour, takes_side, share)
    pieces = _pieces(counts, tiers)
    tuning, bought, rest, left, effective = [], [], labels, labels.var(ddof=1), _independent(people)
    for value, piece in reversed(pieces):
        slope = _tuned(rest, piece, effective)
        rest = rest - slope * piece
        share -= slope * value / sided
        after = min(float(rest.var(ddof=1)), left)
        tuning.append(slope)
        bought.append((left - after) / float(labels.var(ddof=1)) if left > 0 else 0.0)
        left = after
    share = min(max(share, 0.0), 1.0)
    spent = 1 + sum(slope != 0 for slope in tuning)
    variance = left / sided**2 * effective / max(effective - spent, 1.0)
    found = _with_error(share, _worth(share, variance, effective), error or LabelError(), sided)
    return Labelled(found, tuple(reversed(tuning)), tuple(reversed(bought)))


def _pieces(counts: Counts, tiers: Sequence[Labels]) -> list[tuple[float, Array]]:
    """For each tier under the people, from the smallest: the total of its centred answers over the posts read above
    minus that over its own, and the replicates of it. Its own total is zero by centring, its replicates are not."""
    pieces = []
    share = counts.share if counts.sided else 0.5
    own = (1 - share) * counts.favour_replicates.astype(np.float64) - share * counts.against_replicates
    for tier in tiers:
        favour, side = tier.below == FAVOUR, tier.below != NEITHER
        replicates, weights = tier.replicates(), tier.weights
        value = float(weights @ (favour - share * side))
        pieces.append((value, _equation(replicates, favour, side, share) - own))
        favour, side = tier.answer == FAVOUR, tier.answer != NEITHER
        share = float(weights[favour].sum() / weights[side].sum()) if side.any() else 0.5
        own = _equation(replicates, favour, side, share)
    return pieces


def _equation(replicates: Array, favour: NDArray[np.bool_], side: NDArray[np.bool_], share: float) -> Array:
    """Replicates of the total of favour - share * side, (REPLICATES,)."""
    total: Array = (favour - share * side) @ replicates
    return total


def _tuned(rest: Array, piece: Array, effective: float) -> float:
    """The lambda that leaves the least variance, shrunk by what chance alone would find with so few labels."""
    spread = float(piece.var(ddof=1))
    if spread <= 0 or effective <= 3:
        return 0.0
    slope = float(np.cov(rest, piece)[0, 1]) / spread
    explained = slope**2 * spread / max(float(rest.var(ddof=1)), 1e-12)
    if explained <= 0:
        return 0.0
    return slope * max(0.0, 1 - (1 - min(explained, 1.0)) / (explained * (effective - 2)))


def _independent(labels: Labels) -> float:
    """How many independent labels that take a side theirs are worth: (sum w)^2 / sum (w of a unit)^2 (Kish 1965)."""
    side = labels.answer != NEITHER
    _, owner = np.unique(labels.units[side], return_inverse=True)
    by_unit = np.bincount(owner, labels.weights[side])
    return float(by_unit.sum() ** 2 / (by_unit**2).sum())


def _worth(share: float, variance: float, labels: float) -> float:
    """Effective number of labels of a share with that variance; that of the labels where one side was never seen."""
    seen = 1 / labels
    return (share * (1 - share) + seen) / (variance + seen / labels)


def _with_error(share: float, worth: float, error: LabelError, sided: float) -> Estimate:
    said = betaincinv(share * worth + 0.5, (1 - share) * worth + 0.5, strata(LABELLED))
    rates = error.rates(strata(LABEL_ERROR))
    draws = np.clip((said - rates) / (1 - 2 * rates), 0.0, 1.0)
    corrected = min(max((share - error.rate) / (1 - 2 * error.rate), 0.0), 1.0)
    return estimate(corrected, draws, "ppi", sided)
