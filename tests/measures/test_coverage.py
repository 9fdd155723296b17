"""The written rule is honest: on seeded worlds its 95 % intervals hold the truth, with any number of labels."""

import numpy as np
import pytest

from measures.coverage import coverage, draw_world
from measures.popularity import predicted_share, raw_share

WORLDS = 200
# 95 % of 200 worlds, give or take three standard errors; without labels the interval may be wider than it must.
LEAST, MOST = 0.95 - 0.046, 0.95 + 0.046


@pytest.fixture(scope="module")
def worlds():
    rng = np.random.default_rng(21)
    return [draw_world(rng) for _ in range(WORLDS)]


def by_rule(counts, labels, confusion):
    return predicted_share(counts, confusion, [labels] if labels else [])


@pytest.mark.parametrize("number", [0, 20, 50, 200, 1000])
def test_intervals_hold_the_truth(worlds, number):
    found = coverage(worlds, number, by_rule, np.random.default_rng(number))
    assert LEAST <= found.covered <= (1.0 if number == 0 else MOST), found
    if number:
        assert found.corrected < found.raw, found


def test_labels_narrow_the_interval(worlds):
    widths = [coverage(worlds, number, by_rule, np.random.default_rng(1)).width for number in (0, 50, 1000)]
    assert widths[0] > 1.3 * widths[1] > 1.3 * 1.3 * widths[2]


def test_counting_predictions_would_not_cover(worlds):
    assert coverage(worlds, 0, lambda counts, *_: raw_share(counts), np.random.default_rng(0)).covered < 0.6
