"""Where a redirect may lead: never out of encryption, never from the public web into our own network."""

from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request

from crawlers.politeness.hosts import called, host_name
from crawlers.politeness.places import public
from crawlers.politeness.refusals import refuse


class Redirects:
    """Scrapy follows redirects, and each step comes through every middleware anew: here its target is looked at."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        before = request.meta.get("redirect_urls")
        if before and not may_lead(before[-1], request.url):
            refuse(
                self.crawler,
                "redirect refused",
                f"{called(self.crawler, host_name(before[-1]))} redirects to what is not encrypted or not public; not "
                "followed",
            )


def may_lead(origin: str, target: str) -> bool:
    """Whether a redirect from one address to another may be followed."""
    here, there = urlsplit(origin), urlsplit(target)
    if there.scheme not in ("http", "https"):
        return False
    if not public(there.hostname or ""):
        return not public(here.hostname or "")
    return here.scheme == "http" or there.scheme == "https"
