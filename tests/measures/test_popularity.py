"""Popularity: what each estimate says on counts that can be checked by hand."""

from math import isnan

import numpy as np
import pytest
from scipy.stats import beta

from measures.bootstrap import REPLICATES, replicate_weights, strata
from measures.popularity import (
    Confusion,
    Counts,
    adjusted_share,
    combined,
    combined_share,
    difference,
    probability_ahead,
    ranks,
    raw_share,
    sum_counts,
)


def voices(favour: int, against: int, first: int = 0, unclear: float = 0.0) -> Counts:
    """Counts of independent voices numbered from `first`."""
    weights = replicate_weights(np.arange(first, first + favour + against, dtype=np.uint64))
    return Counts(favour, against, unclear, weights[:favour].sum(axis=0), weights[favour:].sum(axis=0))


def confusion(right: float, missed: float, wrong: float, kept: float) -> Confusion:
    return Confusion(np.array([[right, missed, 5], [wrong, kept, 7], [3, 4, 9]], float))


GOOD = confusion(80, 20, 10, 90)
PERFECT = confusion(10_000, 0, 0, 10_000)
BLIND = confusion(50, 50, 48, 52)


def test_weights_are_exponential_and_the_same_for_ever() -> None:
    weights = replicate_weights(np.arange(4_000, dtype=np.uint64))
    assert weights.shape == (4_000, REPLICATES)
    assert weights.min() > 0
    assert abs(weights.mean() - 1) < 0.01
    assert abs(weights.var() - 1) < 0.02
    assert abs(np.corrcoef(weights[:, 0], weights[:, 1])[0, 1]) < 0.05
    assert abs(np.corrcoef(weights[:-1, 0], weights[1:, 0])[0, 1]) < 0.05
    # A tally written by another version must still be read right: these figures may never change.
    np.testing.assert_allclose(replicate_weights(np.array([1, 2**63], np.uint64))[:, :2], PINNED, rtol=1e-6)


PINNED = [[0.1435768, 0.2880178], [2.28734, 0.8908995]]


def test_strata_are_a_fixed_shuffle() -> None:
    np.testing.assert_allclose(np.sort(strata(3)), (np.arange(REPLICATES) + 0.5) / REPLICATES)
    assert (strata(3) != strata(4)).any()
    assert abs(np.corrcoef(strata(0), strata(1))[0, 1]) < 0.2


@pytest.mark.parametrize(("favour", "against"), [(6, 5), (0, 11), (11, 0), (60, 40), (950, 50)])
def test_raw_share_is_exact_and_its_interval_is_of_jeffreys(favour: int, against: int) -> None:
    estimate = raw_share(voices(favour, against))
    assert estimate.share == favour / (favour + against)
    low, high = beta.ppf([0.025, 0.975], favour + 0.5, against + 0.5)
    width = high - low
    assert estimate.low == pytest.approx(min(low, estimate.share), abs=0.12 * width)
    assert estimate.high == pytest.approx(max(high, estimate.share), abs=0.12 * width)
    assert (estimate.estimator, estimate.sided) == ("raw", favour + against)


def test_nobody_on_a_side_is_unknown() -> None:
    for estimate in (raw_share(Counts(unclear=30)), combined(Counts(), Counts(), GOOD)):
        assert isnan(estimate.share)
        assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_counts_add_up() -> None:
    total = sum_counts([voices(3, 2), voices(1, 4, first=5, unclear=2)])
    assert (total.favour, total.against, total.unclear, total.sided, total.total) == (4, 6, 2, 10, 12)
    np.testing.assert_allclose(total.favour_replicates + total.against_replicates, _all(10), rtol=1e-5)
    assert sum_counts([]).total == 0


def _all(n: int) -> np.ndarray:
    return replicate_weights(np.arange(n, dtype=np.uint64)).sum(axis=0)


def test_one_text_copied_by_a_hundred_voices_is_one_opinion() -> None:
    copied = replicate_weights(np.array([7], np.uint64))[0] * 100
    estimate = raw_share(Counts(favour=100, favour_replicates=copied))
    assert estimate.share == 1.0
    assert estimate.low < 0.5


@pytest.mark.parametrize(
    ("counts", "errors", "share", "estimator"),
    [
        ((60, 40), GOOD, (0.6 - 0.1) / 0.7, "adjusted"),
        ((60, 40), PERFECT, 0.6, "adjusted"),
        ((5, 95), GOOD, 0.0, "adjusted"),  # under the false positive rate: clipped
        ((95, 5), GOOD, 1.0, "adjusted"),
        ((60, 40), BLIND, 0.6, "raw"),
        ((60, 40), confusion(0, 0, 10, 90), 0.6, "raw"),  # never evaluated on one side
    ],
)
def test_adjusted_share(counts: tuple[int, int], errors: Confusion, share: float, estimator: str) -> None:
    estimate = adjusted_share(voices(*counts), errors)
    assert estimate.share == pytest.approx(share)
    assert estimate.estimator == estimator
    assert estimate.low <= estimate.share <= estimate.high
    if estimator == "raw":
        assert (estimate.low, estimate.high) == (0.0, 1.0)
    else:
        assert estimate.high - estimate.low > 0.01


def test_fewer_evaluated_rows_give_a_wider_interval() -> None:
    widths = []
    for rows in (10, 100, 10_000):
        estimate = adjusted_share(voices(300, 200), confusion(0.8 * rows, 0.2 * rows, 0.1 * rows, 0.9 * rows))
        widths.append(estimate.high - estimate.low)
    raw = raw_share(voices(300, 200))
    assert widths[0] > widths[1] > widths[2] > raw.high - raw.low


def test_votes_are_not_corrected() -> None:
    votes = voices(30, 70)
    assert combined(votes, Counts(), GOOD).estimator == "declared"
    assert combined(votes, Counts(), GOOD).share == 0.3
    both = combined(votes, voices(60, 40, first=1_000), GOOD)
    assert both.share == pytest.approx((30 + 100 * 0.5 / 0.7) / 200)
    assert both.estimator == "adjusted"
    assert both.share == combined_share(votes, voices(60, 40, first=1_000), GOOD)
    assert combined(votes, voices(60, 40, first=1_000), None).estimator == "raw"


def test_predictions_that_cannot_be_corrected_may_be_anything() -> None:
    estimate = combined(voices(300, 700), voices(500, 500, first=5_000), BLIND)
    assert estimate.estimator == "raw"
    assert estimate.share == 0.4
    assert estimate.low < 0.16  # 15 % of all declared favour, none of the predicted
    assert estimate.high > 0.64


def test_probability_ahead_and_difference() -> None:
    high, low = raw_share(voices(70, 30)), raw_share(voices(50, 50, first=1_000))
    assert 0.99 < probability_ahead(high, low) <= 1
    assert probability_ahead(high, low) + probability_ahead(low, high) == pytest.approx(1)
    assert probability_ahead(high, high) == pytest.approx(0.5)
    gap = difference(high, low)
    assert gap.value == pytest.approx(0.2)
    assert gap.low < 0.2 < gap.high
    assert gap.established
    assert not difference(high, raw_share(voices(66, 34, first=2_000))).established
    unknown = difference(high, raw_share(Counts()))
    assert isnan(unknown.value)
    assert not unknown.established


def test_ranks() -> None:
    estimates = [raw_share(voices(f, 200 - f, first=1_000 * i)) for i, f in enumerate((20, 180, 98, 102))]
    found = ranks(estimates)
    assert [rank.middle for rank in found][:2] == [4, 1]
    assert (found[0].best, found[0].worst) == (4, 4)
    assert (found[1].best, found[1].worst) == (1, 1)
    for rank in found[2:]:  # too close to call: either may be second
        assert (rank.best, rank.worst) == (2, 3)
    assert ranks([]) == []
    same = ranks([raw_share(voices(50, 50, first=300))] * 3)  # the same draws do not make a certain rank
    assert {(rank.best, rank.worst) for rank in same} == {(1, 3)}


def test_confusion_without_rows_is_unknown() -> None:
    empty = Confusion(np.zeros((3, 3)))
    assert isnan(empty.tpr)
    assert isnan(empty.fpr)
    assert not empty.skilled
    assert adjusted_share(voices(5, 6), empty).estimator == "raw"


def test_nan_is_not_a_share() -> None:
    assert isnan(combined_share(Counts(), Counts(), None))
    assert isnan(Counts().share)
