"""The files in which a host says how it wants to be treated: asked once a day, for every source of this process."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Request, Response

from crawlers.politeness.hosts import called, host_name
from crawlers.politeness.redirects import may_lead
from crawlers.politeness.refusals import Unreachable, refuse

KEPT_S = 24 * 3600.0  # the longest that RFC 9309 lets a copy be used
UNREACHABLE_S = 300.0  # then it is asked again
REDIRECTS = 5
LARGEST = 5 * 1024 * 1024  # bytes
UNCHECKED = "polite_unchecked"  # key of a request's meta: the file that says what is allowed is itself allowed

Said = TypeVar("Said")


class Shelf(Generic[Said]):
    """What was read, by origin; None when it could not be reached. One asks, the others wait for its answer."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[float, Said | None]] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, origin: str, ask: Callable[[], Awaitable[Said | None]]) -> Said | None:
        async with self._locks[origin]:
            good_until, said = self._read.get(origin, (float("-inf"), None))
            if time.monotonic() >= good_until:
                said = await ask()
                self._read[origin] = (time.monotonic() + (UNREACHABLE_S if said is None else KEPT_S), said)
            return said


class WellKnown(ABC, Generic[Said]):
    """A middleware that heeds one of these files before anything else is asked of a host.

    path: where it lies; shelf: what was read, of the process and not of a crawler.
    """

    path: ClassVar[str]
    shelf: ClassVar[Shelf[Any]]

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if request.meta.get(UNCHECKED):
            return
        origin = origin_of(request.url)
        found = await self.shelf.get(origin, lambda: self._ask(origin))
        if found is None:
            file = self.path.rpartition("/")[2]
            words = f"{file} of {self.called(request)} cannot be had, so nothing is asked there; tried again later"
            refuse(self.crawler, f"{file} unreachable", words)
        self.heed(request, found)

    @abstractmethod
    def heed(self, request: Request, said: Said) -> None:
        """Raises SourceError when the file forbids the request."""

    @abstractmethod
    def read(self, status: int, body: bytes) -> Said:
        """What the file says. No 5xx comes here."""

    def called(self, request: Request) -> str:
        """What the host of a request is called in an error."""
        return called(self.crawler, host_name(request.url))

    async def _ask(self, origin: str) -> Said | None:
        answer = await fetch(self.crawler, origin + self.path)
        return None if answer is None else self.read(answer.status, answer.body)


def origin_of(url: str) -> str:
    """Scheme and authority: what one robots.txt speaks for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def fetch(crawler: Crawler, url: str) -> Response | None:
    """The answer at the end of at most five redirects; None when the host fails to give one (5xx, network)."""
    assert crawler.engine
    for _ in range(REDIRECTS + 1):
        meta = {UNCHECKED: True, "dont_redirect": True, "download_maxsize": LARGEST}
        try:
            response = await crawler.engine.download_async(Request(url, dont_filter=True, meta=meta))
        except (Unreachable, DownloadCancelledError, IgnoreRequest):
            return None
        if response.status >= 500:
            return None
        location = response.headers.get("Location")
        if not 300 <= response.status < 400 or not location:
            break
        target = urljoin(url, location.decode("latin-1"))
        if not may_lead(url, target):
            return None
        url = target
    return response
