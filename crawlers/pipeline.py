"""The one pipeline: a batch is validated, gated, pseudonymised and stored with its cursor; or its spider learns why."""

from collections import Counter
from typing import Any, Self

from scrapy.crawler import Crawler

from crawlers.spider import Parcel, SourceSpider


class SpoolPipeline:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_item(self, item: Any) -> Counter[str]:
        spider = self.crawler.spider
        assert isinstance(item, Parcel)
        assert isinstance(spider, SourceSpider)
        try:
            outcomes = await spider.store(item.heard)
        except BaseException as error:
            # The spider waits for this batch: it must stop there, with its cursor where it is.
            item.stored.set_exception(error)
            raise
        item.stored.set_result(outcomes)
        return outcomes
