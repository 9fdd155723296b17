"""How far those who label agree: Cohen's kappa of each two, Krippendorff's alpha of all, with bootstrap intervals.

scikit-learn has the former (`cohen_kappa_score`) and the package `krippendorff` the latter, one sample at a time: a
bootstrap over both would take seconds on a page. Both are a few lines over arrays of tables, so they are written so
here, and the tests compare them with scikit-learn and with Krippendorff's own example.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 1_000
Coefficient = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Figure:
    """A coefficient, 1 for full agreement and 0 for what chance gives, with its 95 % interval. NaN: unknown."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """Two roles: how many posts both answered, on which share they say the same, and Cohen's kappa."""

    first: str
    second: str
    n: int
    same: float
    kappa: Figure


@dataclass(frozen=True)
class Agreement:
    """n: posts that two roles or more answered. pairs: of roles that share a post, most posts first."""

    n: int
    pairs: tuple[Pair, ...]
    alpha: Figure


def agreement(answers: Mapping[Any, Mapping[str, str]], seed: int = 0) -> Agreement:
    """Agreement over the posts that at least two roles answered; posts are what the bootstrap draws again.

    answers: post and proposal -> role -> answer. A role that left a post out is missing there, which alpha allows.
    Posts drawn more often because the model is unsure of them are harder than most: agreement on all would be higher.
    """
    shared = [told for told in answers.values() if len(told) >= 2]
    categories = sorted({answer for told in shared for answer in told.values()})
    rng = np.random.default_rng(seed)
    roles = sorted({role for told in shared for role in told})
    pairs = [_pair(first, second, shared, categories, rng) for first, second in combinations(roles, 2)]
    kept = sorted((pair for pair in pairs if pair.n), key=lambda pair: (-pair.n, pair.first, pair.second))
    counted = [Counter(told.values()) for told in shared]
    counts = np.array([[told[category] for category in categories] for told in counted], np.int64)
    counts = counts.reshape(len(shared), len(categories))
    tables = coincidences(counts)
    return Agreement(len(shared), tuple(kept), _figure(tables, krippendorff_alpha, rng))


def cohen_kappa(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of two raters (Cohen 1960, doi:10.1177/001316446002000104).

    table: (..., c, c) counts, row = answer of the first, column = of the second. Returns (...,) in [-1, 1]; NaN where
    there is nothing, or both always say the same one thing: chance then gives as much.
    """
    total = table.sum(axis=(-2, -1))
    known = np.where(total > 0, total, np.nan)
    same = np.trace(table, axis1=-2, axis2=-1) / known
    chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / known**2
    return np.asarray(1 - (1 - same) / np.where(chance < 1 - 1e-12, 1 - chance, np.nan), np.float64)


def coincidences(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Krippendorff's coincidences of each unit: pairs of answers, over the answers of the unit less one.

    counts: (units, c) how many gave each answer; a unit with one answer can be paired with none. Returns (units, c, c).
    """
    answered = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    paired = np.where(answered >= 2, 1 / np.maximum(answered - 1, 1), 0.0)
    return np.asarray(pairs * paired[:, None, None], np.float64)


def krippendorff_alpha(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nominal alpha (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, ScholarlyCommons 43).

    table: (..., c, c) sums of `coincidences`. Returns (...,), at most 1; NaN where one answer only was ever given.
    """
    margins = table.sum(axis=-1)
    total = margins.sum(axis=-1)
    differing = total - np.trace(table, axis1=-2, axis2=-1)
    expected = total**2 - (margins**2).sum(axis=-1)
    return np.asarray(1 - (total - 1) * differing / np.where(expected > 1e-9, expected, np.nan), np.float64)


def _pair(
    first: str, second: str, shared: Sequence[Mapping[str, str]], categories: list[str], rng: np.random.Generator
) -> Pair:
    both = [(told[first], told[second]) for told in shared if first in told and second in told]
    tables = np.zeros((len(both), len(categories), len(categories)))
    for row, (one, other) in enumerate(both):
        tables[row, categories.index(one), categories.index(other)] = 1
    same = float(np.mean([one == other for one, other in both])) if both else nan
    return Pair(first, second, len(both), same, _figure(tables, cohen_kappa, rng))


def _figure(tables: NDArray[np.float64], coefficient: Coefficient, rng: np.random.Generator) -> Figure:
    units = len(tables)
    if not units:
        return Figure(nan, nan, nan)
    value = float(coefficient(tables.sum(axis=0)))
    weights = rng.multinomial(units, np.full(units, 1 / units), size=DRAWS)
    drawn = coefficient((weights.astype(np.float64) @ tables.reshape(units, -1)).reshape(DRAWS, *tables.shape[1:]))
    known = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(known):
        return Figure(value, nan, nan)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(value, min(float(low), value), max(float(high), value))
