"""Agreement against scikit-learn, and against the example that Krippendorff published."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from measures.agreement import agreement, cohen_kappa, coincidences, krippendorff_alpha

# Krippendorff 2011, example C: four observers, twelve units, nominal data with answers missing; alpha = 0.743.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def published():
    rows = [row.split() for row in OBSERVERS]
    return {
        unit: {f"observer-{number}": row[unit] for number, row in enumerate(rows) if row[unit] != "."}
        for unit in range(12)
    }


def test_alpha_is_that_of_the_paper():
    told = agreement(published())
    assert told.alpha.value == pytest.approx(0.743, abs=0.0005)
    assert told.alpha.low < 0.743 < told.alpha.high
    assert told.n == 11  # one unit has one answer only
    assert [pair.n for pair in told.pairs] == [10, 10, 9, 9, 9, 8]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([[20, 5], [10, 15]], 0.4),  # Cohen's own kind of table
        ([[10, 0], [0, 10]], 1.0),
        ([[0, 10], [10, 0]], -1.0),
        ([[25, 25], [25, 25]], 0.0),
        ([[7, 0], [0, 0]], np.nan),  # the same one thing, always: chance gives as much
        ([[0, 0], [0, 0]], np.nan),
    ],
)
def test_kappa(table, expected):
    np.testing.assert_allclose(cohen_kappa(np.array(table, float)), expected)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[2, 0], [0, 2], [2, 0]], 1.0),
        ([[1, 1], [1, 1]], -0.5),  # worse than chance, which among four answers is 2/3 apart
        ([[2, 0], [2, 0]], np.nan),
        ([[1, 0], [0, 1]], np.nan),  # nobody answered the same unit
    ],
)
def test_alpha(counts, expected):
    np.testing.assert_allclose(krippendorff_alpha(coincidences(np.array(counts)).sum(axis=0)), expected)


def two_people(count, seed=1):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 4, count)
    second = np.where(rng.random(count) < 0.7, first, rng.integers(0, 4, count))
    return first, second


def by_unit(first, second):
    return {n: {"a": str(one), "b": str(other)} for n, (one, other) in enumerate(zip(first, second, strict=True))}


def test_kappa_is_that_of_scikit_learn_within_its_interval():
    first, second = two_people(300)
    told = agreement(by_unit(first, second))
    [pair] = told.pairs
    assert pair.kappa.value == pytest.approx(cohen_kappa_score(first, second))
    assert pair.same == pytest.approx((first == second).mean())
    assert pair.kappa.low < pair.kappa.value < pair.kappa.high
    assert told.alpha.value == pytest.approx(pair.kappa.value, abs=0.01)


def test_intervals_narrow_with_the_posts_and_are_the_same_again():
    def width(count):
        first, second = two_people(count)
        kappa = agreement(by_unit(first, second)).pairs[0].kappa
        return kappa.high - kappa.low

    assert width(400) == width(400)
    assert 1.6 < width(100) / width(400) < 2.4


def test_one_person_agrees_with_nobody():
    told = agreement({n: {"a": "favour"} for n in range(20)})
    assert (told.n, told.pairs) == (0, ())
    assert np.isnan(told.alpha.value)
    assert agreement({}).n == 0
