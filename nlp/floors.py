"""Floors of quality: what a model must still give on each evaluation set, and why a floor ever moved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from nlp.evaluation import proposals_of, score, truth_of
from nlp.evaluation_sets import EvaluationSet, read_held, read_repnum, read_robust, read_rua, read_xstance
from nlp.stance import StanceModel
from nlp.train.examples import ROBUST
from polyphonie.errors import ConfigurationError, InputError

FLOORS = Path(__file__).parent / "floors.yaml"
ROWS = 150  # of each set: some six seconds of one core, and the same rows every time
# Two answers in 150: the arithmetic of another processor may turn as many.
MARGIN = 0.015
_HEAD = """\
# What the shipped stance model must still give: a test recomputes it, on rows that nothing was fitted on.
# `python benchmarks/stance_quality.py --shared ../shared/data --write-floors` raises the floors; it lowers one, or
# accepts a set that changed, only with --reason "why".
"""
Share = Annotated[float, Field(ge=0, le=1)]


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Floor(_Read):
    """What one set must give. files: those its rows come from; digest: see EvaluationSet; n: the rows that are drawn.

    macro_f1: at least. calibration_error: at most. history: one line for each change, the newest last.
    """

    name: str
    files: tuple[str, ...]
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    n: int = Field(ge=1)
    macro_f1: Share
    calibration_error: Share
    history: tuple[str, ...]


class _Floors(_Read):
    sets: tuple[Floor, ...]


@dataclass(frozen=True)
class Measured:
    """What a model gives on the drawn rows of a set."""

    asked: EvaluationSet
    model: str
    n: int
    macro_f1: float
    calibration_error: float


def read_floors(path: Path = FLOORS) -> dict[str, Floor]:
    """The floors, by set. Raises ConfigurationError naming the file and the key."""
    try:
        found = _Floors.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return {floor.name: floor for floor in found.sets}


def write_floors(floors: Sequence[Floor], path: Path = FLOORS) -> None:
    """Write them, in their order, under the comment that says what they are."""
    sets = [floor.model_dump(mode="json") for floor in floors]
    text = yaml.safe_dump({"sets": sets}, allow_unicode=True, sort_keys=False, width=120)
    path.write_text(_HEAD + text, "utf-8")


def set_of(floor: Floor, shared: Path) -> EvaluationSet | None:
    """The set of a floor, from the files it names; None where these are not on this machine."""
    if floor.name in ("corpus-held", "corpus-plain"):
        return read_held(floor.name == "corpus-held", floor.files)
    if floor.name == ROBUST:
        return read_robust()
    read = {"repnum": read_repnum, "rua": read_rua, "xstance-fr": read_xstance}[floor.name]
    return read(shared) if all((shared / name).is_file() for name in floor.files) else None


def measure(model: StanceModel, asked: EvaluationSet) -> Measured:
    """Scores on at most ROWS rows of the set."""
    drawn = asked.drawn(ROWS)
    probabilities = model.predict([row.pair for row in drawn.rows], [drawn.family] * len(drawn.rows))
    scores = score(truth_of(drawn.rows), probabilities, proposals_of(drawn.rows))
    return Measured(asked, model.version, len(drawn.rows), scores.macro_f1, scores.calibration_error)


def broken(floor: Floor, measured: Measured) -> list[str]:
    """What is wrong, one line each; empty where the floor holds."""
    found = []
    if measured.asked.digest != floor.digest:
        found.append(f"{floor.name}: its rows are not those of the floor ({measured.asked.digest})")
    if measured.n != floor.n:
        found.append(f"{floor.name}: {measured.n} rows, {floor.n} when the floor was set")
    if not measured.macro_f1 >= floor.macro_f1:
        found.append(f"{floor.name}: macro-F1 {measured.macro_f1:.4f} under {floor.macro_f1}")
    if not measured.calibration_error <= floor.calibration_error:
        found.append(f"{floor.name}: calibration error {measured.calibration_error:.4f} over {floor.calibration_error}")
    return found


def moved(before: Floor | None, measured: Measured, reason: str, day: date) -> Floor:
    """The floor that these scores allow: each figure, less MARGIN, where that is better than before.

    Raises InputError when the set changed or a score broke its floor, and no reason is given; with one, the figures
    are those of today, and the history keeps the reason.
    """
    macro_f1 = max(0.0, round(measured.macro_f1 - MARGIN, 3))
    error = min(1.0, round(measured.calibration_error + MARGIN, 3))
    why = broken(before, measured) if before else []
    if why and not reason:
        raise InputError(f'{"; ".join(why)}: give --reason "why" to accept it')
    if before and not why:
        macro_f1, error = max(macro_f1, before.macro_f1), min(error, before.calibration_error)
        if (macro_f1, error) == (before.macro_f1, before.calibration_error):
            return before
    said = reason if why else "raised" if before else reason or "first floors"
    line = f"{day.isoformat()}, {measured.model}: macro-F1 {macro_f1}, calibration error {error}: {said}"
    return Floor(
        name=measured.asked.name,
        files=measured.asked.files,
        digest=measured.asked.digest,
        n=measured.n,
        macro_f1=macro_f1,
        calibration_error=error,
        history=(*(before.history if before else ()), line),
    )
