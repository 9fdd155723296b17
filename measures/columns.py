"""Positions as columns of numbers, and their sums by cell (see `Tally`), under bootstrap weights.

Three weightings answer three questions. Voices: each voice counts 1 for a proposal and an epoch, split evenly over its
positions (over its votes alone, where it voted), so that fractions land on the days and sources where it spoke. Posts:
each position counts 1. Reach: each counts the times it was shown (`polyphonie.records.Reach.total`).

The unit of the bootstrap is the voice, or, for a voice that took part in a group of copies, that group: copies are not
independent opinions (see `measures.bootstrap`). A person who speaks in two epochs is two voices, because nothing can
link them: over several weeks the interval is that of voice-weeks, and somewhat too narrow.
"""

from __future__ import annotations  # array[int] exists for type checkers only

from array import array
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from measures.bootstrap import REPLICATES, mix, replicate_weights
from measures.window import WEIGHTINGS, Weighting
from polyphonie.records import Origin, Stance, Tally, record_id

Ints = NDArray[np.int64]

FIELDS = ("proposal", "source", "origin", "stance", "voice", "post", "fold", "reach", "epoch", "at", "counted")
# Units weighted at once: 16,384 x 256 float32 are 16 MiB.
CHUNK = 16_384

_ORIGINS = {origin.value: rank for rank, origin in enumerate(Origin)}  # from the strongest evidence to the weakest
_STANCES = {stance.value: code for code, stance in enumerate(Stance)}


@dataclass(frozen=True)
class Columns:
    """Positions as columns of numbers, 46 bytes each: a million of them must fit a laptop."""

    proposals: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)  # ISO day -> ordinal
    proposal: array[int] = field(default_factory=lambda: array("i"))
    source: array[int] = field(default_factory=lambda: array("i"))
    origin: array[int] = field(default_factory=lambda: array("b"))
    stance: array[int] = field(default_factory=lambda: array("b"))
    day: array[int] = field(default_factory=lambda: array("i"))
    epoch: array[int] = field(default_factory=lambda: array("i"))
    voice: array[int] = field(default_factory=lambda: array("Q"))
    post: array[int] = field(default_factory=lambda: array("Q"))
    fold: array[int] = field(default_factory=lambda: array("Q"))  # 0 where there is none
    reach: array[float] = field(default_factory=lambda: array("f"))

    def add(self, position: dict[str, Any]) -> None:
        """Take a position document; predictions beside a declaration are left out."""
        if not position["counted"]:
            return
        day = position["at"][:10]
        self.proposal.append(self.proposals.setdefault(position["proposal"], len(self.proposals)))
        self.source.append(self.sources.setdefault(position["source"], len(self.sources)))
        self.origin.append(_ORIGINS[position["origin"]])
        self.stance.append(_STANCES[position["stance"]])
        self.day.append(self.days.get(day) or self.days.setdefault(day, date.fromisoformat(day).toordinal()))
        self.epoch.append(position["epoch"])
        # The keys are hashes already: 64 of their bits name a voice among millions.
        self.voice.append(int(position["voice"][:16], 16))
        self.post.append(int(position["post"][:16], 16))
        fold = position.get("fold")
        self.fold.append(int(fold[:16], 16) if fold else 0)
        reach = position.get("reach")
        self.reach.append(1 if reach is None else reach)


def tally_columns(columns: Columns) -> Iterator[Tally]:
    """One tally for each cell that holds a position, proposal after proposal."""
    if not columns.proposals:
        return
    names, sources = list(columns.proposals), list(columns.sources)
    proposal = np.frombuffer(columns.proposal, np.int32)
    order = np.argsort(proposal, kind="stable")
    bounds = np.searchsorted(proposal[order], np.arange(len(names) + 1))
    for code, name in enumerate(names):
        yield from _tally_proposal(columns, name, sources, order[bounds[code] : bounds[code + 1]])


class Carried(NamedTuple):
    """What a predicted position brings to the sums of its proposal. unit: name of its bootstrap unit; voices: the part
    of its voice that it carries; reach: times shown."""

    unit: int
    voices: float
    reach: float


def carried(columns: Columns) -> dict[int, Carried]:
    """What each predicted position of one proposal counts for, by the first 64 bits of its post, as in its tally.

    columns: of that proposal; whole for every voice and every group of copies that is asked about. Posts of which
    something stronger than a prediction is known are left out.
    """
    if not columns.proposals:
        return {}
    rows = _strongest(columns, np.arange(len(columns.post)))
    voice, fraction = _voices(
        np.frombuffer(columns.voice, np.uint64)[rows], np.frombuffer(columns.origin, np.int8)[rows]
    )
    units = _units(columns, next(iter(columns.proposals)), rows, voice)
    predicted = np.frombuffer(columns.origin, np.int8)[rows] == _ORIGINS[Origin.PREDICTED]
    posts = np.frombuffer(columns.post, np.uint64)[rows]
    reach = np.frombuffer(columns.reach, np.float32)[rows]
    named = zip(posts[predicted].tolist(), units[predicted].tolist(), strict=True)
    sizes = zip(fraction[predicted].tolist(), reach[predicted].tolist(), strict=True)
    return {post: Carried(unit, *size) for (post, unit), size in zip(named, sizes, strict=True)}


def _tally_proposal(columns: Columns, proposal: str, sources: list[str], rows: Ints) -> Iterator[Tally]:
    rows = _strongest(columns, rows)
    stance = np.frombuffer(columns.stance, np.int8)[rows].astype(np.int64)
    voice, fraction = _voices(
        np.frombuffer(columns.voice, np.uint64)[rows], np.frombuffer(columns.origin, np.int8)[rows]
    )
    units = _units(columns, proposal, rows, voice)
    weights = np.stack([fraction, np.ones(len(rows)), np.frombuffer(columns.reach, np.float32)[rows]])

    parts = np.stack(
        [
            np.frombuffer(columns.source, np.int32)[rows],
            np.frombuffer(columns.origin, np.int8)[rows],
            np.frombuffer(columns.day, np.int32)[rows],
            np.frombuffer(columns.epoch, np.int32)[rows],
        ]
    )
    cells, cell = np.unique(parts, axis=1, return_inverse=True)
    cell = cell.ravel()
    counts = np.stack([np.bincount(cell * 3 + stance, each, cells.shape[1] * 3) for each in weights])
    counts = counts.reshape(len(WEIGHTINGS), -1, 3)
    replicates = _replicates(cell, stance, units, weights, cells.shape[1])
    origins = list(Origin)
    for at, (source, origin, day, epoch) in enumerate(cells.T):
        key = (proposal, sources[source], origins[origin], date.fromordinal(int(day)), int(epoch))
        yield Tally(
            id=record_id("tally", *key),
            proposal=key[0],
            source=key[1],
            origin=key[2],
            day=key[3],
            epoch=key[4],
            counts={w: tuple(counts[i, at].tolist()) for i, w in enumerate(WEIGHTINGS)},
            replicates=_packed(replicates[:, at]),
        )


def _strongest(columns: Columns, rows: Ints) -> Ints:
    """The rows left when each post keeps its strongest evidence only."""
    post, origin = np.frombuffer(columns.post, np.uint64)[rows], np.frombuffer(columns.origin, np.int8)[rows]
    order = np.lexsort((origin, post))
    first = np.ones(len(rows), bool)
    first[1:] = post[order][1:] != post[order][:-1]
    return rows[order[first]]


def _voices(voice: NDArray[np.uint64], origin: NDArray[np.int8]) -> tuple[Ints, NDArray[np.float64]]:
    """Number of each row's voice, counted from 0, and the part of that voice which the row carries.

    Who voted and argued is counted by the vote, so that shares of votes are exact whatever else the voters wrote.
    """
    names, number = np.unique(voice, return_inverse=True)
    voted = np.zeros(len(names), bool)
    votes = origin == _ORIGINS[Origin.VOTE]
    voted[number[votes]] = True
    speaks = (votes | ~voted[number]).astype(np.float64)
    return number, speaks / np.bincount(number, speaks)[number]


def _units(columns: Columns, proposal: str, rows: Ints, voice: Ints) -> NDArray[np.uint64]:
    """Name of the bootstrap unit of each row: its voice, or the largest group of copies that this voice joined."""
    names = np.frombuffer(columns.voice, np.uint64)[rows].copy()
    fold = np.frombuffer(columns.fold, np.uint64)[rows]
    copied = np.flatnonzero(fold)
    if len(copied) == 0:
        return names
    epoch = np.frombuffer(columns.epoch, np.int32)[rows][copied].astype(np.uint64)
    _, group = np.unique(fold[copied] ^ mix(epoch), return_inverse=True)
    member = np.unique(np.stack([group, voice[copied]]), axis=1)
    voices = np.bincount(member[0])[group]  # how many voices carry the text of each copied row
    together = voices >= 2
    copied, voices = copied[together], voices[together]
    best = np.lexsort((fold[copied], -voices, voice[copied]))
    first = np.ones(len(best), bool)
    first[1:] = voice[copied][best][1:] != voice[copied][best][:-1]
    chosen = copied[best[first]]
    # The same text about two proposals must not tie their intervals together: voices do not either.
    salt = np.frombuffer(blake2b(proposal.encode(), digest_size=8).digest(), "<u8")
    of_voice = np.zeros(voice.max() + 1, np.uint64)
    of_voice[voice[chosen]] = mix(fold[chosen] ^ salt)
    joined = np.isin(voice, voice[chosen])
    names[joined] = of_voice[voice[joined]]
    return names


def _replicates(
    cell: Ints, stance: Ints, units: NDArray[np.uint64], weights: NDArray[np.float64], cells: int
) -> NDArray[np.float64]:
    """Sums of favour and against under the bootstrap weights: (weightings, cells, 2, REPLICATES)."""
    sided = stance < 2
    names, unit = np.unique(units[sided], return_inverse=True)
    row = cell[sided] * 2 + stance[sided]
    height = cells * 2
    stacked = csc_array(
        (
            weights[:, sided].ravel(),
            (np.concatenate([row + i * height for i in range(len(weights))]), np.tile(unit, len(weights))),
        ),
        shape=(len(weights) * height, len(names)),
    )
    total = np.zeros((len(weights) * height, REPLICATES))
    for start in range(0, len(names), CHUNK):
        total += stacked[:, start : start + CHUNK] @ replicate_weights(names[start : start + CHUNK])
    return total.reshape(len(weights), cells, 2, REPLICATES)


def _packed(sums: NDArray[np.float64]) -> dict[str, str]:
    """Each weighting packed, but those whose sums are those of the one before it: where every voice spoke once and
    nothing was repeated, as in votes, the three are one."""
    fresh = [i for i in range(len(sums)) if i == 0 or not np.array_equal(sums[i], sums[i - 1])]
    return {WEIGHTINGS[i]: pack(sums[i]) for i in fresh}


def packed_of(replicates: dict[str, str], weighting: Weighting) -> str:
    """The packed sums of a weighting, or of the one before it where both are the same."""
    known = WEIGHTINGS[: WEIGHTINGS.index(weighting) + 1]
    return next(replicates[each] for each in reversed(known) if each in replicates)


def pack(sums: NDArray[np.float64]) -> str:
    """Sums of favour and against under the bootstrap weights, (2, REPLICATES), as base64 of little-endian float16.

    They are divided by their largest, which goes first as a float32: half a thousandth is far under what 256 draws can
    tell, and a page reads half the bytes.
    """
    largest = np.float32(sums.max(initial=0.0))
    scaled = sums / largest if largest > 0 else sums
    return b64encode(largest.astype("<f4").tobytes() + scaled.astype("<f2").tobytes()).decode()


def unpack(packed: list[str]) -> NDArray[np.float32]:
    """What `pack` was given, for each: (n, 2 x REPLICATES), favour then against."""
    width = 4 + 2 * 2 * REPLICATES
    raw = np.frombuffer(b"".join(map(a2b_base64, packed)), np.uint8).reshape(-1, width)
    largest = np.ascontiguousarray(raw[:, :4]).view("<f4")
    sums: NDArray[np.float32] = np.ascontiguousarray(raw[:, 4:]).view("<f2").astype(np.float32) * largest
    return sums
