"""Runs the spiders of some sources in one Scrapy process, on its asyncio reactor."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from scrapy.crawler import AsyncCrawlerProcess
from scrapy.settings import Settings

from crawlers.crawl import Crawl
from crawlers.outcome import Outcome
from crawlers.sources import Source, platforms
from crawlers.spider import SourceSpider
from polyphonie import __version__

LOOK_S = 0.5  # between two looks at whether to stop


def run(
    crawl: Crawl,
    sources: Sequence[Source],
    stop: Callable[[], bool] | None = None,
    delay_s: float | None = None,
) -> list[Outcome]:
    """Listen to every source at once, until each has made its round, or until SIGINT or SIGTERM when followed.

    stop: asked now and then; True ends it as SIGTERM does. delay_s: instead of the setting, between two requests to a
    host; a simulation has its own servers.
    A second call in one process is not possible: a Twisted reactor starts once.
    """
    given = settings(crawl.contact)
    if delay_s is not None:
        given.set("POLITE_DELAY_S", delay_s, priority="cmdline")
    process = AsyncCrawlerProcess(given)
    running = []
    for source in sources:
        crawler = process.create_crawler(platforms()[source.platform])
        process.crawl(crawler, source=source, crawl=crawl)
        running.append((source, crawler))
    if stop:
        _watch(stop, process)
    process.start()
    return [_outcome(source, crawler.spider) for source, crawler in running]


def _watch(stop: Callable[[], bool], process: AsyncCrawlerProcess) -> None:
    loop = asyncio.get_event_loop()
    ending: list[asyncio.Task[None]] = []

    def look() -> None:
        if stop():
            ending.append(loop.create_task(process.stop()))
        else:
            loop.call_later(LOOK_S, look)

    loop.call_soon(look)


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
