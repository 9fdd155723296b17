"""Quality never slides: scores are computed again on the rows of each floor, which falls only for a reason."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from nlp.evaluation import Row
from nlp.evaluation_sets import (
    EvaluationSet,
    corpus_parts,
    digest_of_rows,
    read_held,
    read_repnum,
    read_robust,
    read_rua,
)
from nlp.floors import FLOORS, MARGIN, ROWS, Floor, Measured, broken, measure, moved, read_floors, set_of, write_floors
from nlp.models.pairs import Pair
from nlp.stance import load_stance
from nlp.train.examples import CORPUS, HELD_SEED, HELD_SHARE, read_corpus, split_corpus
from polyphonie.errors import ConfigurationError, InputError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
DAY = date(2026, 11, 22)
DIGEST = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return load_stance("polyphonie/stance-fr", "onnx", tmp_path_factory.mktemp("models"), 1)


@pytest.mark.parametrize("floor", read_floors().values(), ids=lambda floor: floor.name)
def test_the_shipped_model_is_not_under_its_floors(reader, floor):
    asked = set_of(floor, SHARED)
    if asked is None:
        pytest.skip(f"{', '.join(floor.files)} are not in {SHARED}, and may not be in the repository")
    assert not broken(floor, measure(reader, asked))


def test_every_set_of_the_repository_has_a_floor():
    assert {"repnum", "rua", "xstance-fr", "corpus-held", "corpus-plain"} <= read_floors().keys()
    if read_robust() is not None:
        assert "robust" in read_floors(), "run benchmarks/stance_quality.py --write-floors"


ROWS_OF_A_SET = tuple(Row(Pair(f"Proposition {n // 4}", f"texte {n}"), n % 2) for n in range(400))
ASKED = EvaluationSet("rua", "Essai", "consultation", ROWS_OF_A_SET, ("x.jsonl",), DIGEST)
BEFORE = Floor(
    name="rua", files=("x.jsonl",), digest=DIGEST, n=200, macro_f1=0.6, calibration_error=0.05, history=("first",)
)
SAME = Measured(ASKED, "m-2", 200, 0.6, 0.05)


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        (SAME, []),
        (replace(SAME, macro_f1=0.59), ["macro-F1 0.5900 under 0.6"]),
        (replace(SAME, calibration_error=0.051), ["calibration error 0.0510 over 0.05"]),
        (replace(SAME, n=199), ["199 rows"]),
        (replace(SAME, asked=replace(ASKED, digest="sha256:" + "1" * 64)), ["not those of the floor"]),
        (replace(SAME, macro_f1=float("nan")), ["macro-F1 nan"]),  # an unknown score is no score
    ],
)
def test_a_broken_floor_is_said(measured, said):
    found = broken(BEFORE, measured)
    assert len(found) == len(said)
    for line, words in zip(found, said, strict=True):
        assert words in line
        assert line.startswith("rua: ")


def test_a_floor_rises_by_itself():
    found = moved(BEFORE, replace(SAME, macro_f1=0.7, calibration_error=0.06 - MARGIN), "", DAY)
    assert (found.macro_f1, found.calibration_error) == (round(0.7 - MARGIN, 3), 0.05)
    assert found.history[:-1] == ("first",)
    assert found.history[-1].startswith("2026-11-22, m-2: macro-F1")
    assert moved(BEFORE, replace(SAME, macro_f1=0.605), "", DAY) == BEFORE  # within the margin nothing moves


@pytest.mark.parametrize(
    "measured",
    [
        replace(SAME, macro_f1=0.5),
        replace(SAME, calibration_error=0.2),
        replace(SAME, asked=replace(ASKED, digest="sha256:" + "1" * 64)),
    ],
)
def test_a_floor_falls_only_for_a_reason(measured):
    with pytest.raises(InputError, match="--reason"):
        moved(BEFORE, measured, "", DAY)
    found = moved(BEFORE, measured, "labels were corrected", DAY)
    assert not broken(found, measured)
    assert found.history[-1].endswith("labels were corrected")


def test_floors_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "floors.yaml"
    first = moved(None, SAME, "", DAY)
    write_floors([first], path)
    assert read_floors(path) == {"rua": first}
    assert first.history[0].endswith("first floors")
    path.write_text(path.read_text().replace("macro_f1: 0.585", "macro_f1: high"))
    with pytest.raises(ConfigurationError, match=r"floors\.yaml: sets\.0\.macro_f1"):
        read_floors(path)
    assert "--write-floors" in FLOORS.read_text("utf-8")


def test_the_same_rows_are_drawn_every_time():
    drawn = ASKED.drawn(ROWS)
    assert len(drawn.rows) == len(set(drawn.rows)) == ROWS
    assert drawn == ASKED.drawn(ROWS)
    assert ASKED.drawn(1_000) == ASKED


def test_nothing_is_fitted_on_a_proposal_that_is_scored():
    here = [read_held(hard=True), read_held(hard=False), read_robust()]
    if (SHARED / "consultations").is_dir():
        here += [read_repnum(SHARED), read_rua(SHARED)]
    fitted = {row.pair.proposal for asked in here if asked for row in [*asked.tuning, *asked.others]}
    training, _ = split_corpus(read_corpus(CORPUS), HELD_SHARE, HELD_SEED)
    fitted |= {row["statement"] for row in training.proposals.values()}
    for asked in filter(None, here):
        assert asked.rows
        assert not fitted & {row.pair.proposal for row in asked.rows}, asked.name


def test_a_part_that_is_added_to_the_corpus_changes_no_floor_of_the_others():
    some = corpus_parts()[:3]
    found = read_held(hard=True, files=some)
    assert found.files == some
    everything = read_held(hard=True)
    assert set(found.rows) < set(everything.rows)
    assert not any(name.startswith("robust") for name in everything.files)


def test_the_digest_is_of_what_is_asked():
    rows = ROWS_OF_A_SET[:3]
    assert digest_of_rows(rows) == digest_of_rows(list(rows))
    changed = replace(rows[0], truth=2)
    assert digest_of_rows((changed, *rows[1:])) != digest_of_rows(rows)
