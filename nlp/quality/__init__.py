"""What was measured of the shipped models: read by the measures, which correct for errors, and by the dashboard."""

from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

STANCE = Path(__file__).parent / "stance.json"
Share = Annotated[float, Field(ge=0, le=1)]
Counts = tuple[int, int, int]


class _Measured(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sureness(_Measured):
    """Answers of a like top probability: how many, how sure on average, how often right (Bin of `nlp.scores`)."""

    start: Share
    end: Share
    n: int
    confidence: Share
    accuracy: Share


class Coverage(_Measured):
    """Accuracy of the surest answers, those of top probability `threshold` or more (Kept of `nlp.scores`)."""

    coverage: Share
    threshold: Share
    n: int
    accuracy: Share
    interval: tuple[Share, Share]


class SetQuality(_Measured):
    """The scores of one model on one evaluation set."""

    name: str
    title: str  # French, for the dashboard
    n: int = Field(ge=1)
    proposals: int = Field(ge=1)
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]  # of the evaluation file
    macro_f1: Share  # over favour and against; an answer "unclear" is a miss
    interval: tuple[Share, Share]  # 95 %, bootstrap over proposals
    macro_f1_sided: Share  # when a side must be taken
    accuracy: Share
    calibration_error: Share  # expected, 10 bins
    confusion: tuple[Counts, Counts, Counts]  # row = truth, column = answer: favour, against, unclear
    baselines: dict[str, Share]  # macro-F1 of each, same rows, same run
    family: str = ""  # whose calibration was applied
    calibration_by_chance: Share | None = None  # the error that true probabilities would show on so many rows
    uncalibrated_error: Share | None = None  # before the map of the family
    reliability: tuple[Sureness, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    # How the rates of each side differ between proposals (Spread of `measures.quantification`): rows of one proposal
    # that they are worth (None: they do not differ), and the correlation of the two sides.
    spread_rows: float | None = None
    spread_together: float | None = None  # None where the spread was not measured


class StanceQuality(_Measured):
    """The evaluation of the shipped stance model.

    name: what `nlp.stance_model` calls it. abstain_below: the threshold under which its answers were "unclear". Its
    errors are those of no other model and of no other threshold.
    """

    model: str
    name: str = "polyphonie/stance-fr"
    abstain_below: Share = 0.0
    date: date
    pairs_per_second: dict[str, float]  # by number of threads, on the machine that measured
    sets: tuple[SetQuality, ...]


def read_quality(path: Path = STANCE) -> StanceQuality:
    """The evaluation that is shipped beside the model."""
    return StanceQuality.model_validate_json(path.read_text("utf-8"))
