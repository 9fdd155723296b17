"""What has been read, kept for every visitor: fresh for a minute, shown with its date when the engine is down."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Generic, TypeVar

from polyphonie.errors import EngineUnreachable

T = TypeVar("T")
FRESH_S = 60
CAPACITY = 512


@dataclass(frozen=True)
class Recalled(Generic[T]):
    """A value, when it was read, and since when the engine has been silent (None: it answers)."""

    value: T
    at: datetime
    down_since: datetime | None = None


class Memory:
    """Last answers by question. One for the process: aggregates do not depend on who looks.

    A question is fresh until its minute has passed; the least used are forgotten beyond CAPACITY.
    """

    def __init__(self) -> None:
        self.down_since: datetime | None = None
        self._answers: OrderedDict[Hashable, tuple[object, datetime]] = OrderedDict()
        self._lock = Lock()

    def recall(self, question: Hashable, compute: Callable[[], T], now: datetime | None = None) -> Recalled[T]:
        """The answer of this minute, computed if need be; an older one when the engine is silent.

        Raises EngineUnreachable when the engine is silent and the question was never answered.
        """
        now = now or datetime.now(UTC)
        known = self._known(question)
        if known is not None and _minute(known[1]) == _minute(now):
            return Recalled(known[0], known[1], self.down_since)  # type: ignore[arg-type]
        try:
            value = compute()
        except EngineUnreachable:
            with self._lock:
                self.down_since = self.down_since or now
            if known is None:
                raise
            return Recalled(known[0], known[1], self.down_since)  # type: ignore[arg-type]
        with self._lock:
            self.down_since = None
            self._answers[question] = (value, now)
            self._answers.move_to_end(question)
            while len(self._answers) > CAPACITY:
                self._answers.popitem(last=False)
        return Recalled(value, now)

    def _known(self, question: Hashable) -> tuple[object, datetime] | None:
        with self._lock:
            if question in self._answers:
                self._answers.move_to_end(question)
            return self._answers.get(question)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // FRESH_S
