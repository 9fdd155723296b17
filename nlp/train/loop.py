"""Fine-tunes a learner on lists of examples, an epoch each."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from nlp.models.backends import by_length
from nlp.models.pairs import LIMIT
from nlp.train.examples import Example
from nlp.train.learners import Learner


@dataclass(frozen=True)
class Recipe:
    """How one step is trained; `limit` is in tokens, `warm_up` a share of the updates."""

    rate: float
    batch: int = 32
    limit: int = 96
    warm_up: float = 0.06
    weight_decay: float = 0.01
    smoothing: float = 0.0


def train(
    learner: Learner,
    epochs: Sequence[Sequence[Example]],
    recipe: Recipe,
    seed: int,
    after_epoch: Callable[[int], None],
    tell: Callable[[str], None] = print,
) -> None:
    """One pass over each list of `epochs`, AdamW, linear warm-up then linear decay to zero over them all.

    `after_epoch(number)` is called after each, number from 1, with the reader in evaluation mode.
    """
    rng = random.Random(seed)
    torch.manual_seed(seed)
    updates = sum(-(-len(examples) // recipe.batch) for examples in epochs)
    warm = max(1, round(recipe.warm_up * updates))
    trained = [parameter for parameter in learner.module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (updates - step) / max(1, updates - warm))
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    began, seen, recent = time.monotonic(), 0, 0.0
    for number, examples in enumerate(epochs, 1):
        learner.module.train()
        encoded = learner.encode([example.pair for example in examples], recipe.limit)
        for update, rows in enumerate(buckets([len(row["input_ids"]) for row in encoded], recipe.batch, rng), 1):
            logits = learner.logits([encoded[row] for row in rows])
            loss = loss_of(logits, torch.tensor([examples[row].label for row in rows]))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            seen += len(rows)
            recent = 0.98 * recent + 0.02 * float(loss.detach()) if seen > len(rows) else float(loss.detach())
            if update % 50 == 0:
                speed = seen / (time.monotonic() - began)
                tell(f"epoch {number}, {update * recipe.batch}/{len(examples)} pairs, loss {recent:.3f}, {speed:.1f}/s")
        learner.module.eval()
        after_epoch(number)


def buckets(lengths: Sequence[int], size: int, rng: random.Random) -> Iterator[list[int]]:
    """Row numbers in batches of similar length: random pools of 40 batches, sorted inside, then shuffled."""
    order = list(range(len(lengths)))
    rng.shuffle(order)
    batches = []
    for start in range(0, len(order), 40 * size):
        pool = sorted(order[start : start + 40 * size], key=lambda row: lengths[row])
        batches += [pool[first : first + size] for first in range(0, len(pool), size)]
    rng.shuffle(batches)
    yield from batches


@torch.inference_mode()
def logits_of(learner: Learner, examples: Sequence[Example], limit: int = LIMIT) -> NDArray[np.float32]:
    """(n, 3) logits, in the order of the examples."""
    learner.module.eval()
    encoded = learner.encode([example.pair for example in examples], limit)
    sizes = [len(row["input_ids"]) for row in encoded]
    return by_length(sizes, lambda rows: learner.logits([encoded[row] for row in rows]).numpy())
