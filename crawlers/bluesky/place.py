"""A place in the stream: where to go on from, at this server or at another."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from crawlers.bluesky.window import REWIND_US

SEQUENCES_END = 10**15  # a cursor below is a sequence number, from there on microseconds since 1970


class Place(NamedTuple):
    """`seq` counts at `endpoint` only; the clock is nearly the same everywhere."""

    time_us: int
    seq: int | None = None
    endpoint: str = ""

    @classmethod
    def present(cls, ago_s: float = 0.0) -> Self:
        return cls(int((time.time() - ago_s) * 1_000_000))

    @classmethod
    def of(cls, cursor: Mapping[str, Any]) -> Self | None:
        """The place that a stored cursor names; None where nothing was ever heard."""
        if "time_us" not in cursor:
            return None
        seq = cursor.get("seq")
        return cls(int(cursor["time_us"]), int(seq) if seq is not None else None, str(cursor.get("endpoint", "")))

    def cursor(self, endpoint: str, protocol: str) -> int:
        """What to ask `endpoint` for: its own number if it gave one, else the instant, a few seconds earlier."""
        if protocol == "v2" and self.seq is not None and self.seq < SEQUENCES_END and endpoint == self.endpoint:
            return self.seq
        return max(self.time_us - REWIND_US, SEQUENCES_END)

    def stored(self, through_us: int, *, held: bool = False) -> dict[str, Any]:
        """As a cursor; everything up to `through_us` was heard. `held`: what came here was still waiting."""
        kept: dict[str, Any] = {"time_us": self.time_us, "through_us": through_us, "endpoint": self.endpoint}
        return kept | ({} if self.seq is None else {"seq": self.seq}) | ({"held": True} if held else {})
