"""The scores of a stance model, against values worked out by hand."""

import json
import re

import numpy as np
import pytest

from nlp.evaluation import Row, evaluate, read_rows, report, score
from nlp.models.pairs import Pair
from nlp.scores import (
    at_coverage,
    calibration_error,
    calibration_noise,
    f1_by_class,
    for_precision,
    macro_f1,
    reliability,
)
from polyphonie.errors import InputError


@pytest.mark.parametrize(
    ("confusion", "f1", "macro"),
    [
        ([[5, 0, 0], [0, 5, 0], [0, 0, 0]], [1, 1, np.nan], 1.0),
        ([[3, 1, 0], [2, 4, 0], [0, 0, 0]], [2 * 3 / 9, 2 * 4 / 11, np.nan], (6 / 9 + 8 / 11) / 2),
        ([[2, 0, 2], [0, 2, 2], [1, 1, 2]], [4 / 7, 4 / 7, 4 / 10], 4 / 7),  # "unclear" answers are misses
        ([[4, 0, 0], [4, 0, 0], [0, 0, 0]], [8 / 12, 0, np.nan], 1 / 3),  # the majority
    ],
)
def test_f1(confusion, f1, macro):
    counts = np.array(confusion)
    np.testing.assert_allclose(f1_by_class(counts), f1)
    assert float(macro_f1(counts)) == pytest.approx(macro)


PROBABILITIES = np.array(
    [[0.9, 0.1, 0.0], [0.4, 0.2, 0.4], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.1, 0.7]], np.float32
)
TRUTH = np.array([0, 0, 1, 1, 2, 0])
PROPOSALS = ["a", "a", "b", "b", "c", "c"]


def test_scores():
    scores = score(TRUTH, PROBABILITIES, PROPOSALS)
    assert (scores.n, scores.proposals, scores.abstained) == (6, 3, 0)
    assert scores.confusion == ((2, 0, 1), (1, 1, 0), (0, 0, 1))
    assert scores.f1 == pytest.approx((4 / 6, 2 / 3, 2 / 3))
    assert scores.macro_f1 == pytest.approx(2 / 3)
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.interval[0] <= scores.macro_f1 <= scores.interval[1]
    assert scores == score(TRUTH, PROBABILITIES, PROPOSALS)


def test_abstention_answers_unclear():
    scores = score(TRUTH, PROBABILITIES, PROPOSALS, abstain_below=0.6)
    assert scores.abstained == pytest.approx(2 / 6)
    assert scores.confusion == ((1, 0, 2), (0, 1, 1), (0, 0, 1))
    silent = score(TRUTH, PROBABILITIES, PROPOSALS, abstain_below=0.99)
    assert silent.abstained == 1
    assert silent.accuracy == pytest.approx(1 / 6)  # the one that is truly unclear


def test_sides_are_taken_when_they_must():
    probabilities = np.array([[0.2, 0.1, 0.7], [0.1, 0.3, 0.6]], np.float32)
    scores = score(np.array([0, 1]), probabilities, ["a", "b"])
    assert (scores.macro_f1, scores.macro_f1_sided) == (0, 1)


def test_the_interval_is_wider_when_rows_share_proposals():
    rng = np.random.default_rng(0)
    hard = rng.random(40) < 0.4  # whole proposals are misread
    truth = np.tile([0, 1], 200)
    groups = np.repeat(np.arange(40), 10)
    answers = np.where(hard[groups], 1 - truth, truth)
    probabilities = np.eye(3, dtype=np.float32)[answers]
    together = score(truth, probabilities, [str(group) for group in groups]).interval
    apart = score(truth, probabilities, [str(number) for number in range(400)]).interval
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


@pytest.mark.parametrize(
    ("truth", "probabilities", "expected"),
    [
        ([0, 0], [[1, 0, 0], [1, 0, 0]], 0.0),
        ([0, 1], [[1, 0, 0], [1, 0, 0]], 0.5),
        ([0, 0], [[0.8, 0.1, 0.1], [0.6, 0.2, 0.2]], 0.3),
    ],
)
def test_calibration_error(truth, probabilities, expected):
    assert calibration_error(np.array(truth), np.array(probabilities, np.float32)) == pytest.approx(expected, abs=1e-6)


def test_rows_are_read_and_the_bad_ones_reported(tmp_path):
    path = tmp_path / "rows.jsonl"
    good = [
        {"proposal": "P", "text": "t", "stance": stance}
        for stance in ("favour", "FOR", "FAVOR", "against", "AGAINST", "unclear")
    ]
    good.append({"proposal": "P", "text": "t", "parent": "before", "stance": "favour", "votes": 3})
    good.append({"proposal": "P", "text": "two\u2028lines", "source": "forum", "stance": "none"})
    bad = [
        '{"proposal": "P", "text": "t"',
        "[1]",
        '{"proposal": "P", "stance": "favour"}',
        '{"proposal": " ", "text": "t", "stance": "favour"}',
        '{"proposal": "P", "text": "t", "stance": "maybe"}',
        '{"proposal": "P", "text": "t", "stance": "favour", "parent": 3}',
        '{"proposal": "P", "text": "t", "stance": "favour", "source": ["x"]}',
    ]
    path.write_text("\n".join([*(json.dumps(row, ensure_ascii=False) for row in good), "", *bad]), "utf-8")
    labelled = read_rows(path)
    assert [row.truth for row in labelled.rows] == [0, 0, 0, 1, 1, 2, 0, 2]
    assert labelled.rows[-2].pair.parent == "before"
    assert (labelled.rows[-1].source, labelled.rows[-1].pair.text) == ("forum", "two\u2028lines")
    assert [line.split(":")[0] for line in labelled.refused] == [f"line {number}" for number in range(10, 17)]
    assert not any("\n" in line for line in labelled.refused)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", labelled.digest)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "rows.jsonl"
    if content:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"rows\.jsonl"):
        read_rows(path)


class Coin:
    def predict(self, pairs):
        return np.tile(np.array([[0.6, 0.3, 0.1]], np.float32), (len(pairs), 1))


def test_evaluate_any_model(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"proposal": "P", "text": "t", "stance": stance} for stance in ("for", "against")]
    path.write_text("\n".join(map(json.dumps, rows)))
    scores = evaluate(Coin(), read_rows(path).rows)
    assert scores.macro_f1 == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluate(Coin(), [])


def sure(*tops):
    """(n, 3) probabilities that answer favour, each as sure as asked."""
    tops = np.array(tops, np.float32)
    return np.stack([tops, (1 - tops) * 0.7, (1 - tops) * 0.3], axis=1)


def test_reliability_is_the_share_of_right_answers_among_equally_sure_ones():
    truth = np.array([0, 0, 1, 0, 1])
    low, high = reliability(truth, sure(0.62, 0.68, 0.66, 0.93, 1.0))
    assert (low.start, low.end, low.n, high.start, high.n) == (0.6, 0.7, 3, 0.9, 2)
    assert (low.accuracy, high.accuracy) == (pytest.approx(2 / 3), 0.5)
    assert low.confidence == pytest.approx((0.62 + 0.68 + 0.66) / 3)


def test_true_probabilities_show_the_error_of_chance_and_no_more():
    rng = np.random.default_rng(5)
    probabilities = sure(*rng.uniform(0.5, 1, 400))
    errors = []
    for _ in range(40):
        truth = np.where(rng.random(400) < probabilities[:, 0], 0, 1)
        errors.append(calibration_error(truth, probabilities))
    assert calibration_noise(probabilities) == pytest.approx(np.mean(errors), rel=0.1)
    assert calibration_noise(np.repeat(probabilities, 25, axis=0)) < 0.3 * calibration_noise(probabilities)


@pytest.mark.parametrize(
    ("coverage", "threshold", "n", "accuracy"),
    [(1.0, 0.5, 4, 0.5), (0.75, 0.7, 3, 2 / 3), (0.5, 0.8, 2, 1.0), (0.1, 0.9, 1, 1.0)],
)
def test_accuracy_at_coverage_keeps_the_surest(coverage, threshold, n, accuracy):
    kept = at_coverage(np.array([1, 0, 1, 0]), sure(0.7, 0.9, 0.5, 0.8), np.arange(4), coverage)
    assert (kept.n, kept.coverage) == (n, n / 4)
    assert kept.threshold == pytest.approx(threshold)
    assert kept.accuracy == pytest.approx(accuracy)


def test_equally_sure_answers_are_kept_together():
    kept = at_coverage(np.array([0, 1, 0, 1]), sure(0.9, 0.8, 0.8, 0.6), np.arange(4), 0.5)
    assert (kept.n, kept.accuracy) == (3, pytest.approx(2 / 3))


def test_the_threshold_for_a_precision_is_the_lowest_that_reaches_it():
    tops = np.linspace(0.99, 0.5, 100)
    truth = np.where(np.arange(100) < 60, 0, 1)  # the 60 surest are right, the others wrong
    found = for_precision(truth, sure(*tops), np.arange(100), 0.8)
    assert (found.n, found.accuracy) == (75, 0.8)
    assert found.threshold == pytest.approx(tops[74])
    assert found.interval[0] <= 0.8 <= found.interval[1]
    assert for_precision(1 - truth, sure(*tops), np.arange(100), 0.8) is None
    assert for_precision(truth[:10], sure(*tops[:10]), np.arange(10), 0.8) is None  # ten right answers prove nothing


def test_a_report_says_who_it_is_about():
    rows = [Row(Pair(f"P{number}", f"t{number}"), 0, "forum") for number in range(3)]
    rows += [Row(Pair("P3", f"u{number}"), 0, "mur") for number in range(12)]
    probabilities = np.concatenate([sure(*[0.8] * 3), sure(*[0.9] * 12)[:, [1, 0, 2]]])
    found = report(rows, probabilities)
    assert {name: (part.n, part.accuracy) for name, part in found.by_source.items()} == {
        "forum": (3, 1),
        "mur": (12, 0),
    }
    assert {name: (part.n, part.proposals) for name, part in found.by_size.items()} == {"1-2": (3, 3), "10+": (12, 1)}
    assert [kept.coverage for kept in found.coverage] == [1, 1, 0.8, 0.8]  # the twelve are equally sure
    assert found.threshold is None
    with pytest.raises(InputError, match="nothing to evaluate"):
        report([], probabilities)


def test_no_answer_at_all_is_unknown_not_perfect():
    empty = np.zeros((0, 3), np.float32)
    assert np.isnan(calibration_error(np.zeros(0, int), empty))
    assert np.isnan(calibration_noise(empty))
    with pytest.raises(ValueError, match="no row"):
        at_coverage(np.zeros(0, int), empty, np.zeros(0, int), 0.5)
