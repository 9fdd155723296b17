"""Refusing politely: counted where `polyphonie sources` shows it, and said in one line without any address."""

from typing import NoReturn

from scrapy.crawler import Crawler

from crawlers.spider import SourceError, SourceSpider


class Unreachable(SourceError):
    """A host gave no usable answer, however often it was asked."""


def count(crawler: Crawler, outcome: str) -> None:
    """Count what happened in Scrapy's statistics, and in the journal where it lasts."""
    if crawler.stats:
        crawler.stats.inc_value(f"politeness/{outcome}")
    spider = crawler.spider
    if isinstance(spider, SourceSpider):
        spider.crawl.spool.journal.count(spider.name, outcome)


def refuse(crawler: Crawler, outcome: str, words: str, kind: type[SourceError] = SourceError) -> NoReturn:
    """Raise the error that ends the round of a source. `words` name a host as `hosts.called` does, never a path."""
    count(crawler, outcome)
    name = crawler.spider.name if crawler.spider else "?"
    raise kind(f"{name}: {words}")
