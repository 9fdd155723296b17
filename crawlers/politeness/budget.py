"""The budget of a source: so many requests a day, UTC, whatever is asked of whichever host, through restarts."""

from datetime import UTC, datetime
from typing import Self

from scrapy.crawler import Crawler
from scrapy.http import Request

from crawlers.politeness.refusals import refuse
from crawlers.spider import SourceSpider


class Budget:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> None:  # noqa: ARG002 (Scrapy passes it by name)
        spider = self.crawler.spider
        assert isinstance(spider, SourceSpider)
        journal, today = spider.crawl.spool.journal, datetime.now(UTC).date()
        budget = spider.source.budget_a_day
        if journal.spent(spider.name, today) >= budget:
            refuse(
                self.crawler,
                "budget spent",
                f"its budget of {budget} requests a day is spent; it goes on at midnight UTC (or raise budget_a_day)",
            )
        journal.spend(spider.name, today)
