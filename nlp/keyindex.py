"""An index from 64-bit keys to numbers that takes what is new without sorting again what is old."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

RECENT = 250_000  # keys that wait in the short array before they join the long one

_Level = tuple[NDArray[np.int64], NDArray[np.int32]]


class KeyIndex:
    """Many numbers a key, in one long sorted array and a short one that takes what is new: 12 bytes a pair."""

    def __init__(self) -> None:
        empty = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
        self._levels = [empty, empty]

    def add(self, keys: NDArray[np.int64], numbers: NDArray[np.integer[Any]]) -> None:
        """Add one number to each key; numbers must grow from one call to the next."""
        order = np.argsort(keys, kind="stable")
        recent = _merge(self._levels[1], (keys[order], numbers[order].astype(np.int32)))
        if len(recent[0]) > RECENT:
            self._levels = [_merge(self._levels[0], recent), (recent[0][:0], recent[1][:0])]
        else:
            self._levels[1] = recent

    def find(self, keys: NDArray[np.int64], most: int) -> list[tuple[int, int]]:
        """(key, number) for every number of every key, oldest first within a key, at most `most` of each array."""
        wanted = np.unique(keys)
        found: list[tuple[int, int]] = []
        for known, numbers in self._levels:
            start, end = np.searchsorted(known, wanted, "left"), np.searchsorted(known, wanted, "right")
            for at in np.flatnonzero(end > start):
                some = numbers[start[at] : min(end[at], start[at] + most)].tolist()
                found.extend((int(wanted[at]), number) for number in some)
        return found


def _merge(below: _Level, above: _Level) -> _Level:
    # After the equal keys that were there: the oldest number comes first.
    places = np.searchsorted(below[0], above[0], "right")
    return np.insert(below[0], places, above[0]), np.insert(below[1], places, above[1])
