"""The base of every spider: rounds of listening, each batch stored before the next is asked for."""

import asyncio
import logging
import random
import sqlite3
import time
import traceback
from abc import abstractmethod
from asyncio import Future
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import scrapy
from scrapy.http import Request, Response

from crawlers.crawl import Crawl
from crawlers.heard import Heard
from crawlers.sources import Source
from crawlers.store import store
from polyphonie.errors import PolyphonieError

LOG = logging.getLogger(__name__)
LONGEST_REST_S = 6 * 3600.0  # after many failures in a row
RATE_OVER_S = 60.0


class SourceError(PolyphonieError):
    """A source cannot be listened to now (unreachable, forbidden, another format); it is tried again later."""

    exit_code = 8


@dataclass(frozen=True)
class Parcel:
    """What goes through the pipeline: a batch, and the promise that it is stored."""

    heard: Heard = field(repr=False)
    stored: "Future[Counter[str]]" = field(repr=False)


class SourceSpider(scrapy.Spider):
    """A platform's spider gives `listen`: one round (or an endless one for a stream that is followed).

    `listen` asks with `get`, yields `Heard`, and is resumed only once that is stored: `self.cursor` is then where it
    left off. Whatever it raises is written in the journal (of anything but a SourceError only the type), and the source
    is tried again.
    """

    source_model: ClassVar[type[Source]] = Source

    def __init__(self, source: Source, crawl: Crawl, **kwargs: Any) -> None:
        super().__init__(name=source.name, **kwargs)
        self.source = source
        self.crawl = crawl
        self.cursor: dict[str, Any] = dict(crawl.cursor(source))
        self.criteria = crawl.proposals(source)
        self.totals: Counter[str] = Counter()
        self.failure: SourceError | None = None
        self.finished = False  # the last round came to its end
        self._recent: list[tuple[float, int]] = []

    @abstractmethod
    def listen(self) -> AsyncIterator[Heard]:
        """One round. Raises SourceError when nothing more can be had now."""

    async def start(self) -> AsyncIterator[Parcel]:
        failures = 0
        while True:
            self.finished, rest = False, self.source.every_s
            try:
                self._allowed()
                self._note("listening")
                async for heard in self.listen():
                    failures = 0
                    stored: Future[Counter[str]] = asyncio.get_running_loop().create_future()
                    yield Parcel(heard, stored)
                    self._count(heard, await stored)
                self._note("resting", due=self._due(rest), detail="")
                self.finished, self.failure = True, None
            except SourceError as error:
                self.failure = error
            except Exception as error:
                # A parser that meets what nobody thought of must not silence its source for ever.
                self.failure = self._bug(error)
            if not self.finished and self.failure:
                failures += 1
                rest = min(rest * 2.0 ** min(failures, 32), LONGEST_REST_S) * random.uniform(0.75, 1.25)
                self._tell_failure(self.failure, rest)
            if not self.crawl.follow:
                return
            await asyncio.sleep(rest)

    async def store(self, heard: Heard) -> Counter[str]:
        """What the pipeline does with a batch."""
        return await store(self.crawl, self.source, self.criteria, heard)

    async def get(self, url: str, **more: Any) -> Response:
        """An answer, through every politeness. Statuses are left to the caller. Raises SourceError."""
        return await self.ask(Request(url, dont_filter=True, **more))

    async def ask(self, request: Request) -> Response:
        """The answer to a request, as `get`."""
        try:
            # The spider reads statuses itself: a 304 or a 410 is an answer. A redirect is followed, politely, unless
            # the request's meta says `dont_redirect`.
            return await self.crawler.engine.download_async(request)
        except PolyphonieError:
            raise
        except Exception as error:
            # The message of a network error may quote an address; its name is enough.
            raise SourceError(f"{self.name}: no answer ({type(error).__name__})") from error

    def waiting(self, why: str) -> None:
        """Say that the source waits, and why."""
        self._note("waiting", detail=why)

    def _allowed(self) -> None:
        # Asked in each round: terms may grow old while a source is followed.
        if refusal := self.source.refusal(datetime.now(UTC).date()):
            raise SourceError(refusal)

    def _bug(self, error: Exception) -> SourceError:
        # Its message may quote a payload, so only the lines of code that it went through are logged.
        kind = type(error).__name__
        trace = "".join(traceback.format_tb(error.__traceback__))
        LOG.error("%s: a bug: %s, raised by\n%s", self.name, kind, trace)
        return SourceError(f"{self.name}: a bug: {kind}; please report it with the lines of code that the log shows")

    def _tell_failure(self, failure: SourceError, rest: float) -> None:
        try:
            self._journal.failed(self.name, self.source.platform, str(failure), self._due(rest))
        except sqlite3.Error as error:
            # It is tried again all the same; the next round may find the journal free.
            LOG.error("%s: the journal cannot be written (%s)", self.name, type(error).__name__)

    def _count(self, heard: Heard, outcomes: Counter[str]) -> None:
        if heard.cursor:
            self.cursor = dict(heard.cursor)
        self.totals.update(outcomes)
        now, clock = datetime.now(UTC), time.monotonic()
        self._recent = [(at, seen) for at, seen in self._recent if clock - at < RATE_OVER_S] + [(clock, heard.seen)]
        known: dict[str, Any] = {"last_heard": now, "detail": ""}
        if len(self._recent) > 1:
            known["rate"] = sum(seen for _, seen in self._recent[1:]) / max(clock - self._recent[0][0], 1e-9)
        if outcomes["new"]:
            known["last_item"] = now
        if heard.latest:
            known["lag_s"] = max(0.0, (now - heard.latest).total_seconds())
        self._note("listening", **known)
        self.crawl.report(self.name, self.totals)

    def _note(self, state: str, **known: Any) -> None:
        self._journal.note(self.name, self.source.platform, state, **known)

    @property
    def _journal(self) -> Any:
        return self.crawl.spool.journal

    def _due(self, rest: float) -> datetime | None:
        return datetime.now(UTC) + timedelta(seconds=rest) if self.crawl.follow else None
