"""The two steps that make a stance reader: what a stance is, from English claims; then French, English replayed.

Each epoch, and the mean of the weights of the last two, is judged on development proposals: our corpus' (the half that
calibration sees too) and the consultations'. The best is kept, so training may be asked for more epochs than it needs.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from nlp.evaluation import score
from nlp.stance import softmax
from nlp.train.consultations import balanced, read_arguments
from nlp.train.examples import (
    HELD_SEED,
    HELD_SHARE,
    Corpus,
    Example,
    as_asked,
    french_examples,
    in_tuning_half,
    mismatch,
    read_corpus,
    read_english,
    split_corpus,
)
from nlp.train.export import State, fit_temperature, load_checkpoint
from nlp.train.learners import Learner, kept_state, mean_state
from nlp.train.loop import Recipe, logits_of, train
from polyphonie.errors import InputError

Tell = Callable[[str], None]
TRANSFER_MISMATCHED = 0.1  # English has no unclear pairs of its own


@dataclass(frozen=True)
class Plan:
    """What is learnt from, and how much of it.

    english, consultations: JSONL files, none of them in the repository. transfer_epochs: passes over the English pairs.
    epochs: passes over the French ones, each with `arguments` of each consultation and `replayed` English pairs.
    mismatched: share of our posts repeated with a wrong proposal, as unclear. start: a checkpoint of the transfer, not
    done again then. checkpoints: the folder where each epoch is written.
    """

    english: Path
    corpus: Path
    consultations: tuple[Path, ...]
    checkpoints: Path
    seed: int = 17
    transfer_epochs: int = 1
    epochs: int = 3
    arguments: int = 800
    replayed: int = 5000
    mismatched: float = 0.05
    start: Path | None = None


@dataclass(frozen=True)
class Judged:
    """Macro-F1 over favour and against ("unclear" being a miss) of one moment of a training, by development set."""

    moment: str
    macro_f1: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Over the sets; without those that hold one side only, where it is unknown."""
        return float(np.nanmean(list(self.macro_f1.values())))


def train_stance(learner: Learner, plan: Plan, tell: Tell) -> tuple[list[Judged], Judged, float]:
    """Train, leave the best moment in the learner: (every moment judged, the best one, its temperature)."""
    english = read_english(plan.english)
    training, held = split_corpus(read_corpus(plan.corpus), HELD_SHARE, HELD_SEED)
    development = development_sets(held, plan.consultations)
    plan.checkpoints.mkdir(parents=True, exist_ok=True)
    if plan.start:
        learner.module.load_state_dict(load_checkpoint(plan.start))
    else:
        _transfer(learner, english, plan, tell)
    return _french(learner, french_epochs(training, english, plan), development, plan, tell)


def development_sets(held: Corpus, consultations: Sequence[Path]) -> Mapping[str, Sequence[Example]]:
    """Examples by the name of their set; none is about a proposal that training sees or that evaluation scores."""
    asked = list(zip(as_asked(held), held.posts, strict=True))
    sets = {
        name: [example for example, row in asked if bool(row["hard"]) == hard and in_tuning_half(example.pair.proposal)]
        for name, hard in (("hard", True), ("plain", False))
    }
    sets |= {path.stem: read_arguments(path, "development") for path in consultations}
    found = {name: examples for name, examples in sets.items() if examples}
    if not found:
        raise InputError("the corpus is too small to hold proposals out for development: give one of 40 or more")
    return MappingProxyType(found)


def french_epochs(corpus: Corpus, english: Sequence[Example], plan: Plan) -> list[list[Example]]:
    """The examples of each epoch: wordings, wrong proposals, arguments and English pairs are drawn again every time."""
    arguments = [read_arguments(path, "training") for path in plan.consultations]
    epochs = []
    for number in range(plan.epochs):
        rng = random.Random(f"{plan.seed}-{number}")
        examples = french_examples(corpus, plan.mismatched, rng)
        examples += rng.sample(english, min(plan.replayed, len(english)))
        epochs.append(examples + list(chain.from_iterable(balanced(some, plan.arguments, rng) for some in arguments)))
    return epochs


def _transfer(learner: Learner, english: Sequence[Example], plan: Plan, tell: Tell) -> None:
    epochs = [
        [*english, *mismatch(english, TRANSFER_MISMATCHED, random.Random(f"{plan.seed}-{number}"))]
        for number in range(plan.transfer_epochs)
    ]

    def save(number: int) -> None:
        torch.save(learner.module.state_dict(), plan.checkpoints / "transfer.pt")
        tell(f"transfer, epoch {number}: done")

    train(learner, epochs, Recipe(rate=8e-5), plan.seed, save, tell)


def _french(
    learner: Learner,
    epochs: Sequence[Sequence[Example]],
    development: Mapping[str, Sequence[Example]],
    plan: Plan,
    tell: Tell,
) -> tuple[list[Judged], Judged, float]:
    states: dict[str, State] = {}
    judged: list[Judged] = []
    temperatures: dict[str, float] = {}

    def judge(moment: str) -> None:
        found, temperatures[moment] = judge_on(learner, development, moment)
        states[moment] = kept_state(learner.module)
        judged.append(found)
        torch.save(states[moment], plan.checkpoints / f"{moment.replace(' ', '-')}.pt")
        tell(f"{moment}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.macro_f1.items()))

    train(learner, epochs, Recipe(rate=6e-5, limit=128), plan.seed, lambda number: judge(f"epoch {number}"), tell)
    if len(states) > 1:
        learner.module.load_state_dict(mean_state(list(states.values())[-2:]))
        judge("mean of the last two")
    best = max(judged, key=lambda found: found.mean)
    learner.module.load_state_dict(states[best.moment])
    return judged, best, temperatures[best.moment]


def judge_on(learner: Learner, development: Mapping[str, Sequence[Example]], moment: str) -> tuple[Judged, float]:
    """Scores by development set, and the temperature that fits all of them, each set weighing the same: hard posts
    alone, on which a small reader is often wrong, would make it doubt everything that people write."""
    found, logits, truths, weights = {}, [], [], []
    for name, examples in development.items():
        logits.append(logits_of(learner, examples))
        truths.append(np.array([example.label for example in examples]))
        weights.append(np.full(len(examples), 1 / len(examples)))
        asked = [example.pair.proposal for example in examples]
        found[name] = score(truths[-1], softmax(logits[-1]), asked).macro_f1
    temperature = fit_temperature(np.concatenate(logits), np.concatenate(truths), np.concatenate(weights))
    return Judged(moment, found), temperature
