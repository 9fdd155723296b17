"""From answers to shares without a label: adjusted count and EMQ over three classes, and how alike errors are.

Both solve the same equation: answers (or bins of scores) are a mixture of what each true class gives, in unknown
proportions. The maximum of its likelihood, found by expectation-maximisation, is EMQ (Saerens, Latinne & Decaestecker
2002, doi:10.1162/089976602753284446) when the mixture comes from probabilities, and the adjusted count (Forman 2008,
doi:10.1007/s10618-008-0097-y) kept inside the simplex when it comes from a confusion.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from measures.estimators import Confusion

Array = NDArray[np.float64]
SIDE_BINS, DOUBT_BINS = 10, 3
BINS = SIDE_BINS * DOUBT_BINS
_ROUNDS, _STILL = 2_000, 1e-9


def mixture(seen: Array, given: Array) -> Array:
    """Proportions of classes whose mixture is likeliest to have given what was seen.

    seen: (k,) or (k, r) counts by answer or bin, one column for each replicate. given: (c, k) non-negative, row =
    probability of each answer from a class, up to a factor common to a column. Returns (c,) or (c, r) that sum to 1;
    the same for all classes where nothing was seen. Raises ValueError on shapes that do not fit.
    """
    counts = seen if seen.ndim == 2 else seen[:, None]
    if given.ndim != 2 or given.shape[1] != len(counts) or (given < 0).any() or (counts < 0).any():
        raise ValueError(f"expected (c, {len(counts)}) probabilities and counts, got {given.shape} and {seen.shape}")
    total = counts.sum(axis=0)
    shares = np.full((len(given), counts.shape[1]), 1 / len(given))
    for _ in range(_ROUNDS if total.any() else 0):
        expected = given.T @ shares
        ratio = np.divide(counts, expected, out=np.zeros_like(expected), where=expected > 0)
        updated = shares * (given @ ratio)
        whole = updated.sum(axis=0)
        updated = np.divide(updated, whole, out=shares.copy(), where=whole > 0)
        moved = np.abs(updated - shares).max()
        shares = updated
        if moved < _STILL:
            break
    return shares if seen.ndim == 2 else np.asarray(shares[:, 0])


def emq(histogram: Array, posteriors: Array, prior: Array) -> Array:
    """EMQ on binned probabilities.

    histogram: (k,) or (k, r) posts by bin. posteriors: (k, 3) mean probability of each class in a bin, calibrated where
    the classes come as `prior`, (3,), says. Returns (3,) or (3, r) proportions of favour, against, unclear.
    """
    if not (prior > 0).all():
        raise ValueError("every class needs a prior above zero")
    return mixture(histogram, (posteriors / prior).T)


def adjusted_count(answers: Array, confusion: Confusion) -> Array:
    """Adjusted count over three classes: (3,) or (3, r) answers -> proportions of favour, against, unclear.

    A class that the evaluation never met is left out (proportion 0).
    """
    total = confusion.counts.sum(axis=1, keepdims=True)
    met = total[:, 0] > 0
    if not met.any():
        raise ValueError("an evaluation without a row says nothing")
    found = np.zeros((3, *answers.shape[1:]))
    found[met] = mixture(answers, confusion.counts[met] / total[met])
    return found


def favour_share(proportions: Array) -> Array:
    """Favour among those that take a side: (3,) or (3, r) -> () or (r,); NaN where nobody does."""
    favour, sided = proportions[0], proportions[0] + proportions[1]
    return np.asarray(np.divide(favour, sided, out=np.full(np.shape(sided), np.nan), where=np.asarray(sided > 0)))


def bins_of(probabilities: Array) -> NDArray[np.int64]:
    """(n, 3) probabilities of favour, against, unclear -> (n,) bins below BINS, by side then by doubt.

    Ten bins of favour among the two sides and three of unclear hold all that EMQ uses, and name nobody.
    """
    sides = probabilities[:, 0] + probabilities[:, 1]
    side = np.divide(probabilities[:, 0], sides, out=np.full(len(sides), 0.5), where=sides > 0)
    column = np.minimum(side * SIDE_BINS, SIDE_BINS - 1).astype(np.int64)
    row = np.minimum(probabilities[:, 2] * DOUBT_BINS, DOUBT_BINS - 1).astype(np.int64)
    return np.asarray(row * SIDE_BINS + column)


class Spread(NamedTuple):
    """How error rates differ between proposals.

    rows: of how many independent rows of one proposal the rates of a side are worth (see `measures.popularity`);
    None where they do not differ. together: correlation, over proposals, of predicted favour among those in favour and
    among those against; above 0 where a reader leans to one answer on a proposal.
    """

    rows: float | None
    together: float


def spread(truth: NDArray[np.int64], answered: NDArray[np.int64], proposals: NDArray[np.int64]) -> Spread:
    """Spread of the rates of sided answers to sided truths, each side on its own, (n,) arrays.

    Analysis of variance for unequal groups (Donner & Koval 1980, doi:10.2307/2530491), within-proposal noise taken out.
    Rows of both sides together would say less: a reader that leans to one answer errs more on one side and less on the
    other, and its accuracy hides it (on République numérique, 0.04 for accuracy, 0.07 and 0.12 for the sides).
    """
    chosen = (truth < 2) & (answered < 2)
    favour = (answered[chosen] == 0).astype(np.float64)
    side, owner = truth[chosen], np.unique(proposals[chosen], return_inverse=True)[1]
    between, alike = [], []
    for each in (0, 1):
        rho, variance = _alike(favour[side == each], owner[side == each])
        between.append(variance)
        alike.append(rho)
    rho = float(np.mean(alike))
    if rho <= 0:
        return Spread(None, 0.0)
    shared = np.sqrt(max(between[0], 0.0) * max(between[1], 0.0))
    together = _product(favour, side, owner) / shared if shared > 0 else 0.0
    return Spread((1 - rho) / rho, float(np.clip(together, -0.95, 0.95)))


def _alike(hits: Array, owner: NDArray[np.int64]) -> tuple[float, float]:
    """Intraclass correlation of 0/1 rows of groups, and the variance between groups."""
    _, group, sizes = np.unique(owner, return_inverse=True, return_counts=True)
    groups, rows = len(sizes), len(hits)
    if groups < 2 or rows <= groups:
        return 0.0, 0.0
    means = np.bincount(group, hits) / sizes
    between = float((sizes * (means - hits.mean()) ** 2).sum()) / (groups - 1)
    within = float(((hits - means[group]) ** 2).sum()) / (rows - groups)
    size = (rows - float((sizes**2).sum()) / rows) / (groups - 1)
    variance = (between - within) / size
    return (variance / (variance + within) if variance + within > 0 else 0.0), variance


def _product(favour: Array, side: NDArray[np.int64], owner: NDArray[np.int64]) -> float:
    """Covariance between proposals of the two rates: rows of different sides share nothing but their proposal."""
    away = favour - np.array([favour[side == each].mean() for each in (0, 1)])[side]
    sums = [np.bincount(owner[side == each], away[side == each], owner.max() + 1) for each in (0, 1)]
    sizes = [np.bincount(owner[side == each], minlength=owner.max() + 1) for each in (0, 1)]
    pairs = float((sizes[0] * sizes[1]).sum())
    return float((sums[0] * sums[1]).sum()) / pairs if pairs else 0.0
