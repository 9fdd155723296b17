"""Listens to a Jetstream: posts, reposts, likes, deletions and accounts, from where it was left, for ever or until
nothing is left to catch up with."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, field_validator
from scrapy.http import Request, Response

from crawlers.bluesky.parse import SOURCE
from crawlers.bluesky.place import Place
from crawlers.bluesky.profiles import Profiles, Unclear
from crawlers.bluesky.resync import Repositories, loopback
from crawlers.bluesky.room import TRIES, Room
from crawlers.bluesky.sieve import Sieve, Sifted
from crawlers.bluesky.stream import Stream
from crawlers.bluesky.syncs import Syncs
from crawlers.heard import Heard
from crawlers.politeness.robots import Robots
from crawlers.politeness.tdm import Tdm
from crawlers.sources import Source
from crawlers.spider import SourceError, SourceSpider
from polyphonie.journal import Gap
from polyphonie.native import NativeAccountGone

CAUGHT_UP_S = 1.0
QUIET_S = 3.0  # nothing for so long: everything was heard
# A stream without an event for so long was cut: the network has hundreds a second.
SILENCE_US = 60_000_000
BREATH_S = 0.05


# Operated by Bluesky for everybody; those with a number speak v1, the others v2 (seen November 2026).
ENDPOINTS = {
    "v1": tuple(f"wss://jetstream{n}.us-{side}.bsky.network" for side in ("east", "west") for n in (1, 2)),
    "v2": ("wss://jetstream.us-east.bsky.network", "wss://jetstream.us-west.bsky.network"),
}


class BlueskySource(Source):
    endpoints: tuple[str, ...] = Field(
        (),
        description="Addresses of Jetstreams, wss://, without a path; those of Bluesky by default. The next one is "
        "tried when one fails.",
    )
    protocol: Literal["v1", "v2"] = Field(
        "v2", description="v2 (subscribeEvents), or v1 (/subscribe), which never tells that something was lost (#sync)."
    )
    batch: int = Field(500, ge=1, le=5_000, description="Events read before they are stored together.")
    batch_s: float = Field(1.0, gt=0, le=60, description="They are stored after this time even if they are fewer.")
    since_s: float = Field(0.0, ge=0, description="The first time, listening starts so many seconds ago.")
    retry_s: float = Field(1.0, gt=0, description="Pause before a stream is joined again; doubles up to a minute.")
    every_s: float = Field(30.0, ge=1, description="Seconds before another try when no Jetstream answers.")
    budget_a_day: int = Field(50_000, ge=1, description="Requests a day for profiles, UTC.")
    timeout_s: float = Field(30.0, gt=0, description="Seconds that one answer about profiles or records may take.")
    appview: str = Field("https://public.api.bsky.app", description="Where profiles are looked up.")
    plc: str = Field("https://plc.directory", description="Directory that says which server has an account.")
    repositories: str = Field("", description="A server that has every repository, instead of each account's own.")

    @field_validator("endpoints")
    @classmethod
    def _encrypted(cls, endpoints: tuple[str, ...]) -> tuple[str, ...]:
        for endpoint in endpoints:
            if not endpoint.startswith("wss://") and not (endpoint.startswith("ws://") and loopback(endpoint)):
                raise ValueError("a wss:// address is expected (ws:// on this machine only)")
        return endpoints

    @field_validator("appview", "plc", "repositories")
    @classmethod
    def _http(cls, address: str) -> str:
        if address and not address.startswith("https://") and not loopback(address):
            raise ValueError("an https:// address is expected (http:// on this machine only)")
        return address


class Spider(SourceSpider):
    name = "bluesky"
    source_model = BlueskySource
    source: BlueskySource

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        source = self.source
        self._profiles = Profiles(self._get, source.appview)
        self._room = Room(self._profiles, source.retry_s)
        self._sieve = Sieve(self.criteria, self._profiles, self._room, self._held, self._opted_out)
        self._sieve.through_us = int(self.cursor.get("through_us", 0))
        repositories = Repositories(self._get, source.plc, source.repositories)
        self._syncs = Syncs(repositories, self._profiles, self._room, self._name, self._items_of, source.retry_s)
        self._place = Place.of(self.cursor) or Place.present(source.since_s)
        # Where it was left, if anything was ever heard: what a gap is measured from.
        self._through_us = self._sieve.through_us or (self._place.time_us if self.cursor else 0)
        # What waited when an earlier process ended must be heard again: a gap begins there.
        self._sure_us = self._place.time_us if self.cursor.get("held") else self._through_us
        self._asking: asyncio.Task[None] | None = None
        self._unanswered = ""

    async def listen(self) -> AsyncIterator[Heard]:
        agent = str(self.settings["USER_AGENT"])
        source = self.source
        endpoints = source.endpoints or ENDPOINTS[source.protocol]
        stream = Stream(self.name, endpoints, source.protocol, agent, source.retry_s, self.waiting, self._may_join)
        if not self.cursor:
            # So that the next round starts here, even if nothing comes in this one.
            yield Heard(cursor=self._place.stored(0))
        self._room.hope()
        try:
            async for heard in self._rounds(stream):
                yield heard
        finally:
            if self._asking:
                self._asking.cancel()
                self._asking = None
            self._syncs.leave()
            await stream.leave()

    async def _rounds(self, stream: Stream) -> AsyncIterator[Heard]:
        joined, fresh, quiet_since, over = 0, False, time.monotonic(), False
        advice = ""
        while True:
            frames = await self._frames(stream) if not over else await self._patience()
            if stream.joined != joined:
                joined, fresh, quiet_since = stream.joined, True, time.monotonic()
            sifted = await self._sift(frames, stream)
            advice = advice or ("CursorTooOld" if stream.too_old else sifted.advice)
            gap = None
            if fresh and sifted.first_us:
                gap, fresh, advice, stream.too_old = self._gap(sifted.first_us, advice), False, "", False
            if sifted.place or self._room.full:
                quiet_since = time.monotonic()
            over = over or self._over(sifted, quiet_since)
            self._ask(hurry=over or self._room.full)
            if heard := self._heard(sifted, gap):
                yield heard
                if self._unanswered:
                    self.waiting(self._unanswered)
            if self._room.deaf and (over or self._room.full):
                raise SourceError(f"{self.name}: {self._unanswered}; messages wait until profiles can be had")
            if over and not len(self._room) and self._syncs.over:
                return

    async def _frames(self, stream: Stream) -> list[str]:
        if self._room.full:
            self.waiting(self._unanswered or "the AppView is slow to say whose messages may be shown")
            await asyncio.sleep(self.source.batch_s)
            return []
        return await stream.some(self._place, self.source.batch, self.source.batch_s)

    async def _patience(self) -> list[str]:
        if self._asking:
            await asyncio.wait([self._asking], timeout=BREATH_S)
        await asyncio.sleep(BREATH_S)
        return []

    async def _sift(self, frames: Sequence[str], stream: Stream) -> Sifted:
        sifted = self._sieve.sift(frames, stream.endpoint)
        if sifted.place:
            stream.progressed()
        if sifted.ended:
            await stream.ended(sifted.ended)
        self._syncs.step(sifted)
        for did, place in sifted.syncs:
            self._syncs.add(did, place, sifted)
        return sifted

    def _over(self, sifted: Sifted, quiet_since: float) -> bool:
        if self.crawl.follow:
            return False
        if sifted.place and time.time() - sifted.place.time_us / 1_000_000 < CAUGHT_UP_S:
            return True
        return time.monotonic() - quiet_since >= QUIET_S

    def _heard(self, sifted: Sifted, gap: Gap | None) -> Heard | None:
        counts = sifted.counts
        admitted, hidden = self._room.settled(counts, self.source.batch)
        natives = [*sifted.natives, *admitted]
        natives += [NativeAccountGone(source=SOURCE, author=did) for did in hidden if self._items_of(did)]
        if sifted.place:
            self._place = sifted.place
            self._through_us = max(self._through_us, min(sifted.place.time_us, time.time_ns() // 1_000))
            self._sure_us = self._through_us
        waiting = filter(None, (self._room.first, self._syncs.first))
        first = min(waiting, key=lambda place: place.time_us, default=None)
        cursor = (first or self._place).stored(self._through_us, held=first is not None)
        if cursor == self.cursor and not (natives or sifted.seen or counts or gap):
            return None
        latest = datetime.fromtimestamp(self._through_us / 1_000_000, UTC) if sifted.place else None
        return Heard(
            natives=natives,
            refused=sifted.refused,
            cursor=cursor,
            counts=counts,
            unknown=sifted.unknown,
            gone=sifted.gone,
            gap=gap,
            seen=sifted.seen,
            latest=latest,
        )

    def _gap(self, first_us: int, advice: str) -> Gap | None:
        left_us = self._sure_us
        if not left_us or (not advice and first_us - left_us < SILENCE_US):
            return None
        since, until = (datetime.fromtimestamp(us / 1_000_000, UTC) for us in (left_us, max(left_us, first_us)))
        reason = advice or "the stream starts later than was asked: its server does not keep that long"
        return Gap(since, until, reason)

    def _ask(self, *, hurry: bool) -> None:
        if self._asking is None or self._asking.done():
            if self._asking:
                self._asking.result()
            authors = self._room.unknown(hurry=hurry)
            self._asking = asyncio.create_task(self._look_up(authors)) if authors else None

    async def _look_up(self, authors: list[str]) -> None:
        try:
            await self._profiles.look_up(authors)
        except SourceError as error:
            # Whoever does not answer at all was asked several times already, with longer and longer pauses.
            self._room.not_answered(times=1 if isinstance(error, Unclear) else TRIES)
            self._unanswered = str(error).removeprefix(f"{self.name}: ")
            self.waiting(self._unanswered)
        else:
            self._room.asked(authors)
            self._unanswered = ""

    async def _may_join(self, url: str) -> None:
        # What every request goes through; a websocket is none of Scrapy's. Not the budget: a day without deletions
        # would be worse than one more connection.
        for manner in (Robots, Tdm):
            await manner.from_crawler(self.crawler).process_request(Request(url))

    async def _get(self, url: str) -> Response:
        # Of each question alone: what comes before, in the queue of a host, takes as long as its delay wants.
        return await self.get(url, meta={"download_timeout": self.source.timeout_s})

    def _name(self, uri: str) -> str:
        return self.crawl.border.keys.record(self.crawl.platform(SOURCE), uri)

    def _held(self, uris: Sequence[str]) -> set[str]:
        ids = {self._name(uri): uri for uri in uris}
        spool = self.crawl.spool
        return {ids[found] for found in (*spool.knows(ids), *spool.journal.is_interaction(list(ids)))}

    def _opted_out(self, did: str) -> bool:
        return (self.crawl.platform(SOURCE), did) in self.crawl.border.opt_outs

    def _items_of(self, did: str) -> list[str]:
        return self.crawl.spool.items_of(self.crawl.border.tokens(self.crawl.platform(SOURCE), did))
