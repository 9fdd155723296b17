"""Which posts to have labelled: drawn with known probabilities, more of them where the model is least sure.

Strata are proposal, month and band of the model's score. Within a stratum every post has the same chance, without
replacement: n_h / N_h. The shares n_h follow Neyman's optimal allocation, n_h ~ N_h S_h (Neyman 1934,
doi:10.2307/2342192), made exact in whole numbers by the equivalence with apportionment (Wright 2012,
doi:10.1080/00031305.2012.733679), with at least two posts in every stratum, so that none has probability zero and each
has a variance. S_h is what a calibrated score leaves in doubt, and never less than a reader that errs once in ten:
a model that is wrong and sure must be found out too.

The order within a stratum is that of permanent random numbers, hashes of the ids (Ohlsson 1995, in Business Survey
Methods, ch. 9): the same draw can be made again, a larger one holds the smaller, and a draw of next week meets posts
that are labelled already.
"""

import heapq
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from index.engine import Engine
from measures.positions import search_where
from measures.window import View
from polyphonie.records import Drawn, Origin, record_id

SEED = "annotation"
LEAST = 2  # posts drawn in a stratum
# Even a sure answer of the model is taken to be wrong once in ten.
LEAST_DOUBT = 0.1 * 0.9
FINE, COARSE = (0.1, 0.35, 0.65, 0.9), (0.35, 0.65)
_READ = ("post", "proposal", "at", "p_favour", "p_against", "p_unclear")


@dataclass(frozen=True)
class Candidate:
    """A post that a model read about a proposal. month: « 2026-03 »; the three probabilities sum to 1."""

    post: str
    proposal: str
    month: str
    p_favour: float
    p_against: float
    p_unclear: float

    @property
    def score(self) -> float:
        """Where the model puts it, from 0 (against) to 1 (in favour); unclear is half-way."""
        return self.p_favour + self.p_unclear / 2


Naming = Callable[[Candidate], str]


def read_candidates(engine: Engine, proposal: str | None, view: View) -> list[Candidate]:
    """Every counted prediction of a window, about one proposal or all of them: what may be drawn."""
    where = search_where("", replace(view, origins=(Origin.PREDICTED,)))
    if proposal is not None:
        where = replace(where, terms={**where.terms, "proposal": (proposal,)})
    return [
        Candidate(row["post"], row["proposal"], row["at"][:7], row["p_favour"], row["p_against"], row["p_unclear"])
        for row in engine.scan("positions", where, _READ)
    ]


def draw(candidates: Iterable[Candidate], n: int, seed: str = SEED) -> list[Drawn]:
    """n of the candidates (all of them when they are fewer), each with its probability, in the order of reading.

    Any beginning of that order is spread over the strata as the whole is, so reading may stop anywhere. The same
    candidates, n and seed give the same draw, under the same name. Raises ValueError when n < 1.
    """
    if n < 1:
        raise ValueError(f"expected to draw one post or more, got {n}")
    population = list(candidates)
    strata = stratify(population, n)
    names = sorted(strata)
    sizes = np.array([len(strata[name]) for name in names], np.int64)
    spreads = np.array([spread([each.score for each in strata[name]]) for name in names])
    taken = allocate(sizes, spreads, min(n, len(population)))
    picked: list[tuple[float, Candidate, str, int, int, int]] = []
    for name, size, count in zip(names, sizes.tolist(), taken.tolist(), strict=True):
        first = heapq.nsmallest(count, strata[name], key=lambda each: _number(seed, each))
        picked += [((place + 0.5) / count, each, name, size, place, count) for place, each in enumerate(first)]
    picked.sort(key=lambda pick: (pick[0], _number(seed, pick[1])))
    called = "tirage-" + record_id(seed, *(f"{p[1].post} {p[1].proposal} {p[2]} {p[3]}" for p in picked))[:12]
    return [_drawn(called, turn, *pick[1:]) for turn, pick in enumerate(picked)]


def _drawn(called: str, turn: int, each: Candidate, stratum: str, size: int, place: int, count: int) -> Drawn:
    return Drawn(
        round=called,
        post=each.post,
        proposal=each.proposal,
        month=each.month,
        stratum=stratum,
        stratum_size=size,
        place=place,
        turn=turn,
        drawn_with=count / size,
        p_favour=each.p_favour,
        p_against=each.p_against,
        p_unclear=each.p_unclear,
    )


def frame(candidates: Iterable[Candidate]) -> dict[str, tuple[float, float, float]]:
    """What the model says of all: proposal -> sums of its probabilities of favour, against and unclear."""
    sums: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(3))
    for each in candidates:
        sums[each.proposal] += (each.p_favour, each.p_against, each.p_unclear)
    return {proposal: (float(f), float(a), float(u)) for proposal, (f, a, u) in sorted(sums.items())}


def stratify(candidates: Sequence[Candidate], n: int) -> dict[str, list[Candidate]]:
    """The candidates by stratum: the finest of the levels that n posts can cover twice over, else one stratum."""
    for name in _LEVELS:
        sizes = Counter(map(name, candidates))
        # Half of the posts are left free to go where the model is unsure.
        if sum(min(LEAST, size) for size in sizes.values()) <= max(n // 2, LEAST):
            break
    strata: dict[str, list[Candidate]] = defaultdict(list)
    for each in candidates:
        strata[name(each)].append(each)
    return dict(strata)


def _banded(edges: tuple[float, ...], each: Candidate) -> str:
    place = bisect_right(edges, each.score)
    return f"{(0.0, *edges)[place]}-{(*edges, 1.0)[place]}"


# From the finest to the coarsest: what is given up first is what tells the least.
_LEVELS: tuple[Naming, ...] = (
    lambda each: f"{each.proposal} {each.month} {_banded(FINE, each)}",
    lambda each: f"{each.proposal} {each.month} {_banded(COARSE, each)}",
    lambda each: f"{each.proposal} {_banded(COARSE, each)}",
    lambda each: each.proposal,
    lambda each: _banded(COARSE, each),
    lambda each: "all",  # noqa: ARG005
)


def strata_of(each: Candidate) -> list[str]:
    """The strata that it could be in: one for each level of `stratify`; a draw uses the names of one level only."""
    return [name(each) for name in _LEVELS]


def spread(scores: Sequence[float]) -> float:
    """What a stratum leaves in doubt, as a standard deviation: that of a coin of the model's own probability."""
    found = np.asarray(scores)
    return sqrt(max(float((found * (1 - found)).mean()), LEAST_DOUBT))


def allocate(sizes: NDArray[np.int64], spreads: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """How many to draw in each stratum so that a total has the smallest variance (Wright 2012), n in all.

    sizes, spreads: (h,) posts and standard deviation of each stratum, the latter above zero. Each gets between
    min(LEAST, its size) and its size; where n cannot pay for that, the smallest priority goes without.
    Raises ValueError when n is more than there are posts.
    """
    if n > sizes.sum():
        raise ValueError(f"cannot draw {n} of {sizes.sum()} posts")
    taken = np.zeros(len(sizes), np.int64)
    weights = sizes * spreads
    # The first LEAST come before all others; then each next one where it lowers the variance most.
    waiting = [(-LEAST, -float(weight), stratum) for stratum, weight in enumerate(weights)]
    heapq.heapify(waiting)
    for _ in range(n):
        _, _, stratum = heapq.heappop(waiting)
        taken[stratum] += 1
        count = int(taken[stratum])
        if count < sizes[stratum]:
            urgency = -max(LEAST - count, 0)
            heapq.heappush(waiting, (urgency, -float(weights[stratum]) / sqrt(count * (count + 1)), stratum))
    return taken


def horvitz_thompson(values: Sequence[float], probabilities: Sequence[float]) -> float:
    """Unbiased total of a population from a sample of it: sum of value / probability (Horvitz & Thompson 1952,
    doi:10.1080/01621459.1952.10483446)."""
    return float(np.sum(np.asarray(values) / np.asarray(probabilities)))


def _number(seed: str, each: Candidate) -> int:
    """The permanent random number of a candidate: uniform on 64 bits, the same in every draw of one seed."""
    return int.from_bytes(blake2b(f"{seed} {each.post} {each.proposal}".encode(), digest_size=8).digest())
