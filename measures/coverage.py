"""Worlds whose truth is known, to see how often an interval holds it: readers that err, and people who err a little.

A world is one proposal. Its reader is right 60 to 90 % of the time on each side, on its own for each side, over all
proposals; on this one its two rates are drawn around those, as far apart as our evaluation says that proposals are. Its
evaluation is a finite set of other proposals. One voice in ten is a text that several voices copied.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr

from measures.estimators import Confusion, Counts, Estimate, raw_share
from measures.labelled import AGAINST, FAVOUR, NEITHER, LabelError, Labels
from measures.quantification import spread

# What the shipped reader does on the arguments of two consultations (`spread`): 9.6 to 17 rows, leaning 0.25 to 0.5.
ROWS_OF_A_PROPOSAL, LEAN = 12.0, 0.4
Codes = NDArray[np.int64]
Estimator = Callable[[Counts, Labels | None, Confusion | None], Estimate]


@dataclass(frozen=True)
class World:
    """What is seen of a proposal, and what is not: share (the truth), said (n,) what people would answer of each unit.

    answered: (n,) what the reader did; names and sizes: (n,) of the units, voices or groups of copies.
    """

    share: float
    confusion: Confusion | None
    answered: Codes
    said: Codes
    names: NDArray[np.uint64]
    sizes: NDArray[np.float64]

    def counts(self) -> Counts:
        return Labels(self.answered, self.answered, np.ones(len(self.names)), self.names, self.sizes).counts()

    def labels(self, number: float, rng: Generator) -> Labels | None:
        """About `number` labels, each post drawn on its own with a probability that differs fourfold between posts."""
        if not number:
            return None
        wanted = rng.choice([0.5, 1.0, 2.0], len(self.names))
        drawn_with = _scaled(wanted, number)
        drawn = rng.random(len(self.names)) < drawn_with
        return Labels(self.answered[drawn], self.said[drawn], drawn_with[drawn], self.names[drawn], self.sizes[drawn])


def draw_world(rng: Generator, neither: float = 0.0, error: LabelError | None = None) -> World:
    """A world of 50 to 2,000 units whose share is 0.1 to 0.9.

    neither: share of posts that take no side; half of them are recognised, the others read as one side or the other.
    error: how labels err; the world's own rate is drawn from what it says.
    """
    share, n = rng.uniform(0.1, 0.9), int(np.exp(rng.uniform(np.log(50), np.log(2000))))
    right = rng.uniform(0.6, 0.9, 2)
    own = own_rates(right[None], rng)[0]
    truth = np.where(rng.random(n) < share, FAVOUR, AGAINST)
    answered = _read(truth, own, rng)
    aside = rng.random(n) < neither
    guessed = np.where(rng.random(n) < rng.uniform(0.3, 0.7), FAVOUR, AGAINST)
    answered = np.where(aside, np.where(rng.random(n) < 0.5, NEITHER, guessed), answered)
    rate = (error or LabelError()).rates(rng.random(1))[0]
    said = np.where(aside, NEITHER, np.where(rng.random(n) < rate, 1 - truth, truth))
    sizes = np.where(rng.random(n) < 0.1, rng.integers(2, 9, n), 1).astype(np.float64)
    names = rng.integers(0, 2**64, n, dtype=np.uint64)
    return World(share, evaluation(right, rng), answered, said, names, sizes)


def evaluation(right: NDArray[np.float64], rng: Generator, proposals: int = 150, rows: int = 20) -> Confusion:
    """What a finite evaluation on other proposals measures of a reader, and how it finds that its errors vary."""
    of_each = own_rates(np.repeat(right[None], proposals, axis=0), rng)
    owner = np.repeat(np.arange(proposals), rows)
    truth = np.tile(np.arange(rows) % 2, proposals)
    hit = rng.random(len(truth)) < of_each[owner, truth]
    answered = np.where(hit, truth, 1 - truth)
    counts = np.zeros((3, 3))
    np.add.at(counts, (truth, answered), 1)
    return Confusion(counts, "", *spread(truth, answered, owner))


def own_rates(right: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """(p, 2) how often a reader is right on each side of each proposal, around `right`: it leans to one answer."""
    first = rng.standard_normal(len(right))
    second = -LEAN * first + np.sqrt(1 - LEAN**2) * rng.standard_normal(len(right))
    quantiles = ndtr(np.stack([first, second], axis=1))
    drawn: NDArray[np.float64] = betaincinv(right * ROWS_OF_A_PROPOSAL, (1 - right) * ROWS_OF_A_PROPOSAL, quantiles)
    return drawn


def _read(truth: Codes, right: NDArray[np.float64], rng: Generator) -> Codes:
    return np.where(rng.random(len(truth)) < right[truth], truth, 1 - truth)


def _scaled(wanted: NDArray[np.float64], number: float) -> NDArray[np.float64]:
    """Probabilities proportional to `wanted`, at most 1, whose sum is `number` or all there is."""
    if number >= len(wanted):
        return np.ones(len(wanted))
    scale = number / wanted.sum()
    for _ in range(50):
        scale *= number / np.minimum(wanted * scale, 1).sum()
    return np.asarray(np.minimum(wanted * scale, 1.0))


@dataclass(frozen=True)
class Coverage:
    """How an estimator did: share of worlds whose interval holds the truth, mean absolute errors, widths.

    raw: mean absolute error of classify-and-count; corrected: of the estimator. width: mean; median: of widths.
    """

    worlds: int
    covered: float
    raw: float
    corrected: float
    width: float
    median: float

    @property
    def doubt(self) -> float:
        """Standard error of `covered`."""
        return float(np.sqrt(self.covered * (1 - self.covered) / self.worlds)) if self.worlds else nan


def coverage(worlds: Iterable[World], number: float, estimator: Estimator, rng: Generator) -> Coverage:
    """Coverage of the 95 % intervals of an estimator with about `number` labels in each world."""
    return summary([judged(world, number, estimator, rng) for world in worlds])


def judged(world: World, number: float, estimator: Estimator, rng: Generator) -> tuple[bool, float, float, float]:
    """Whether the interval holds the truth, the error of classify-and-count, that of the estimator, and the width."""
    counts = world.counts()
    found = estimator(counts, world.labels(number, rng), world.confusion)
    held = found.low <= world.share <= found.high
    return held, raw_share(counts).share - world.share, found.share - world.share, found.high - found.low


def summary(rows: Sequence[tuple[bool, float, float, float]]) -> Coverage:
    """From (held, raw error, corrected error, width) of each world."""
    held, raw, corrected, widths = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return Coverage(
        len(rows),
        float(held.mean()),
        float(np.abs(raw).mean()),
        float(np.abs(corrected).mean()),
        float(widths.mean()),
        float(np.median(widths)),
    )
