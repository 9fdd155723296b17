"""robots.txt (RFC 9309): what it forbids is not asked, and while a server fails to give it, nothing is.

After 30 days of failure the RFC lets a crawler carry on as if there were none. We do not: a server that answers pages
but never its robots.txt is rare, and its rules are unknown.
"""

from dataclasses import dataclass
from typing import Self

from protego import Protego
from scrapy.crawler import Crawler
from scrapy.http import Request

from crawlers.politeness.refusals import refuse
from crawlers.politeness.turns import host_of
from crawlers.politeness.wellknown import UNCHECKED, Shelf, fetch, origin_of

TOKEN = "Polyphonie"  # noqa: S105 (the product token by which a robots.txt names us)
READ = 500 * 1024  # bytes that RFC 9309 asks to read at least; the rest is not read


@dataclass(frozen=True)
class Rules:
    """What a host says to us."""

    parsed: Protego

    def allow(self, url: str) -> bool:
        return self.parsed.can_fetch(url, TOKEN)

    @property
    def delay_s(self) -> float:
        """Seconds between two requests, by Crawl-delay or Request-rate, the longer one."""
        rate = self.parsed.request_rate(TOKEN)
        return max(self.parsed.crawl_delay(TOKEN) or 0.0, rate.seconds / rate.requests if rate else 0.0)


class Robots:
    """Raises SourceError for what is forbidden, and tells `turns` of the delay that is asked for."""

    shelf: Shelf[Rules] = Shelf()  # of the process, not of a crawler

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        if request.meta.get(UNCHECKED):
            return
        origin, host = origin_of(request.url), host_of(request.url)
        rules = await self.shelf.get(origin, lambda: self._ask(origin))
        if rules is None:
            refuse(
                self.crawler,
                "robots.txt unreachable",
                f"robots.txt of {host.name} cannot be had, so nothing is asked there; tried again later",
            )
        host.robots_delay_s = rules.delay_s
        if not rules.allow(request.url):
            refuse(
                self.crawler, "forbidden by robots.txt", f"robots.txt of {host.name} forbids it; take the source out"
            )

    async def _ask(self, origin: str) -> Rules | None:
        answer = await fetch(self.crawler, f"{origin}/robots.txt")
        return None if answer is None else read(answer.status, answer.body)


def read(status: int, body: bytes) -> Rules:
    """The rules of a robots.txt. Any other status than success is of a host that has none (5xx never comes here)."""
    content = body[:READ].decode("utf-8-sig", errors="replace") if 200 <= status < 300 else ""
    return Rules(Protego.parse(content))
