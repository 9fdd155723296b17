"""What the platforms of a world show: everything that they delivered up to a moment, which goes forward."""

import threading
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from operator import attrgetter

from simulator.world import Emission, World
from simulator.world.clock import instant
from simulator.world.people import Author
from simulator.world.truth import uri

STOPS = 12
JUST_BEFORE = timedelta(milliseconds=1)


class Stage:
    """One world and its clock, which stands a day before the beginning until `show` or `wait_for`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.emissions: dict[str, list[Emission]] = defaultdict(list)
        for emission in world.payloads():
            self.emissions[emission.source].append(emission)
        self.since = min(emissions[0].at for emissions in self.emissions.values())
        self.until = world.until
        self.now = self.since - timedelta(days=1)
        self._awaited: set[str] = set()
        self._stops: list[datetime] = []
        self._told: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @cached_property
    def instants(self) -> dict[str, datetime]:
        """When each message was delivered, by what names it on its platform."""
        script = self.world.truth().script
        return {uri(script, message): instant(message.at) for message in script.messages}

    @property
    def people(self) -> Sequence[Author]:
        return self.world.truth().script.people.authors

    @property
    def heard_out(self) -> bool:
        """Whether the world is over, and all of it was told, told again, and asked for: what was told is stored, and
        so is what an absence from two answers means."""
        with self._lock:
            return self.now >= self.until and bool(self._told) and min(self._told.values()) > 2

    def show(self, moment: datetime) -> None:
        """Put the clock to `moment`, where it stands."""
        self.now, self._stops = moment, []

    def wait_for(self, servers: Iterable[str]) -> None:
        """Once each of these was listened to, the clock goes from stop to stop, and leaves one when everything that was
        ever asked for has been told up to there: however slow who listens is, they miss nothing.

        The stops lie just before edits and moderations, so that these are met and not only what they left; the last one
        is the end of the world.
        """
        self._awaited, self._stops = set(servers), self._chosen()

    def delivered(self, source: str, after: int = 0) -> list[Emission]:
        """What a platform delivered until now, without the first `after`."""
        emissions = self.emissions[source]
        return emissions[after : bisect_right(emissions, self.now, key=attrgetter("at"))]

    def told(self, server: str, timeline: str = "") -> None:
        """A server has just told, to its end, what it has now."""
        with self._lock:
            self._told[server, timeline] += 1
            self._awaited.discard(server)
            if self._stops and not self._awaited and min(self._told.values()) > 0:
                self.now = self._stops.pop(0)
                self._told = Counter(dict.fromkeys(self._told, 0))

    def _chosen(self) -> list[datetime]:
        changes = sorted(
            emission.at - JUST_BEFORE
            for source in ("mastodon", "decidim")
            for emission in self.emissions[source]
            if emission.payload.get("edited_at") or emission.payload.get("upstream_status")
        )
        apart = max(1, len(changes) // STOPS)
        return [*changes[apart // 2 :: apart], self.until]
