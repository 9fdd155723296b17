"""The one pipeline: a batch is validated, gated, pseudonymised and stored with its cursor; or its spider learns why."""

import asyncio
from collections import Counter
from typing import Any, Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from crawlers.spider import Parcel, SourceSpider

LOOK_S = 0.1


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
        storing = asyncio.ensure_future(spider.store(item.heard))
        # A spider that is stopped does not wait for room in the spool.
        item.stored.add_done_callback(lambda _: storing.cancel())
        try:
            outcomes = await storing
        except BaseException as error:
            if item.stored.cancelled():
                raise DropItem("stopped before it was stored") from None
            # The spider waits for this batch: it must stop there, with its cursor where it is, and says why.
            item.stored.set_exception(error)
            if isinstance(error, Exception):
                # Scrapy would log its message, which may quote what the batch holds.
                raise DropItem("it could not be stored") from None
            raise
        finally:
            asyncio.get_running_loop().call_later(LOOK_S, self._look)
        if not item.stored.cancelled():
            item.stored.set_result(outcomes)
        return outcomes

    def _look(self) -> None:
        # Scrapy 2.19 closes a spider once no item is under way, but does not look again after an item that came from
        # `start`: asked to stop while one was stored, it would never end.
        slot = self.crawler.engine.scraper.slot if self.crawler.engine else None
        spider = self.crawler.spider
        if slot and spider and slot.closing and not slot.closing.called and slot.is_idle():
            slot.closing.callback(spider)
