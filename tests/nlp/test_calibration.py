"""Calibration makes probabilities true, out of sample, and never turns an answer."""

import numpy as np
import pytest

from nlp.calibration import (
    UNCALIBRATED,
    Calibration,
    Fit,
    Map,
    cross_fitted,
    family_of,
    fit,
    fit_isotonic,
    fit_temperature,
    read_calibration,
)
from nlp.evaluation_sets import in_tuning_half
from nlp.models import SHIPPED
from nlp.scores import calibration_error
from nlp.stance import digest_of_reader

MAPS = [
    Map(),
    Map(temperature=0.6),
    Map(temperature=4.0),
    Map(knots=((0.4, 0.34), (0.7, 0.5), (0.95, 0.8))),
    Map(knots=((0.5, 0.0), (0.6, 0.0), (0.9, 1.0))),
]


def drawn(n, boast, seed=0):
    """A reader whose logits are `boast` times too large: (n,) truths, (n, 3) probabilities, (n,) proposals."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (n, 3)) * (1, 1, 0.3)
    truths = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((n, 1)) > truths.cumsum(axis=1)).sum(axis=1)
    told = np.exp(boast * logits)
    told /= told.sum(axis=1, keepdims=True)
    return np.minimum(truth, 2), told.astype(np.float32), np.arange(n) // 5


@pytest.mark.parametrize("wanted", MAPS)
def test_no_map_turns_an_answer(wanted):
    probabilities = np.random.default_rng(1).dirichlet((1, 1, 0.3), 2_000).astype(np.float32)
    certain = np.array([[1, 0, 0], [0, 1, 0], [0.5, 0.4999, 0.0001]], np.float32)
    for given in (probabilities, certain):
        found = wanted.apply(given)
        np.testing.assert_array_equal(found.argmax(axis=1), given.argmax(axis=1))
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
        assert found.dtype == np.float32
        assert ((found >= 0) & (found <= 1)).all()
    assert wanted.apply(probabilities[:0]).shape == (0, 3)


def test_the_others_keep_their_proportions():
    [found] = Map(knots=((0.0, 0.5), (1.0, 0.5))).apply(np.array([[0.7, 0.2, 0.1]], np.float32))
    np.testing.assert_allclose(found, [0.5, 1 / 3, 1 / 6], atol=1e-6)


@pytest.mark.parametrize("boast", [0.6, 1.0, 2.5])
def test_a_temperature_undoes_a_reader_that_is_too_sure_or_not_enough(boast):
    truth, probabilities, _ = drawn(6_000, boast)
    fitted = fit_temperature(truth, probabilities)
    assert fitted.temperature == pytest.approx(boast, rel=0.08)
    truth, probabilities, _ = drawn(6_000, boast, seed=1)
    assert calibration_error(truth, fitted.apply(probabilities)) < 0.025


def test_isotonic_undoes_what_no_temperature_can():
    rng = np.random.default_rng(2)
    top = rng.uniform(0.5, 1, 4_000)
    right = rng.random(4_000) < np.where(top < 0.8, 0.5, 0.9)  # a step
    truth = np.where(right, 0, 1)
    probabilities = np.stack([top, 1 - top, np.zeros(4_000)], axis=1).astype(np.float32)
    errors = [
        calibration_error(truth, kind(truth, probabilities).apply(probabilities))
        for kind in (fit_temperature, fit_isotonic)
    ]
    assert errors[1] < 0.03 < errors[0]


@pytest.mark.parametrize(("boast", "kind"), [(1.0, "none"), (3.0, "temperature")])
def test_the_simplest_map_that_is_worth_it_is_kept(boast, kind):
    truth, probabilities, groups = drawn(3_000, boast)
    fitted = fit(truth, probabilities, groups, "drawn")
    assert fitted.kind == kind
    assert fitted.n == 3_000
    assert set(fitted.tried) == {"none", "temperature", "isotonic"}


def test_what_is_tried_is_judged_on_other_proposals():
    """Answers of one proposal are all right or all wrong: a map that saw them would look calibrated."""
    rng = np.random.default_rng(3)
    groups = np.arange(400) // 20
    probabilities = np.repeat(rng.dirichlet((2, 2, 0.5), 20), 20, axis=0).astype(np.float32)
    truth = np.repeat(rng.integers(0, 3, 20), 20)
    within = fit_isotonic(truth, probabilities).apply(probabilities)
    across = cross_fitted("isotonic", truth, probabilities, groups)
    assert calibration_error(truth, across) > calibration_error(truth, within) + 0.1
    with pytest.raises(ValueError, match="two proposals"):
        fit(truth[:20], probabilities[:20], groups[:20], "one")


def test_each_family_has_its_map():
    made = Fit(map=Map(temperature=3.0), kind="temperature", fitted_on="x", n=9, tried={})
    calibration = Calibration(reader="sha256:x", families={"consultation": made})
    given = np.tile(np.array([[0.8, 0.15, 0.05]], np.float32), (3, 1))
    found = calibration.apply(given, ["social", "consultation", "social"])
    np.testing.assert_array_equal(found[[0, 2]], given[[0, 2]])
    assert found[1, 0] < 0.6
    np.testing.assert_array_equal(calibration.apply(given), given)  # social by default, which has none here
    np.testing.assert_array_equal(UNCALIBRATED.apply(given, ["consultation"] * 3), given)


@pytest.mark.parametrize(
    ("source", "family"),
    [
        ("capcollectif", "consultation"),
        ("repnum2015", "consultation"),
        ("Decidim", "consultation"),
        ("simulated-decidim", "consultation"),
        ("bluesky", "social"),
        ("simulated-mastodon", "social"),
        ("", "social"),
    ],
)
def test_the_family_of_a_source(source, family):
    assert family_of(source) == family


def test_a_calibration_of_another_model_is_not_applied(tmp_path):
    path = tmp_path / "calibration.json"
    assert read_calibration("sha256:x", path) == UNCALIBRATED
    made = Fit(map=Map(temperature=2.0), kind="temperature", fitted_on="x", n=9, tried={})
    kept = Calibration(reader="sha256:x", families={"social": made})
    path.write_text(kept.model_dump_json())
    assert read_calibration("sha256:x", path) == kept
    assert read_calibration("sha256:y", path) == UNCALIBRATED


def test_the_shipped_model_has_its_calibration():
    reader = digest_of_reader(SHIPPED["polyphonie/stance-fr"])
    found = read_calibration(reader)
    assert found.families.keys() == {"consultation", "social"}, (
        "the model changed after its calibration: run benchmarks/stance_quality.py --shared ../shared/data --calibrate"
    )


def test_the_halves_are_of_proposals_and_never_move():
    assert in_tuning_half("Il faut supprimer le Sénat.") == in_tuning_half(" il faut supprimer le sénat. ")
    halves = [in_tuning_half(f"Proposition {number}") for number in range(400)]
    assert 160 < sum(halves) < 240
