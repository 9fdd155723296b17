"""What a page reads with: the engine of the process behind the memory that all visitors share."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from dashboard.memory import Memory, Recalled
from index.engine import Engine

T = TypeVar("T")


@dataclass
class Desk:
    """One run of one page. `oldest` is the least recent answer given while the engine was silent."""

    memory: Memory
    engine: Callable[[], Engine]
    home: str
    now: datetime
    oldest: Recalled[object] | None = field(default=None)

    def read(self, question: Hashable, compute: Callable[[Engine], T]) -> T:
        """The answer to a question, from this minute or from the last time it could be had."""
        recalled = self.memory.recall((self.home, question), lambda: compute(self.engine()), self.now)
        if recalled.down_since is not None and (self.oldest is None or recalled.at < self.oldest.at):
            self.oldest = Recalled(recalled.value, recalled.at, recalled.down_since)
        return recalled.value
