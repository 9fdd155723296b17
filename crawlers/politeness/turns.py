"""Turns: one connection to a host for the whole process, whichever source asks, and a rest between two requests.

This is a download handler and not a middleware because a turn must end with its transfer, even one that is cancelled.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from crawlers.politeness.hosts import called, host_name
from crawlers.politeness.refusals import refuse
from crawlers.politeness.waits import BUSY, LOST, asked, backoff
from crawlers.spider import SourceSpider

JITTER = 0.25  # of a rest, added and never taken away
SAID_S = 10.0  # a longer wait is shown


@dataclass
class Host:
    """What we owe a host: its rests, and how long it asked to be left alone. Instants are of the monotonic clock."""

    name: str
    asked_delay_s: float = 0.0  # the longest that a spider asked for
    robots_delay_s: float = 0.0
    strikes: int = 0  # bad answers in a row
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _left_at: float = float("-inf")
    _paused_until: float = float("-inf")

    def rest_s(self, delay_s: float) -> float:
        """Seconds until the next request may leave."""
        delay = max(delay_s, self.asked_delay_s, self.robots_delay_s) * random.uniform(1, 1 + JITTER)
        # Counted from the end of the last answer, so that the server too sees at least this much between two requests.
        return max(self._left_at + delay - time.monotonic(), self.pause_s())

    def pause_s(self) -> float:
        """Seconds for which the host is still to be left alone."""
        return max(0.0, self._paused_until - time.monotonic())

    def pause(self, wait_s: float) -> None:
        self._paused_until = max(self._paused_until, time.monotonic() + wait_s)

    def left(self) -> None:
        """A request has ended."""
        self._left_at = time.monotonic()


class _Hosts(dict[str, Host]):
    def __missing__(self, name: str) -> Host:
        return self.setdefault(name, Host(name))


_hosts = _Hosts()
_pools: dict[int, Any] = {}  # by reactor, of which a process has one


def host_of(url: str) -> Host:
    """What we owe the host of an address."""
    return _hosts[host_name(url)]


def hold_off(crawler: Crawler, host: Host, wait_s: float) -> None:
    """Raises SourceError when a host wants more patience than a round has."""
    if wait_s > crawler.settings.getfloat("POLITE_LONGEST_WAIT_S"):
        refuse(crawler, "asked to wait", f"{_wish(crawler, host, wait_s)}; tried again later")


def _wish(crawler: Crawler, host: Host, wait_s: float) -> str:
    return f"{called(crawler, host.name)} asks not to come back before {until(wait_s)}"


def until(wait_s: float) -> str:
    """The instant after so many seconds, for a person."""
    return (datetime.now(UTC) + timedelta(seconds=wait_s)).strftime("%Y-%m-%d %H:%M UTC")


class Turns(HTTP11DownloadHandler):
    """HTTP and HTTPS, a request at a time to each host."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self.crawler = crawler
        settings = crawler.settings
        self.delay_s = settings.getfloat("POLITE_DELAY_S")
        self.backoff_s = settings.getfloat("POLITE_BACKOFF_S"), settings.getfloat("POLITE_LONGEST_BACKOFF_S")
        # Each crawler would keep its own idle connection to a host: they share them, so that there is only one.
        self._pool = _pools.setdefault(id(self._pool._reactor), self._pool)
        self._pool.maxPersistentPerHost = 1

    async def download_request(self, request: Request) -> Response:
        host = host_of(request.url)
        host.asked_delay_s = max(host.asked_delay_s, float(request.meta.get("polite_delay_s", 0.0)))
        async with host.lock:
            await self._rest(host)
            try:
                response = await super().download_request(request)
            except LOST:
                self._strike(host, 0.0)
                raise
            finally:
                host.left()
            # Read before the turn ends: the next in the queue must not come before the pause is known.
            self._heed(host, response)
        return response

    async def _rest(self, host: Host) -> None:
        rest_s = host.rest_s(self.delay_s)
        hold_off(self.crawler, host, rest_s)
        spider = self.crawler.spider
        if rest_s > SAID_S and host.pause_s() and isinstance(spider, SourceSpider):
            spider.waiting(_wish(self.crawler, host, rest_s))
        await asyncio.sleep(rest_s)

    def _heed(self, host: Host, response: Response) -> None:
        headers = {
            name.decode("latin-1").lower(): b",".join(values).decode("latin-1")
            for name, values in response.headers.items()
        }
        wait_s = asked(response.status, headers, datetime.now(UTC))
        if response.status in BUSY:
            self._strike(host, wait_s)
        else:
            host.strikes = 0
            host.pause(wait_s)

    def _strike(self, host: Host, wait_s: float) -> None:
        host.strikes += 1
        host.pause(wait_s or backoff(host.strikes, *self.backoff_s))
