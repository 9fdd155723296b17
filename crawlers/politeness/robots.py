"""robots.txt (RFC 9309): what it forbids is not asked, and while a server fails to give it, nothing is.

After 30 days of failure the RFC lets a crawler carry on as if there were none. We do not: a server that answers pages
but never its robots.txt is rare, and its rules are unknown. Its content signals are heeded too, as `signals` says.
"""

from dataclasses import dataclass
from typing import ClassVar

from protego import Protego
from scrapy.http import Request

from crawlers.politeness.refusals import refuse
from crawlers.politeness.signals import refused
from crawlers.politeness.turns import host_of
from crawlers.politeness.wellknown import Shelf, WellKnown

TOKEN = "Polyphonie"  # noqa: S105 (the product token by which a robots.txt names us)
READ = 500 * 1024  # bytes that RFC 9309 asks to read at least; the rest is not read


@dataclass(frozen=True)
class Rules:
    """What a host says to us. `reserved`: the uses that we make and that its content signals refuse."""

    parsed: Protego
    reserved: tuple[str, ...] = ()

    def allow(self, url: str) -> bool:
        return self.parsed.can_fetch(url, TOKEN)

    @property
    def delay_s(self) -> float:
        """Seconds between two requests, by Crawl-delay or Request-rate, the longer one."""
        rate = self.parsed.request_rate(TOKEN)
        return max(self.parsed.crawl_delay(TOKEN) or 0.0, rate.seconds / rate.requests if rate else 0.0)


class Robots(WellKnown[Rules]):
    """Raises SourceError for what is forbidden, and tells `turns` of the delay that is asked for."""

    path = "/robots.txt"
    shelf: ClassVar[Shelf[Rules]] = Shelf()

    def heed(self, request: Request, said: Rules) -> None:
        host_of(request.url).robots_delay_s = said.delay_s
        if not said.allow(request.url):
            words = f"robots.txt of {self.called(request)} forbids it; take the source out"
            refuse(self.crawler, "forbidden by robots.txt", words)
        if said.reserved:
            words = f"robots.txt of {self.called(request)} says {', '.join(f'{use}=no' for use in said.reserved)}"
            refuse(self.crawler, "reserved (content signal)", f"{words}; take the source out, or ask the publisher")

    def read(self, status: int, body: bytes) -> Rules:
        return read(status, body)


def read(status: int, body: bytes) -> Rules:
    """The rules of a robots.txt. Any other status than success is of a host that has none (5xx never comes here)."""
    content = body[:READ].decode("utf-8-sig", errors="replace") if 200 <= status < 300 else ""
    return Rules(Protego.parse(content), tuple(refused(content, TOKEN)))
