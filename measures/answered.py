"""What the answers of one draw are worth so far: how wide the interval is that they alone would give.

The share of favour among the posts that take a side, by the difference estimator: what the model says of all the posts
that could have been drawn, plus what it was found to be wrong by on those that people read, each worth N_h / m_h posts
(Särndal, Swensson & Wretman 1992, Model Assisted Survey Sampling, ch. 6; with the model as fixed beforehand it is the
prediction-powered estimator of Angelopoulos et al. 2023, doi:10.1126/science.adi6000, under stratified sampling).

Reading may stop anywhere: in each stratum the answers count up to the first post of its random order that nobody has
read yet, which is a simple random sample of the stratum, smaller than was planned.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from polyphonie.records import Drawn, Label

LEAST = 10  # answers about a proposal under which no interval is told
POINTS = 24  # of a curve of widths, at most


@dataclass(frozen=True)
class Answered:
    """A drawn post that people read: shares of them who found it in favour, and against.

    chance: with which it was drawn and read, answers of its stratum that count / size of the stratum; it is
    `drawn.drawn_with` once everything was read, and what estimates must use before.
    """

    drawn: Drawn
    favour: float
    against: float
    chance: float


@dataclass(frozen=True)
class Known:
    """A share in [0, 1] with its 95 % interval, from n answers."""

    share: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


class Width(NamedTuple):
    """Half the width of the interval, in shares, once n posts had been answered."""

    n: int
    half_width: float


def counted(draws: Iterable[Drawn], labels: Iterable[Label]) -> list[Answered]:
    """The answers that may be counted: in each stratum, those before the first post that nobody has read.

    labels: of one kind, people or readers. Where several answered, each has a part. A post that all skipped counts as
    one that was not drawn.
    """
    given: dict[tuple[str, str], list[str]] = defaultdict(list)
    for label in labels:
        given[label.post, label.proposal].append(label.answer)
    strata: dict[str, list[Drawn]] = defaultdict(list)
    for one in draws:
        strata[one.stratum].append(one)
    found: list[Answered] = []
    for members in strata.values():
        read: list[tuple[Drawn, float, float]] = []
        for one in sorted(members, key=lambda member: member.place):
            answers = given.get((one.post, one.proposal))
            if answers is None:
                break
            told = [answer for answer in answers if answer != "skipped"]
            if told:
                read.append((one, told.count("favour") / len(told), told.count("against") / len(told)))
        found += [Answered(*each, chance=len(read) / each[0].stratum_size) for each in read]
    return found


def known_share(
    answered: Sequence[Answered],
    strata: Mapping[str, int],
    frame: Mapping[str, tuple[float, float, float]],
    proposal: str,
) -> Known | None:
    """The share of one proposal, and how well these answers make it known; None when LEAST of them are not there.

    strata: name -> posts that it holds, of the whole draw. frame: see `measures.sampling.frame`. The interval is that
    of drawing posts to read: it is what more labels narrow, apart from how many people spoke at all.
    """
    n = sum(each.drawn.proposal == proposal for each in answered)
    if n < LEAST or proposal not in frame:
        return None
    groups = [(size, _errors(members, proposal)) for size, members in _grouped(answered, strata)]
    corrected = sum((size * errors.mean(axis=0) for size, errors in groups), np.array(frame[proposal][:2]))
    favour, against = np.maximum(corrected, 0.0).tolist()
    sided = favour + against
    if sided < 1:
        return None
    share = favour / sided
    variance, freedom = 0.0, 0
    for size, errors in groups:
        residuals = errors @ np.array([1 - share, -share]) / sided
        read = len(residuals)
        freedom += read - 1
        variance += size * (size - read) * float(residuals.var(ddof=1)) / read
    reach = float(stdtrit(max(freedom, 1), 0.975)) * sqrt(variance)
    return Known(share, max(share - reach, 0.0), min(share + reach, 1.0), n)


def width_after(
    draws: Sequence[Drawn],
    labels: Sequence[Label],
    frame: Mapping[str, tuple[float, float, float]],
    proposal: str,
) -> list[Width]:
    """How the interval of a proposal shrank: half its width after each answer, in the order in which they came.

    At most POINTS of them, the last included; empty before LEAST answers.
    """
    strata = {one.stratum: one.stratum_size for one in draws}
    ordered = sorted(labels, key=lambda label: (label.at, label.id))
    if len(ordered) < LEAST:
        return []
    # Closer together at the beginning, where each answer tells the most.
    ends = np.unique(np.geomspace(LEAST, len(ordered), POINTS).round().astype(int))
    widths: dict[int, float] = {}
    for end in ends.tolist():
        known = known_share(counted(draws, ordered[:end]), strata, frame, proposal)
        if known is not None:
            widths[known.n] = known.half_width
    return [Width(n, half) for n, half in sorted(widths.items())]


def more_to_halve(n: int, size: int) -> float:
    """How many more answers halve the interval, of a proposal of which n posts among size were read.

    The variance goes with 1/n - 1/size; infinite when nothing was read.
    """
    if n < 1 or size <= n:
        return inf if n < 1 else 0.0
    return 1 / ((1 / n - 1 / size) / 4 + 1 / size) - n


def _errors(members: Sequence[Answered], proposal: str) -> NDArray[np.float64]:
    """(m, 2) answer minus prediction, for favour and against; zero for another proposal of the same stratum."""
    return np.array(
        [
            (each.favour - each.drawn.p_favour, each.against - each.drawn.p_against)
            if each.drawn.proposal == proposal
            else (0.0, 0.0)
            for each in members
        ]
    )


def _grouped(answered: Sequence[Answered], strata: Mapping[str, int]) -> list[tuple[int, list[Answered]]]:
    """Strata put together with their neighbours until each group has two answers: (posts, answers) of each."""
    read: dict[str, list[Answered]] = defaultdict(list)
    for each in answered:
        read[each.drawn.stratum].append(each)
    groups: list[tuple[int, list[Answered]]] = []
    size, members = 0, list[Answered]()
    for name in sorted(strata):
        size, members = size + strata[name], members + read[name]
        if len(members) >= 2:
            groups.append((size, members))
            size, members = 0, []
    if size and groups:
        groups[-1] = (groups[-1][0] + size, groups[-1][1] + members)
    return groups
