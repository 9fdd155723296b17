"""Formulas that judge (n, 3) probabilities of favour, against, unclear; intervals draw whole proposals again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAVOUR, AGAINST, UNCLEAR = 0, 1, 2
COVERAGES = (1.0, 0.9, 0.75, 0.5)
_DRAWS = 2_000
# A threshold chosen on fewer answers says nothing of the next ones.
FEWEST_KEPT = 20

Counts = NDArray[np.int64] | NDArray[np.float64]
Truth = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Bin:
    """Answers whose top probability is in [start, end): how many, how sure they were on average, how often right."""

    start: float
    end: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Kept:
    """What is left when only the surest answers are kept: those of top probability `threshold` or more.

    coverage: the share of rows that they are. accuracy: their share of right answers, with its 95 % interval.
    """

    coverage: float
    threshold: float
    n: int
    accuracy: float
    interval: tuple[float, float]


def groups_of(proposals: list[str]) -> Truth:
    """(n,) numbers from 0, one for each distinct proposal."""
    return np.asarray(np.unique(np.array(proposals), return_inverse=True)[1], np.int64)


def confusions(truth: Truth, answers: Truth, groups: Truth) -> NDArray[np.int64]:
    """(groups, 3, 3) counts, truth then answer."""
    counts = np.zeros((int(groups.max(initial=-1)) + 1, 3, 3), np.int64)
    np.add.at(counts, (groups, truth, answers), 1)
    return counts


def f1_by_class(confusion: Counts) -> NDArray[np.float64]:
    """(..., 3) F1 of each class from (..., 3, 3) counts; NaN where a class is neither true nor answered."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    scores: NDArray[np.float64] = np.divide(2 * right, total, out=np.full(right.shape, np.nan), where=total > 0)
    return scores


def macro_f1(confusion: Counts) -> NDArray[np.float64]:
    """(...,) mean F1 of favour and against, the usual score of stance (Mohammad et al. 2016, SemEval task 6)."""
    return np.asarray(f1_by_class(confusion)[..., [FAVOUR, AGAINST]].mean(axis=-1), dtype=np.float64)


def _right(truth: Truth, probabilities: Probabilities) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n,) top probabilities, and whether the likeliest class is the true one."""
    return probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == truth


def _places(top: NDArray[np.float64], bins: int) -> Truth:
    return np.minimum((top * bins).astype(np.int64), bins - 1)


def calibration_error(truth: Truth, probabilities: Probabilities, bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017): mean gap, over equal bins of the top probability weighted by
    their rows, between that probability and the share of right answers. NaN without rows."""
    if not len(truth):
        return float("nan")
    top, right = _right(truth, probabilities)
    gaps = np.bincount(_places(top, bins), weights=right - top, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def calibration_noise(probabilities: Probabilities, bins: int = 10, seed: int = 0) -> float:
    """The calibration error that chance alone gives, on average, to probabilities that are exactly true.

    The error is a sum of absolute values, so few rows inflate it (Kumar, Liang & Ma 2019; Bröcker & Smith 2007 draw
    the answers again in the same way). NaN without rows.
    """
    if not len(probabilities):
        return float("nan")
    top = probabilities.max(axis=1).astype(np.float64)
    places = _places(top, bins)
    drawn = np.random.default_rng(seed).random((200, len(top))) < top
    gaps = np.stack([(drawn - top)[:, places == place].sum(axis=1) for place in range(bins)])
    return float(np.abs(gaps).sum(axis=0).mean() / len(top))


def reliability(truth: Truth, probabilities: Probabilities, bins: int = 10) -> tuple[Bin, ...]:
    """The reliability diagram (Niculescu-Mizil & Caruana 2005) as rows: the bins that hold an answer, in order."""
    top, right = _right(truth, probabilities)
    places = _places(top, bins)
    return tuple(
        Bin(place / bins, (place + 1) / bins, int(here.sum()), float(top[here].mean()), float(right[here].mean()))
        for place in range(bins)
        if (here := places == place).any()
    )


def at_coverage(truth: Truth, probabilities: Probabilities, groups: Truth, coverage: float, seed: int = 0) -> Kept:
    """Accuracy of the `coverage` share of rows that are surest: a point of the risk-coverage curve (El-Yaniv & Wiener
    2010). Equally sure rows are kept together, so the coverage may be larger than asked. Raises ValueError without
    rows."""
    if not len(truth):
        raise ValueError("no row to keep")
    top = np.sort(probabilities.max(axis=1))[::-1]
    return _kept(truth, probabilities, groups, float(top[max(1, round(coverage * len(top))) - 1]), seed)


def for_precision(
    truth: Truth, probabilities: Probabilities, groups: Truth, precision: float, seed: int = 0
) -> Kept | None:
    """The lowest threshold whose kept answers are right at least `precision` of the time; None where no threshold
    that keeps FEWEST_KEPT rows does.

    It is chosen on the rows that it is told of, so it flatters: its interval says by how much it may.
    """
    top, right = _right(truth, probabilities)
    order = np.argsort(-top, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(top) + 1)
    last = np.append(np.diff(top[order]) != 0, True)  # equal probabilities are kept together
    good = np.flatnonzero(last & (share >= precision) & (np.arange(1, len(top) + 1) >= FEWEST_KEPT))
    return _kept(truth, probabilities, groups, float(top[order][good[-1]]), seed) if len(good) else None


def _kept(truth: Truth, probabilities: Probabilities, groups: Truth, threshold: float, seed: int) -> Kept:
    top, right = _right(truth, probabilities)
    kept = top >= threshold
    parts = int(groups.max()) + 1
    sums = np.stack([np.bincount(groups, right & kept, parts), np.bincount(groups, kept, parts)], axis=1)
    interval = _quantiles(*_drawn(sums, seed).T)
    return Kept(float(kept.mean()), threshold, int(kept.sum()), float(right[kept].mean()), interval)


def bootstrap_interval(counts: Counts, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the macro-F1 when proposals, with all their rows, are drawn again.

    counts: (proposals, 3, 3); NaN where they are all zero. Texts on one proposal share its difficulty, so rows are not
    drawn one by one (Field & Welsh 2007).
    """
    if not counts.sum():
        return float("nan"), float("nan")
    drawn = _drawn(counts.reshape(len(counts), 9), seed).reshape(-1, 3, 3)
    return _middle(macro_f1(drawn))


def accuracy_interval(counts: NDArray[np.int64], seed: int = 0) -> tuple[float, float]:
    """The same of the accuracy."""
    sums = np.stack([np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))], axis=1)
    return _quantiles(*_drawn(sums, seed).T) if counts.sum() else (float("nan"), float("nan"))


def calibration_interval(
    truth: Truth, probabilities: Probabilities, groups: Truth, bins: int = 10, seed: int = 0
) -> tuple[float, float]:
    """The same of the calibration error, which a drawn sample inflates like any other: see `calibration_noise`."""
    if not len(truth):
        return float("nan"), float("nan")
    top, right = _right(truth, probabilities)
    sums = np.zeros((int(groups.max()) + 1, bins + 1))
    np.add.at(sums, (groups, _places(top, bins)), right - top)
    sums[:, bins] = np.bincount(groups)
    drawn = _drawn(sums, seed)
    return _quantiles(np.abs(drawn[:, :bins]).sum(axis=1), drawn[:, bins])


def _drawn(sums: Counts, seed: int) -> NDArray[np.float64]:
    """(draws, ...) sums over proposals, drawn again with replacement, from (proposals, ...) sums of each."""
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_DRAWS)
    return np.asarray(weights @ sums, np.float64)


def _quantiles(part: NDArray[np.float64], whole: NDArray[np.float64]) -> tuple[float, float]:
    shares = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return _middle(shares)


def _middle(drawn: NDArray[np.float64]) -> tuple[float, float]:
    """What holds 95 % of the draws that are known."""
    known = drawn[~np.isnan(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    return float(low), float(high)
