"""What was heard in the last seconds, so that what a stream says again after a rewind is not counted twice."""

from collections import deque
from typing import Any

REWIND_US = 5_000_000  # the margin that the Jetstream's authors advise when a stream is joined again
_SPAN_US = 2 * REWIND_US


class Window:
    """Hashes of events, salted by this process and gone with it."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._order: deque[tuple[int, int]] = deque()

    def __len__(self) -> int:
        return len(self._hashes)

    def fresh(self, event: dict[str, Any], time_us: int) -> bool:
        """Is this the first time that the event is heard? Remembers it."""
        part = event.get(event.get("kind", "")) or {}
        get = part.get if isinstance(part, dict) else {}.get
        named = (event["did"], get("collection"), get("rkey"), get("rev"), get("operation"), get("seq"))
        try:
            mark = hash(named)
        except TypeError:
            return True  # an object where a name should be: whoever reads it will refuse it
        if mark in self._hashes:
            return False
        self._hashes.add(mark)
        self._order.append((time_us, mark))
        while self._order[0][0] < time_us - _SPAN_US:
            self._hashes.discard(self._order.popleft()[1])
        return True
