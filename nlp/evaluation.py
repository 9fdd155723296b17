"""Judges a stance model on labelled rows: reads them, asks the model, and says how well it did, for whom."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlp.models.pairs import Pair
from nlp.scores import (
    AGAINST,
    COVERAGES,
    FAVOUR,
    UNCLEAR,
    Bin,
    Kept,
    accuracy_interval,
    at_coverage,
    bootstrap_interval,
    calibration_error,
    calibration_interval,
    calibration_noise,
    confusions,
    f1_by_class,
    for_precision,
    groups_of,
    macro_f1,
    reliability,
)
from polyphonie.errors import InputError

__all__ = ["AGAINST", "FAVOUR", "UNCLEAR", "Labelled", "Row", "Scores", "evaluate", "read_rows", "score"]

_WORDS = {
    "favour": FAVOUR,
    "favor": FAVOUR,
    "for": FAVOUR,
    "against": AGAINST,
    "unclear": UNCLEAR,
    "none": UNCLEAR,
    "neutral": UNCLEAR,
}
# Texts on one proposal: what a small proposal's figure rests on, and a large one's.
SIZES = {"1-2": (1, 2), "3-9": (3, 9), "10+": (10, 10**9)}


class Predicts(Protocol):
    """What evaluation asks of a model: (n, 3) probabilities of favour, against, unclear."""

    def predict(self, pairs: Sequence[Pair]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Row:
    """A pair, its true stance (0 favour, 1 against, 2 unclear) and where it comes from, if that is told."""

    pair: Pair
    truth: int
    source: str = ""


@dataclass(frozen=True)
class Labelled:
    """An evaluation file: its rows, one line for each row refused, and the digest of its bytes."""

    rows: tuple[Row, ...]
    refused: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Scores:
    """How well a model did.

    n rows, of which `abstained` (a share) had a top probability under the threshold: their answer is "unclear", as it
    is in the index.
    macro_f1: mean of the F1 of favour and of against; an answer "unclear" is a miss. interval: its 95 % bootstrap
    interval over proposals. macro_f1_sided: the same when the model must take a side. calibration_error: see the
    function of that name. f1: by class, NaN where a class is neither true nor answered. confusion: (3, 3) counts,
    row = truth, column = answer.
    """

    n: int
    proposals: int
    macro_f1: float
    interval: tuple[float, float]
    macro_f1_sided: float
    accuracy: float
    accuracy_interval: tuple[float, float]
    calibration_error: float
    abstained: float
    f1: tuple[float, float, float]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Report:
    """All that is said of a model on some rows.

    calibration_noise: the calibration error that true probabilities would have on so many rows. threshold: what
    reaches the precision asked for, None where nothing does. by_source and by_size (texts on one proposal): the
    scores of each part.
    """

    scores: Scores
    calibration_interval: tuple[float, float]
    calibration_noise: float
    reliability: tuple[Bin, ...]
    coverage: tuple[Kept, ...]
    precision: float
    threshold: Kept | None
    by_source: dict[str, Scores]
    by_size: dict[str, Scores]


def read_rows(path: Path) -> Labelled:
    """Rows {proposal, text, parent?, stance, source?} of a JSONL file; other keys are ignored.

    stance is favour, against or unclear (also FOR, FAVOR, AGAINST, NONE, NEUTRAL in any case). A malformed row is
    refused with its line number and the reason. Raises InputError when the file cannot be read at all.
    """
    try:
        content = path.read_bytes()
        # Not splitlines: a text may hold U+2028, which JSON does not escape.
        lines = content.decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as UTF-8 JSONL: {error}") from error
    rows, refused = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            rows.append(_parse(json.loads(line)))
        except ValueError as error:  # JSONDecodeError is one
            refused.append(f"line {number}: {error}")
    return Labelled(tuple(rows), tuple(refused), digest_of(content))


def digest_of(content: bytes) -> str:
    """`sha256:` and the hexadecimal digest."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _parse(row: Any) -> Row:
    if not isinstance(row, Mapping):
        raise ValueError("not an object")
    for key in ("proposal", "text"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise ValueError(f"{key} is missing or empty")
    for key in ("parent", "source"):
        if row.get(key) is not None and not isinstance(row[key], str):
            raise ValueError(f"{key} is not a text")
    truth = _WORDS.get(str(row.get("stance")).strip().lower())
    if truth is None:
        raise ValueError(f"stance is {row.get('stance')!r}, expected favour, against or unclear")
    return Row(Pair(row["proposal"], row["text"], row.get("parent") or None), truth, row.get("source") or "")


def evaluate(model: Predicts, rows: Sequence[Row], abstain_below: float = 0.0, seed: int = 0) -> Scores:
    """Scores of the model on the rows; see Scores. Raises InputError when there is no row."""
    if not rows:
        raise InputError("nothing to evaluate: the file holds no valid row")
    return score(truth_of(rows), model.predict([row.pair for row in rows]), proposals_of(rows), abstain_below, seed)


def truth_of(rows: Sequence[Row]) -> NDArray[np.int64]:
    """(n,) true stances."""
    return np.array([row.truth for row in rows], np.int64)


def proposals_of(rows: Sequence[Row]) -> list[str]:
    """The proposal of each row."""
    return [row.pair.proposal for row in rows]


def score(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    proposals: Sequence[str],
    abstain_below: float = 0.0,
    seed: int = 0,
) -> Scores:
    """Scores of (n, 3) probabilities against (n,) true stances, rows being grouped by proposal for the interval."""
    kept = probabilities.max(axis=1) >= abstain_below
    groups = groups_of(list(proposals))
    counts = confusions(truth, np.where(kept, probabilities.argmax(axis=1), UNCLEAR), groups)
    total = counts.sum(axis=0)
    sided = confusions(truth, probabilities[:, :2].argmax(axis=1), groups).sum(axis=0)
    favour, against, unclear = (float(value) for value in f1_by_class(total))
    return Scores(
        n=len(truth),
        proposals=len(counts),
        macro_f1=float(macro_f1(total)),
        interval=bootstrap_interval(counts, seed),
        macro_f1_sided=float(macro_f1(sided)),
        accuracy=float(np.trace(total) / total.sum()) if total.sum() else float("nan"),
        accuracy_interval=accuracy_interval(counts, seed),
        calibration_error=calibration_error(truth, probabilities),
        abstained=float(1 - kept.mean()),
        f1=(favour, against, unclear),
        confusion=tuple(tuple(int(count) for count in row) for row in total),
    )


def report(
    rows: Sequence[Row],
    probabilities: NDArray[np.float32],
    abstain_below: float = 0.0,
    precision: float = 0.8,
    seed: int = 0,
) -> Report:
    """Everything that is known of (n, 3) probabilities on n rows; see Report. Raises InputError without rows."""
    if not rows:
        raise InputError("nothing to evaluate: no valid row")
    truth, proposals = truth_of(rows), proposals_of(rows)
    groups = groups_of(proposals)

    def part(chosen: NDArray[np.bool_]) -> Scores:
        names = [proposals[place] for place in np.flatnonzero(chosen)]
        return score(truth[chosen], probabilities[chosen], names, abstain_below, seed)

    return Report(
        scores=score(truth, probabilities, proposals, abstain_below, seed),
        calibration_interval=calibration_interval(truth, probabilities, groups, seed=seed),
        calibration_noise=calibration_noise(probabilities, seed=seed),
        reliability=reliability(truth, probabilities),
        coverage=tuple(at_coverage(truth, probabilities, groups, share, seed) for share in COVERAGES),
        precision=precision,
        threshold=for_precision(truth, probabilities, groups, precision, seed),
        by_source={name: part(chosen) for name, chosen in _sources(rows)},
        by_size={name: part(chosen) for name, chosen in _sizes(groups)},
    )


def _sources(rows: Sequence[Row]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    sources = np.array([row.source for row in rows])
    for name in sorted(set(sources.tolist())):
        yield str(name), sources == name


def _sizes(groups: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    size = np.bincount(groups)[groups]
    for name, (least, most) in SIZES.items():
        chosen = (size >= least) & (size <= most)
        if chosen.any():
            yield name, chosen
