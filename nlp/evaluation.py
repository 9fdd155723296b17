"""Judges a stance model on labelled rows: F1, accuracy, confusion counts, and an interval over proposals."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlp.models.pairs import Pair
from polyphonie.errors import InputError

FAVOUR, AGAINST, UNCLEAR = 0, 1, 2
_SIDES = (FAVOUR, AGAINST)
_WORDS = {
    "favour": FAVOUR,
    "favor": FAVOUR,
    "for": FAVOUR,
    "against": AGAINST,
    "unclear": UNCLEAR,
    "none": UNCLEAR,
    "neutral": UNCLEAR,
}
_DRAWS = 2_000


class Predicts(Protocol):
    """What evaluation asks of a model: (n, 3) probabilities of favour, against, unclear."""

    def predict(self, pairs: Sequence[Pair]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Row:
    """A pair and its true stance (0 favour, 1 against, 2 unclear)."""

    pair: Pair
    truth: int


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
    calibration_error: float
    abstained: float
    f1: tuple[float, float, float]
    confusion: tuple[tuple[int, ...], ...]


def read_rows(path: Path) -> Labelled:
    """Rows {proposal, text, parent?, stance} of a JSONL file; other keys are ignored.

    stance is favour, against or unclear (also FOR, FAVOR, AGAINST, NONE, NEUTRAL in any case). A malformed row is
    refused with its line number and the reason. Raises InputError when the file cannot be read at all.
    """
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8-sig").splitlines()
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
    parent = row.get("parent")
    if parent is not None and not isinstance(parent, str):
        raise ValueError("parent is not a text")
    truth = _WORDS.get(str(row.get("stance")).strip().lower())
    if truth is None:
        raise ValueError(f"stance is {row.get('stance')!r}, expected favour, against or unclear")
    return Row(Pair(row["proposal"], row["text"], parent or None), truth)


def evaluate(model: Predicts, rows: Sequence[Row], abstain_below: float = 0.0, seed: int = 0) -> Scores:
    """Scores of the model on the rows; see Scores. Raises InputError when there is no row."""
    if not rows:
        raise InputError("nothing to evaluate: the file holds no valid row")
    probabilities = model.predict([row.pair for row in rows])
    truth = np.array([row.truth for row in rows])
    return score(truth, probabilities, [row.pair.proposal for row in rows], abstain_below, seed)


def score(
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    proposals: Sequence[str],
    abstain_below: float = 0.0,
    seed: int = 0,
) -> Scores:
    """Scores of (n, 3) probabilities against (n,) true stances, rows being grouped by proposal for the interval."""
    kept = probabilities.max(axis=1) >= abstain_below
    groups = np.unique(np.array(proposals), return_inverse=True)[1]
    answers = np.where(kept, probabilities.argmax(axis=1), UNCLEAR)
    counts = _confusions(truth, answers, groups, int(groups.max()) + 1)
    total = counts.sum(axis=0)
    sided = _confusions(truth, probabilities[:, :2].argmax(axis=1), groups, int(groups.max()) + 1).sum(axis=0)
    favour, against, unclear = (float(value) for value in f1_by_class(total))
    return Scores(
        n=len(truth),
        proposals=len(counts),
        macro_f1=float(macro_f1(total)),
        interval=bootstrap_interval(counts, seed),
        macro_f1_sided=float(macro_f1(sided)),
        accuracy=float(np.trace(total) / total.sum()) if total.sum() else float("nan"),
        calibration_error=calibration_error(truth, probabilities),
        abstained=float(1 - kept.mean()),
        f1=(favour, against, unclear),
        confusion=tuple(tuple(int(count) for count in row) for row in total),
    )


def _confusions(
    truth: NDArray[np.int64], answers: NDArray[np.int64], groups: NDArray[np.int64], n_groups: int
) -> NDArray[np.int64]:
    """(groups, 3, 3) counts, truth then answer."""
    counts = np.zeros((n_groups, 3, 3), np.int64)
    np.add.at(counts, (groups, truth, answers), 1)
    return counts


def f1_by_class(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """(..., 3) F1 of each class from (..., 3, 3) counts; NaN where a class is neither true nor answered."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    total = confusion.sum(axis=-1) + confusion.sum(axis=-2)
    scores: NDArray[np.float64] = np.divide(2 * right, total, out=np.full(right.shape, np.nan), where=total > 0)
    return scores


def macro_f1(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """(...,) mean F1 of favour and against, the usual score of stance (Mohammad et al. 2016, SemEval task 6)."""
    return np.asarray(f1_by_class(confusion)[..., list(_SIDES)].mean(axis=-1), dtype=np.float64)


def calibration_error(truth: NDArray[np.int64], probabilities: NDArray[np.float32], bins: int = 10) -> float:
    """Expected calibration error (Guo et al. 2017): mean gap, over equal bins of the top probability weighted by
    their rows, between that probability and the share of right answers. NaN without rows."""
    if not len(truth):
        return float("nan")
    top = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    place = np.minimum((top * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=right - top, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))


def bootstrap_interval(counts: NDArray[np.int64], seed: int) -> tuple[float, float]:
    """95 % percentile interval of the macro-F1 when proposals, with all their rows, are drawn again.

    counts: (proposals, 3, 3); NaN where they are all zero. Texts on one proposal share its difficulty, so rows are not
    drawn one by one.
    """
    if not counts.sum():
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=_DRAWS)
    drawn = (weights @ counts.reshape(len(counts), 9)).reshape(_DRAWS, 3, 3)
    low, high = np.nanquantile(macro_f1(drawn), [0.025, 0.975])
    return float(low), float(high)
