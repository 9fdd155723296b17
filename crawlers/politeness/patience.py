"""Patience: a host that is busy or lost is asked again a few times; how long it is left alone is kept in `turns`."""

from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from crawlers.politeness.hosts import called
from crawlers.politeness.refusals import Unreachable, count, refuse
from crawlers.politeness.turns import hold_off, host_of
from crawlers.politeness.waits import BUSY, LOST

TRIES = "polite_tries"  # key of a request's meta


class Patience:
    """Raises Unreachable after so many tries, and SourceError when the wait is longer than a round has."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.tries = crawler.settings.getint("POLITE_TRIES")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        host = host_of(request.url)
        hold_off(self.crawler, host, host.pause_s())

    def process_response(self, request: Request, response: Response) -> Request | Response:
        if response.status not in BUSY:
            return response
        count(self.crawler, f"status {response.status}")
        return self._again(request, f"answers {response.status}")

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        if not isinstance(exception, LOST):
            return None
        count(self.crawler, "no answer")
        return self._again(request, f"cannot be reached ({type(exception).__name__})")

    def _again(self, request: Request, what: str) -> Request:
        host = host_of(request.url)
        hold_off(self.crawler, host, host.pause_s())
        tried = request.meta.get(TRIES, 1)
        if tried >= self.tries:
            words = f"{called(self.crawler, host.name)} {what}, {tried} times; tried again later"
            refuse(self.crawler, "given up", words, Unreachable)
        return request.replace(meta={**request.meta, TRIES: tried + 1}, dont_filter=True)
