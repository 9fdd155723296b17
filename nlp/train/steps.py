"""The two steps that make a stance reader: what a stance is, from English claims; then French, English replayed.

Each epoch, and the mean of the weights of the last two, is judged on development proposals. The best is kept, so
training may be asked for more epochs than it needs.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import torch

from nlp.train.consultations import balanced, part_of, read_arguments
from nlp.train.development import Development, Judged, development_sets, judge
from nlp.train.examples import (
    HELD_SEED,
    HELD_SHARE,
    UNCLEAR,
    Corpus,
    Example,
    french_examples,
    mismatch,
    read_corpus,
    read_labelled,
    split_corpus,
)
from nlp.train.export import State, load_checkpoint
from nlp.train.learners import Learner, kept_state, mean_state
from nlp.train.loop import Recipe, train
from polyphonie.errors import InputError

Tell = Callable[[str], None]
TRANSFER_MISMATCHED = 0.1  # English has no unclear pairs of its own


@dataclass(frozen=True)
class Plan:
    """What is learnt from, and how much of it.

    english, consultations: JSONL files, none of them in the repository. labels: answers on the posts of a home,
    as `polyphonie labels export` writes it. transfer_epochs: passes over the English pairs.
    epochs: passes over the French ones, each with `arguments` of each consultation and `replayed` English pairs.
    mismatched: share of our posts repeated with a wrong proposal, as unclear. start: a checkpoint of the transfer, not
    done again then. checkpoints: the folder where each epoch is written.
    """

    english: Path
    corpus: Path
    consultations: tuple[Path, ...]
    checkpoints: Path
    labels: Path | None = None
    seed: int = 17
    transfer_epochs: int = 1
    epochs: int = 3
    arguments: int = 800
    replayed: int = 5000
    mismatched: float = 0.05
    start: Path | None = None


def train_stance(learner: Learner, plan: Plan, tell: Tell) -> tuple[list[Judged], Judged]:
    """Train, leave the best moment in the learner, its reluctance included: (every moment judged, the best one)."""
    english = read_labelled(plan.english, tell)
    labelled = read_labelled(plan.labels, tell) if plan.labels else []
    choosing = [example for example in labelled if part_of(example.pair.proposal) == "development"]
    teaching = [example for example in labelled if part_of(example.pair.proposal) != "development"]
    training, held = split_corpus(read_corpus(plan.corpus), HELD_SHARE, HELD_SEED)
    development = development_sets(held, plan.consultations, choosing)
    plan.checkpoints.mkdir(parents=True, exist_ok=True)
    if plan.start:
        _start(learner, plan.start)
    else:
        _transfer(learner, english, plan, tell)
    return _french(learner, french_epochs(training, english, plan, teaching), development, plan, tell)


def french_epochs(
    corpus: Corpus, english: Sequence[Example], plan: Plan, labelled: Sequence[Example] = ()
) -> list[list[Example]]:
    """The examples of each epoch: wordings, wrong proposals, arguments and English pairs are drawn again every time."""
    arguments = [read_arguments(path, "training") for path in plan.consultations]
    epochs = []
    for number in range(plan.epochs):
        rng = random.Random(f"{plan.seed}-{number}")
        examples = french_examples(corpus, plan.mismatched, rng)
        examples += labelled
        examples += rng.sample(english, min(plan.replayed, len(english)))
        epochs.append(examples + list(chain.from_iterable(balanced(some, plan.arguments, rng) for some in arguments)))
    return epochs


def _start(learner: Learner, path: Path) -> None:
    try:
        learner.module.load_state_dict(load_checkpoint(path))
    except (RuntimeError, AttributeError, TypeError) as error:
        raise InputError(f"{path} does not fit this encoder: {str(error).splitlines()[0]}") from error


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
    learner: Learner, epochs: Sequence[Sequence[Example]], development: Development, plan: Plan, tell: Tell
) -> tuple[list[Judged], Judged]:
    states: dict[str, State] = {}
    judged: list[Judged] = []

    def keep(moment: str) -> None:
        found = judge(learner, development, moment)
        states[moment] = kept_state(learner.module)
        judged.append(found)
        torch.save(states[moment], plan.checkpoints / f"{moment.replace(' ', '-')}.pt")
        told = ", ".join(f"{name} {value:.3f}" for name, value in found.macro_f1.items())
        tell(f"{moment}: {told} (reluctance to say unclear {found.reluctance:.1f})")

    train(learner, epochs, Recipe(rate=6e-5, limit=128), plan.seed, lambda number: keep(f"epoch {number}"), tell)
    if len(states) > 1:
        learner.module.load_state_dict(mean_state(list(states.values())[-2:]))
        keep("mean of the last two")
    best = max(judged, key=lambda found: found.mean)
    learner.module.load_state_dict(states[best.moment])
    with torch.no_grad():
        learner.head.bias[UNCLEAR] -= best.reluctance
    return judged, best
