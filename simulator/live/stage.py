"""What the platforms of a world show: everything that they delivered up to a moment, which goes forward."""

import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from simulator.world import Emission, World
from simulator.world.people import Author


class Stage:
    """One world and its clock, which stands at the beginning until `play` or `show`. Servers in other threads read it.

    play_s: seconds in which the sixty days go by, once each of `awaited` (names of servers) was asked something: a
    stream that nobody listens to yet would be missed.
    """

    def __init__(self, world: World, play_s: float = 0.0, awaited: Sequence[str] = ()) -> None:
        self.world = world
        self.emissions: dict[str, list[Emission]] = defaultdict(list)
        for emission in world.payloads():
            self.emissions[emission.source].append(emission)
        self.since = min(emissions[0].at for emissions in self.emissions.values())
        self.until = world.until
        self._play_s, self._awaited = play_s, set(awaited)
        self._shown = self.since - timedelta(days=1)
        self._began: float | None = None
        self._lock = threading.Lock()
        self._told_all: dict[str, int] = defaultdict(int)

    @property
    def now(self) -> datetime:
        """The instant that it is in the world."""
        if self._began is None:
            return self._shown
        played = min(1.0, (time.monotonic() - self._began) / max(self._play_s, 1e-9))
        return self._shown + (self.until - self._shown) * played

    def show(self, moment: datetime) -> None:
        """Put the clock to `moment`, where it stands."""
        self._shown, self._began = moment, None

    def play(self) -> None:
        """Let the clock go to the end from where it stands."""
        self._began = time.monotonic()

    def delivered(self, source: str, after: int = 0) -> list[Emission]:
        """What a platform delivered until now, without the first `after`."""
        emissions = self.emissions[source]
        return emissions[after : bisect_right(emissions, self.now, key=attrgetter("at"))]

    def asked(self, server: str) -> None:
        """A server was asked for what it shows."""
        with self._lock:
            if self._began is None and self._awaited:
                self._awaited.discard(server)
                if not self._awaited:
                    self.play()

    def told(self, server: str, everything: bool) -> None:
        """A server answered with what it shows; `everything`: that was all that this world will ever say."""
        if everything:
            with self._lock:
                self._told_all[server] += 1

    def times_told_all(self, server: str) -> int:
        """How often a server showed the whole world to whom asked."""
        return self._told_all[server]

    @property
    def people(self) -> Sequence[Author]:
        return self.world.truth().script.people.authors
