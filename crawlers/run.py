"""Runs the spiders of some sources in one Scrapy process, on its asyncio reactor."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings

from crawlers.crawl import Crawl
from crawlers.sources import Source, platforms
from crawlers.spider import SourceSpider
from polyphonie import __version__


@dataclass(frozen=True)
class Outcome:
    """What a source's crawl came to. `error`: why its last round ended early; empty when it did not."""

    name: str
    counts: Counter[str]
    error: str


def run(crawl: Crawl, sources: Sequence[Source]) -> list[Outcome]:
    """Listen to every source at once, until each has made its round, or until SIGINT or SIGTERM when followed.

    A second call in one process is not possible: a Twisted reactor starts once.
    """
    process = AsyncCrawlerProcess(settings(crawl.contact))
    running = []
    for source in sources:
        crawler = process.create_crawler(platforms()[source.platform])
        process.crawl(crawler, source=source, crawl=crawl)
        running.append((source, crawler))
    process.start()
    return [_outcome(source, crawler.spider) for source, crawler in running]


def settings(contact: str) -> Settings:
    """Scrapy's settings, with the name under which we ask."""
    found = Settings()
    found.setmodule("crawlers.settings", priority="project")
    found.set("USER_AGENT", f"Polyphonie/{__version__} (+{contact})", priority="project")
    return found


def _outcome(source: Source, spider: object) -> Outcome:
    if not isinstance(spider, SourceSpider):
        return Outcome(source.name, Counter(), "could not be started")
    error = str(spider.failure) if spider.failure else "" if spider.finished else "stopped before its end"
    return Outcome(source.name, spider.totals, error)
