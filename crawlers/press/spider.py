"""Press: asks each feed of a source whether it changed, and reads what is new in it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from scrapy.http import Response

from crawlers.heard import Heard, Refused
from crawlers.press.memory import Memory
from crawlers.press.parse import domain_of, parse, why_not
from crawlers.press.payload import Feed, read_feed
from crawlers.sources import Source
from crawlers.spider import SourceError, SourceSpider
from polyphonie.errors import PayloadError

BATCH = 500
MAX_BYTES = 4 * 1024 * 1024  # of a feed; the larger ones are archives, or no feeds
LASTING = (301, 308)  # redirects
ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"


class PressSource(Source):
    feeds: tuple[str, ...] = Field(min_length=1, description="Addresses of its RSS or Atom feeds.")
    publisher: str = Field(
        "",
        pattern=r"^([a-z0-9-]+\.)*[a-z0-9-]*$",
        description="Domain that publishes all of it, without www; by default that of each article.",
    )
    zone: str = Field("Europe/Paris", description="Time zone of dates that name none.")
    timeout_s: float = Field(30.0, gt=0, description="Seconds before a feed that does not answer is left for later.")

    @field_validator("feeds")
    @classmethod
    def _of_the_web(cls, feeds: tuple[str, ...]) -> tuple[str, ...]:
        if any(not feed.startswith(("http://", "https://")) or not domain_of(feed) for feed in feeds):
            raise ValueError("addresses that begin with http:// or https:// are expected")
        return tuple(dict.fromkeys(feeds))

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("a time zone such as Europe/Paris is expected") from error
        return zone


@dataclass
class _Round:
    """What a round came to so far: feeds that answered, what else happened, and what a person must mend."""

    answered: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    error: SourceError | None = None


class Spider(SourceSpider):
    name = "press"
    source_model = PressSource
    source: PressSource
    _round: _Round

    async def listen(self) -> AsyncIterator[Heard]:
        self._round = _Round()
        for number, address in enumerate(self.source.feeds, 1):
            memory = Memory.of(self.cursor.get(address))
            if memory.is_closed(datetime.now(UTC).date()):
                self._round.counts["closed feeds"] += 1
                continue
            try:
                answer, moved = await self._asked(address, memory)
            except SourceError as error:
                self._round.counts["feeds without an answer"] += 1
                self._round.error = error
                # The new address may be the one that fails: the old one is tried at the next round.
                memory = replace(memory, moved="")
                if heard := self._changed(address, memory):
                    yield heard
                continue
            feed = await self._parsed(answer) if answer.status == 200 else None
            for heard in self._read(number, address, replace(memory, moved=moved or memory.moved), answer, feed):
                yield heard
        yield Heard(counts=self._round.counts, refused=self._round.refused)
        if self._round.error and not self._round.answered:
            raise self._round.error

    async def _asked(self, address: str, memory: Memory) -> tuple[Response, str]:
        """The answer of a feed, and where it is for ever if it moved; empty if not. Raises SourceError."""
        meta = {"download_timeout": self.source.timeout_s, "download_maxsize": MAX_BYTES}
        answer = await self.get(memory.moved or address, headers={"Accept": ACCEPT, **memory.headers()}, meta=meta)
        steps = answer.request.meta.get("redirect_reasons", ()) if answer.request else ()
        return answer, answer.url if steps and all(step in LASTING for step in steps) else ""

    async def _parsed(self, answer: Response) -> Feed | PayloadError:
        content_type = (answer.headers.get("Content-Type") or b"").decode("latin-1")
        try:
            # In a thread: feedparser reads 500 entries a second, and streams of other sources must not wait for it.
            return await asyncio.to_thread(read_feed, answer.body, content_type, answer.url)
        except PayloadError as error:
            return error

    def _read(
        self, number: int, address: str, memory: Memory, answer: Response, feed: Feed | PayloadError | None
    ) -> Iterator[Heard]:
        """What an answer brings. `number`: which feed of the source, for those who mend it."""
        found = self._round
        if isinstance(feed, Feed) or answer.status == 304:
            found.answered += 1
            if memory.moved != Memory.of(self.cursor.get(address)).moved:
                found.counts["moved feeds"] += 1
                self._tell(number, "has moved for ever and is read where it is now: write its new address")
        elif answer.status == 410:
            found.answered += 1
            self._tell(number, "is gone for ever (410): take it out of the source")
            memory = Memory(closed=datetime.now(UTC).date().isoformat())
        else:
            memory = replace(memory, moved="")
            if feed is None:
                found.counts[f"status {answer.status}"] += 1
            self._fail(number, f"cannot be read: {feed}" if feed else f"answers {answer.status}: look at its address")
        found.counts["unchanged feeds"] += answer.status == 304
        if isinstance(feed, Feed):
            yield from self._new(number, address, memory, feed, answer)
        elif heard := self._changed(address, memory):
            yield heard

    def _new(self, number: int, address: str, memory: Memory, feed: Feed, answer: Response) -> Iterator[Heard]:
        found = self._round
        source = self.source
        parsed = parse(
            feed, host=domain_of(address), publisher=source.publisher, zone=ZoneInfo(source.zone), now=datetime.now(UTC)
        )
        # The first of those that bear one name: the others would take its place, and it theirs, at each round.
        natives = list({native.uri: native for native in reversed(list(parsed))}.values())[::-1]
        fresh = memory.fresh(natives)
        found.counts["malformed feeds"] += feed.malformed
        found.counts.update(reason for entry in feed.entries if (reason := why_not(entry)))
        found.counts["seen before"] += len(natives) - len(fresh)
        found.refused += [Refused(f"feed {number}, {where}", why) for where, why in feed.refused]
        for batch in (fresh[start : start + BATCH] for start in range(0, len(fresh), BATCH)):
            memory = memory.after(batch)
            yield Heard(
                natives=batch,
                cursor=self._with(address, memory),
                seen=len(batch),
                latest=max(native.created_at for native in batch),
            )
        etag, modified = ((answer.headers.get(name) or b"").decode("latin-1") for name in ("ETag", "Last-Modified"))
        # Last, the articles of the whole feed: those seen long ago stay known for as long as it holds them.
        memory = replace(memory.after(natives), closed="", etag=etag, modified=modified)
        cursor = self._with(address, memory) if memory != Memory.of(self.cursor.get(address)) else {}
        if cursor or feed.unknown:
            yield Heard(cursor=cursor, unknown=feed.unknown)

    def _changed(self, address: str, memory: Memory) -> Heard | None:
        """What to store where nothing but the memory of a feed changed."""
        if memory == Memory.of(self.cursor.get(address)):
            return None
        return Heard(cursor=self._with(address, memory))

    def _with(self, address: str, memory: Memory) -> dict[str, object]:
        """The cursor, with this for a feed and without those that left the source."""
        kept = {one: self.cursor[one] for one in self.source.feeds if one in self.cursor}
        return {**kept, address: memory.kept()}

    def _tell(self, number: int, what: str) -> None:
        """Put in quarantine, under the feed's number, what only a person can mend."""
        self._round.refused.append(Refused(f"feed {number}", f"feed {number} {what}"))

    def _fail(self, number: int, what: str) -> None:
        self._tell(number, what)
        self._round.error = SourceError(f"{self.name}: feed {number} {what}")
