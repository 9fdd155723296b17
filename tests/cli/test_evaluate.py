"""`polyphonie evaluate` says how good the reader is, for whom, how sure, and against what; a script gets all of it."""

import json
import os
import subprocess
import sys

import pytest

from polyphonie.cli.scored import told

SCORED = {"n": 2, "macro_f1": float("nan"), "accuracy": 0.5, "abstained": 0.0}
KEPT = {"coverage": 1.0, "threshold": 0.41, "n": 2, "accuracy": 0.5, "interval": [0.0, 1.0]}
ANSWER = SCORED | {
    "macro_f1": 0.61,
    "macro_f1_interval": (0.5, 0.7),
    "model": "m-1",
    "baselines": {"majority": SCORED | {"macro_f1": 0.34, "macro_f1_interval": (0.3, 0.4)}},
    "coverage": [KEPT],
    "precision": 0.8,
    "threshold": None,
    "reliability": [{"start": 0.6, "end": 0.7, "n": 2, "confidence": 0.65, "accuracy": 0.5}],
    "calibration_error": 0.15,
    "calibration_error_by_chance": 0.1,
    "by_source": {"": SCORED},
    "by_size": {},
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "macro-F1 0.610 [0.500, 0.700] (favour and against), accuracy 0.500, 2 texts, 0.0% abstained — m-1"),
        ({}, "majority  2      0.340 [0.300, 0.400]  0.500"),
        ({}, "no threshold makes 80% of the answers right"),
        ({"threshold": KEPT}, "nlp.abstain_below: 0.410 makes 0.500 [0.000, 1.000] of the answers right (80% asked"),
        (
            {},
            "0.6-0.7  2      0.650       0.500  ██████████···|······",
        ),  # right half of the time, sure two times in three
        ({}, "(not told)  2      unknown"),
        ({}, "true probabilities would show 0.100 by chance"),
    ],
)
def test_the_answer_in_words(changed, said):
    assert said in told(ANSWER | changed)


def test_a_table_without_rows_is_not_shown():
    words = told(ANSWER | {"baselines": {}})
    assert "baselines" not in words
    assert "number of texts" not in words


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    proposals = {
        "capcollectif": "Les transports en commun doivent être gratuits.",
        "bluesky": "Il faut construire de nouveaux réacteurs nucléaires.",
    }
    texts = [("Je suis pour, excellente idée.", "favour"), ("Je suis contre, c'est une folie.", "against")]
    rows = [
        {"proposal": proposal, "text": f"{text} Raison numéro {number}.", "stance": stance, "source": source}
        for source, proposal in proposals.items()
        for text, stance in texts
        for number in range(6)
    ]
    (folder / "rows.jsonl").write_text("\n".join([*map(json.dumps, rows), "{}"]), "utf-8")

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "polyphonie.cli.app", "evaluate", *words],
            env=os.environ | {"POLYPHONIE_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_one_run_gives_scores_calibration_parts_and_baselines(evaluate):
    ended = evaluate("--on", "rows.jsonl", "--precision", "0.75", "--json")
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert {"macro_f1", "accuracy", "n", "abstained"} <= answer.keys()
    assert (answer["n"], answer["refused"], answer["proposals"]) == (24, 1, 2)
    assert answer["macro_f1_interval"][0] <= answer["macro_f1"] <= answer["macro_f1_interval"][1]
    assert answer["families"] == {"consultation": 12, "social": 12}
    assert {name: part["n"] for name, part in answer["by_source"].items()} == {"bluesky": 12, "capcollectif": 12}
    assert {name: part["n"] for name, part in answer["by_size"].items()} == {"10+": 24}
    assert set(answer["baselines"]) == {"majority", "tfidf", "anchors"}
    assert answer["baselines"]["tfidf"]["macro_f1"] == 1  # the words of the one proposal teach the other
    assert sum(row["n"] for row in answer["reliability"]) == 24
    assert [kept["n"] for kept in answer["coverage"]] == sorted(
        (kept["n"] for kept in answer["coverage"]), reverse=True
    )
    assert answer["threshold"] is None or answer["threshold"]["accuracy"] >= 0.75
    assert answer["digest"].startswith("sha256:")


def test_baselines_can_be_left_out_and_a_family_imposed(evaluate):
    ended = evaluate("--on", "rows.jsonl", "--no-baselines", "--family", "consultation", "--json")
    answer = json.loads(ended.stdout)
    assert answer["baselines"] == {}
    assert answer["families"] == {"consultation": 24}
    refused = evaluate("--on", "rows.jsonl", "--family", "press")
    assert refused.returncode == 3
    assert "consultation, social" in refused.stderr
