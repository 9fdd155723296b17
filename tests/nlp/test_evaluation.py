"""The scores of a stance model, against values worked out by hand."""

import json
import re

import numpy as np
import pytest

from nlp.evaluation import calibration_error, evaluate, f1_by_class, macro_f1, read_rows, score
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
    bad = [
        '{"proposal": "P", "text": "t"',
        "[1]",
        '{"proposal": "P", "stance": "favour"}',
        '{"proposal": " ", "text": "t", "stance": "favour"}',
        '{"proposal": "P", "text": "t", "stance": "maybe"}',
        '{"proposal": "P", "text": "t", "stance": "favour", "parent": 3}',
    ]
    path.write_text("\n".join([*map(json.dumps, good), "", *bad]), "utf-8")
    labelled = read_rows(path)
    assert [row.truth for row in labelled.rows] == [0, 0, 0, 1, 1, 2, 0]
    assert labelled.rows[-1].pair.parent == "before"
    assert [line.split(":")[0] for line in labelled.refused] == [f"line {number}" for number in range(9, 15)]
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
