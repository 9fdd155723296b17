"""Drift: has what the model reads changed, so much that errors measured before may not hold now?

Three views of the last week against the weeks before it: the mix of sources, the model's probabilities, the vocabulary.
Each is a table of days by categories. The distance is the Jensen-Shannon divergence (Lin 1991, doi:10.1109/18.61115);
the population stability index is told beside it because many know it, but its usual thresholds (0.1 and 0.25) mean
nothing without the number of items (Yurdakul & Naranjo 2020, Journal of Risk Model Validation): they decide nothing.

What chance does is learnt from the same days. The week is dealt again as two runs of consecutive days, anywhere on the
circle of all days: posts of one day, and days that follow each other, are alike, and permuting posts would call
each burst a drift. Days may stay alike for longer than a run: the divergences of chance are multiplied by how much
further a whole past week is from the rest of the past than two runs are, when it is further.

False alarms: each view is held to a third of FALSE_ALARM (Bonferroni). Measured on 1,500 seeded series of 30 days, a
view gives under 1 in 100 looks when days are independent, follow the week or burst, 2.6 when a day is half like the day
before, and 4.6, more than promised, when it is like it at 0.8: news that lasts looks like drift. A shift must also have
moved at least LEAST_MOVED of what is read, so that a million posts do not make a drift of nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, nan, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from measures.popularity import Confusion

Kind = Literal["sources", "scores", "words"]
Array = NDArray[np.float64]

FALSE_ALARM = 0.05  # of a look, over the three views together
DAYS, LAST = 30, 7  # texts live 30 days
LEAST_BEFORE, LEAST_ITEMS = 14, 200  # days that said something, and items on each side, under which nothing is told
LEAST_MOVED = 0.05
DEALT = 999  # times
RUNS = 2
KINDS = 3
SHOWN = 3


@dataclass(frozen=True)
class Move:
    """A category whose share changed. items: of the last days, which a page may have to mask."""

    name: str
    before: float
    now: float
    items: float


@dataclass(frozen=True)
class Shift:
    """One view of the last days against those before.

    divergence: Jensen-Shannon, in bits, 0 to 1. stability: population stability index. moved: share of what is read
    that changed place beyond what chance moves, in [0, 1] (total variation). p_value: how often chance does as much;
    NaN where there is too little to tell. moves: the categories that changed most, where they have names.
    """

    kind: Kind
    divergence: float
    stability: float
    moved: float
    p_value: float
    moves: tuple[Move, ...] = ()

    @property
    def established(self) -> bool:
        """Whether it is more than chance, and matters."""
        return self.p_value <= FALSE_ALARM / KINDS and self.moved >= LEAST_MOVED


def jensen_shannon(before: Array, now: Array) -> Array:
    """Divergence in bits, in [0, 1]: 0 for the same mix, 1 for mixes that share nothing.

    before, now: (..., k) counts or shares. Returns (...,); NaN where one side is empty. Raises ValueError on a
    negative count.
    """
    first, second = _shares(before), _shares(now)
    middle = (first + second) / 2
    return np.asarray((_relative(first, middle) + _relative(second, middle)) / 2, np.float64)


def population_stability(before: Array, now: Array) -> float:
    """Sum of (now - before) ln(now / before) over (k,) categories, half an item being added to each so that none is
    infinite; about 5.5 times the divergence in bits where the change is small. NaN where one side is empty."""
    if not before.sum() or not now.sum():
        return nan
    first, second = _shares(before + 0.5), _shares(now + 0.5)
    return float(((second - first) * np.log(second / first)).sum())


def total_variation(before: Array, now: Array) -> Array:
    """Share of one mix that must change place to become the other; (..., k) to (...,), in [0, 1]."""
    return np.asarray(np.abs(_shares(before) - _shares(now)).sum(axis=-1) / 2, np.float64)


def shift(kind: Kind, days: Array, last: int = LAST, names: Sequence[str] = ()) -> Shift:
    """Compare the last days with those before.

    days: (d, k) counts of each day and category, the oldest first, without a gap (a silent day is a row of zeros).
    names: of the categories, where they may be shown. Raises ValueError unless there are more days before than `last`.
    """
    if not 0 < last < len(days) - last:
        raise ValueError(f"cannot compare {last} of {len(days)} days with those before")
    before, now = days[:-last].sum(axis=0), days[-last:].sum(axis=0)
    enough = (days[:-last].sum(axis=1) > 0).sum() >= LEAST_BEFORE and min(before.sum(), now.sum()) >= LEAST_ITEMS
    if not enough:
        return Shift(kind, nan, nan, 0.0, nan)
    found = float(jensen_shannon(before, now))
    dealt = deal(len(days), last) @ days
    chance = jensen_shannon(days.sum(axis=0) - dealt, dealt)
    further = _further(days[:-last], last)
    p_value = (1 + float((chance * further >= found - 1e-12).sum())) / (1 + DEALT)
    usual = float(np.median(total_variation(days.sum(axis=0) - dealt, dealt))) * sqrt(further)
    moved = max(float(total_variation(before, now)) - usual, 0.0)
    return Shift(kind, found, population_stability(before, now), moved, p_value, _moves(names, before, now))


@lru_cache(maxsize=16)
def deal(days: int, last: int) -> Array:
    """(DEALT, days) zeros and ones: `last` days in RUNS runs that do not touch the same day, on the circle of days.

    The runs and what lies between them are drawn evenly, from a fixed seed: the same days give the same answer.
    """
    rng = np.random.default_rng(0)
    lengths = [last // RUNS + (run < last % RUNS) for run in range(RUNS)]
    chosen = np.zeros((DEALT, days))
    for row in chosen:
        at = int(rng.integers(days))
        between = int(rng.integers(days - last + 1))
        for length, gap in zip(lengths, (between, 0), strict=True):
            row[(at + np.arange(length)) % days] = 1.0
            at += length + gap
    chosen.flags.writeable = False
    return chosen


def widened(confusion: Confusion, shifts: Iterable[Shift]) -> Confusion:
    """The evaluation, worth less: error rates vary more between proposals than when they were measured.

    Errors depend on what is read. Let e(c) be the error rate in category c and the mix go from P to Q: the mean error
    moves by at most TV(P, Q) (max e - min e). Between scores that range is a half: a reader without a clue errs
    half the time, a sure one never. Between sources, or words, it is taken to be four deviations, the range that holds
    95 % of proposals. This bound is added, as one more deviation, to the deviation between proposals that the
    evaluation shows, tau = sqrt(e (1 - e) / (rows + 1)); of several shifts, which are views of one thing, the largest
    is. Only established shifts count. `rows` becomes e (1 - e) / (tau^2 + added^2) - 1.

    Limits: an error that changes while the mix stays (a word that comes to be used ironically) moves nothing here, and
    only labels show it. The bound is a worst case, so the interval is most often wider than it needs to be.
    """
    error, rows = _error(confusion), _rows(confusion)
    spread = error * (1 - error)
    tau = sqrt(spread / (rows + 1))
    added = max((_added(each, tau) for each in shifts if each.established), default=0.0)
    if not added or not spread:
        return confusion
    return replace(confusion, rows=max(spread / (tau**2 + added**2) - 1, 0.5))


def widening(confusion: Confusion, shifts: Iterable[Shift]) -> float:
    """By how much the deviation of error rates between proposals is multiplied: 1 when nothing moved."""
    return sqrt((_rows(confusion) + 1) / (_rows(widened(confusion, shifts)) + 1))


def _added(each: Shift, tau: float) -> float:
    return each.moved * (0.5 if each.kind == "scores" else 4 * tau)


def _error(confusion: Confusion) -> float:
    sides = confusion.counts[:2, :2]
    return float((sides[0, 1] + sides[1, 0]) / sides.sum()) if sides.sum() else 0.5


def _rows(confusion: Confusion) -> float:
    """What the evaluation is worth for one proposal; all of it where proposals do not differ."""
    every = float(confusion.counts[:2, :2].sum())
    return min(confusion.rows if confusion.rows is not None else inf, every)


def _further(before: Array, last: int) -> float:
    """How much further a whole past window is from the rest of the past than RUNS runs of days are; at least 1."""
    if len(before) <= 2 * last:
        return 1.0
    starts = np.arange(len(before) - last + 1)
    whole = ((np.arange(len(before)) - starts[:, None]) // last == 0).astype(np.float64)
    total = before.sum(axis=0)
    windows, runs = (jensen_shannon(total - chosen @ before, chosen @ before) for chosen in
                     (whole, deal(len(before), last)))  # fmt: skip
    usual = float(np.nanmean(runs))
    return max(1.0, float(np.nanmean(windows)) / usual) if usual > 0 else 1.0


def _moves(names: Sequence[str], before: Array, now: Array) -> tuple[Move, ...]:
    first, second = _shares(before), _shares(now)
    order: list[int] = np.argsort(-np.abs(second - first), kind="stable").tolist()
    return tuple(Move(names[i], float(first[i]), float(second[i]), float(now[i])) for i in order[:SHOWN] if names)


def _shares(counts: Array) -> Array:
    if (counts < 0).any():
        raise ValueError("expected counts, got a negative number")
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(np.shape(counts), nan), where=total > 0), np.float64)


def _relative(first: Array, second: Array) -> Array:
    ratio = np.divide(first, second, out=np.ones_like(first), where=(first > 0) & (second > 0))
    return np.asarray((first * np.log2(ratio)).sum(axis=-1), np.float64)
