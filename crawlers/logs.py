"""What Scrapy may log: kinds of events, never an address nor what an item holds."""

import logging
from typing import Any

from scrapy.logformatter import LogFormatter, LogFormatterResult


class Discreet(LogFormatter):
    def crawled(self, *_: Any) -> LogFormatterResult:
        return _message(logging.DEBUG, "an answer")

    def scraped(self, *_: Any) -> LogFormatterResult:
        return _message(logging.DEBUG, "a batch stored")

    def dropped(self, *_: Any) -> LogFormatterResult:
        return _message(logging.DEBUG, "a batch dropped")

    def item_error(self, _item: Any, exception: BaseException, *_: Any) -> LogFormatterResult:
        return _message(logging.ERROR, f"a batch could not be stored: {type(exception).__name__}")

    def spider_error(self, failure: Any, *_: Any) -> LogFormatterResult:
        return _message(logging.ERROR, f"the spider failed: {failure.type.__name__}")

    def download_error(self, failure: Any, *_: Any) -> LogFormatterResult:
        return _message(logging.ERROR, f"no answer: {failure.type.__name__}")


def _message(level: int, words: str) -> LogFormatterResult:
    return {"level": level, "msg": words, "args": {}}
