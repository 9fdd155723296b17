"""The one pipeline: a batch is validated, gated, pseudonymised and stored with its cursor; or its spider learns why."""

import asyncio
from collections import Counter
from typing import Any, Self

from scrapy.crawler import Crawler

from crawlers.spider import Parcel, SourceSpider

LOOK_S = 0.05  # at whether Scrapy is done with a batch


class SpoolPipeline:
    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    async def process_item(self, item: Any) -> Counter[str]:
        spider = self.crawler.spider
        self._look_later()
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

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(LOOK_S, self._let_close)

    def _let_close(self) -> None:
        # Scrapy (2.19) looks whether it may close after responses, not after what `start` gave: told to stop while a
        # batch is here, it would wait for ever.
        spider = self.crawler.spider
        slot = self.crawler.engine.scraper.slot if self.crawler.engine else None
        if slot is None or spider is None:
            return
        if slot.itemproc_size:
            self._look_later()
        elif slot.closing is not None and not slot.closing.called and slot.is_idle():
            slot.closing.callback(spider)
