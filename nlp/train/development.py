"""Chooses among the moments of a training, on proposals that neither training sees nor evaluation scores.

Development sets are our corpus' (the half of the held proposals that calibration sees too), hard and plain apart, and
the consultations'. Each weighs the same: hard posts alone, on which a small reader is often wrong, would make it doubt
everything that people write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nlp.scores import confusions, f1_by_class
from nlp.train.consultations import read_arguments
from nlp.train.examples import UNCLEAR, Corpus, Example, as_asked, in_tuning_half
from nlp.train.export import fit_temperature
from nlp.train.learners import Learner
from nlp.train.loop import logits_of
from polyphonie.errors import InputError

_RELUCTANCES = np.linspace(-1, 3, 41)

Development = Mapping[str, Sequence[Example]]


@dataclass(frozen=True)
class Judged:
    """One moment of a training: macro-F1 by development set, over the classes that are true there: the three in our
    corpus, the two sides in consultations, where "unclear" is a miss.

    reluctance: what was taken from the logit of "unclear" for these scores. Our corpus holds as many unclear posts as
    its writers wished, which is not how often people are unclear: no share of them is right everywhere.
    temperature: the divisor of these logits that makes the truth likeliest.
    """

    moment: str
    macro_f1: Mapping[str, float]
    reluctance: float
    temperature: float

    @property
    def mean(self) -> float:
        """Over the sets, whatever their sizes."""
        return mean_of(self.macro_f1)


def mean_of(scores: Mapping[str, float]) -> float:
    """Over the sets, whatever their sizes."""
    return float(np.mean(list(scores.values())))


def development_sets(held: Corpus, consultations: Sequence[Path], labelled: Sequence[Example] = ()) -> Development:
    """Examples by the name of their set; `labelled` are one more. Raises InputError when there is none."""
    asked = list(zip(as_asked(held), held.posts, strict=True))
    sets = {
        name: [example for example, row in asked if bool(row["hard"]) == hard and in_tuning_half(example.pair.proposal)]
        for name, hard in (("hard", True), ("plain", False))
    }
    sets |= {path.stem: read_arguments(path, "development") for path in consultations} | {"labels": list(labelled)}
    found = {name: examples for name, examples in sets.items() if examples}
    if not found:
        raise InputError("the corpus is too small to hold proposals out for development: give one of 40 or more")
    return MappingProxyType(found)


def judge(learner: Learner, development: Development, moment: str) -> Judged:
    """The scores of the learner as it is now, at the reluctance that suits it best."""
    logits = {name: logits_of(learner, examples) for name, examples in development.items()}
    return judge_logits(logits, development, moment)


def judge_logits(logits: Mapping[str, NDArray[np.float32]], development: Development, moment: str) -> Judged:
    """The same from (n, 3) logits by set."""
    by_reluctance = {float(taken): _scores(logits, development, float(taken)) for taken in _RELUCTANCES}
    reluctance = max(by_reluctance, key=lambda taken: (mean_of(by_reluctance[taken]), -abs(taken)))
    together = np.concatenate([less_unclear(logits[name], reluctance) for name in development])
    truth = np.concatenate([_truth(examples) for examples in development.values()])
    weights = np.concatenate([np.full(len(examples), 1 / len(examples)) for examples in development.values()])
    return Judged(moment, by_reluctance[reluctance], reluctance, fit_temperature(together, truth, weights))


def less_unclear(logits: NDArray[np.float32], reluctance: float) -> NDArray[np.float32]:
    """(n, 3) logits, less `reluctance` for unclear."""
    taken = np.zeros(3, np.float32)
    taken[UNCLEAR] = reluctance
    return logits - taken


def _scores(logits: Mapping[str, NDArray[np.float32]], development: Development, reluctance: float) -> dict[str, float]:
    found = {}
    for name, examples in development.items():
        answers = less_unclear(logits[name], reluctance).argmax(axis=1)
        together = np.zeros(len(examples), np.int64)
        by_class = f1_by_class(confusions(_truth(examples), answers, together).sum(axis=0))
        found[name] = float(by_class[sorted(set(_truth(examples).tolist()))].mean())
    return found


def _truth(examples: Sequence[Example]) -> NDArray[np.int64]:
    return np.array([example.label for example in examples], np.int64)
