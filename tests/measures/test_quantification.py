"""Adjusted count and EMQ over three classes, and the spread of error rates between proposals."""

import numpy as np
import pytest
from scipy.special import betaincinv, ndtr

from measures.estimators import Confusion
from measures.quantification import BINS, adjusted_count, bins_of, emq, favour_share, mixture, spread

CONFUSION = Confusion(np.array([[70, 20, 10], [15, 75, 10], [30, 30, 40]], float))


@pytest.mark.parametrize("true", [(0.5, 0.3, 0.2), (0.1, 0.9, 0.0), (0.0, 0.0, 1.0), (0.34, 0.33, 0.33)])
def test_adjusted_count_finds_the_proportions_that_gave_the_answers(true):
    answers = 1000 * np.array(true) @ (CONFUSION.counts / 100)
    np.testing.assert_allclose(adjusted_count(answers, CONFUSION), true, atol=2e-3)


def test_proportions_stay_in_the_simplex():
    found = adjusted_count(np.array([0.0, 90.0, 10.0]), CONFUSION)  # fewer favour than errors alone would give
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)
    assert favour_share(found) < 0.01


def test_a_class_never_evaluated_is_left_out():
    counts = CONFUSION.counts.copy()
    counts[2] = 0
    assert adjusted_count(np.array([50.0, 40.0, 10.0]), Confusion(counts))[2] == 0
    with pytest.raises(ValueError, match="without a row"):
        adjusted_count(np.ones(3), Confusion(np.zeros((3, 3))))


@pytest.mark.parametrize("true", [(0.7, 0.2, 0.1), (0.2, 0.6, 0.2)])
def test_emq_finds_the_new_proportions_from_calibrated_scores(true):
    rng = np.random.default_rng(0)
    given = rng.dirichlet(np.ones(12), 3)  # what scores each class gives
    prior = np.array([0.4, 0.4, 0.2])
    posteriors = (given * prior[:, None] / (prior @ given)).T
    np.testing.assert_allclose(emq(1e5 * np.array(true) @ given, posteriors, prior), true, atol=1e-3)
    columns = emq(np.stack([np.array(true) @ given] * 2, axis=1), posteriors, prior)  # replicates beside
    np.testing.assert_allclose(columns[:, 1], true, atol=1e-3)


def test_what_cannot_be_solved_is_refused():
    with pytest.raises(ValueError, match="probabilities and counts"):
        mixture(np.ones(3), np.ones((3, 4)))
    with pytest.raises(ValueError, match="prior"):
        emq(np.ones(2), np.ones((2, 3)), np.array([0.5, 0.5, 0]))
    np.testing.assert_allclose(mixture(np.zeros(3), np.eye(3)), 1 / 3)
    assert np.isnan(favour_share(np.array([0.0, 0.0, 1.0])))


def test_bins_hold_side_and_doubt():
    found = bins_of(np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]))
    assert found.tolist() == [9, 0, 25, 5]
    assert found.max() < BINS


@pytest.mark.parametrize(("rows", "lean"), [(5.0, 0.0), (12.0, 0.5), (12.0, -0.5)])
def test_spread_finds_how_far_proposals_are_apart(rows, lean):
    rng = np.random.default_rng(3)
    proposals, size = 800, 40
    first, second = rng.standard_normal((2, proposals))
    quantiles = ndtr([first, lean * first + np.sqrt(1 - lean**2) * second])
    around = np.array([[0.7], [0.3]]) * rows
    favour = betaincinv(around, rows - around, quantiles)
    owner = np.repeat(np.arange(proposals), size)
    truth = rng.integers(0, 2, len(owner))
    answered = np.where(rng.random(len(owner)) < favour[truth, owner], 0, 1)
    found = spread(truth, answered, owner)
    assert found.rows == pytest.approx(rows, rel=0.15)
    assert found.together == pytest.approx(lean, abs=0.12)


def test_rates_that_do_not_vary_have_no_spread():
    truth = np.tile([0, 1], 500)
    assert spread(truth, truth, np.repeat(np.arange(100), 10)).rows is None
