"""Where a redirect may lead: never out of encryption, never from the public web into our own network."""

import ipaddress
from typing import Self
from urllib.parse import urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request

from crawlers.politeness.refusals import refuse
from crawlers.politeness.turns import host_of


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
                f"{host_of(before[-1]).name} redirects to what is not encrypted or not public; not followed",
            )


def may_lead(origin: str, target: str) -> bool:
    """Whether a redirect from one address to another may be followed."""
    here, there = urlsplit(origin), urlsplit(target)
    if there.scheme not in ("http", "https"):
        return False
    if _inside(there.hostname or ""):
        return _inside(here.hostname or "")
    return here.scheme == "http" or there.scheme == "https"


def _inside(hostname: str) -> bool:
    """This machine or a private network, as far as the name says."""
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(hostname).is_global
    except ValueError:
        return False
