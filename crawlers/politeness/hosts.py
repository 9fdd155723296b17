"""How a host is called: by its own name among ourselves, and in what lasts only where the source itself names it.

A redirect, or the document of an account, may lead to the server of one person, whose name is theirs.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scrapy.crawler import Crawler

from crawlers.spider import SourceSpider

DEFAULT_PORTS = frozenset({None, 80, 443})
UNNAMED = "a server"


def host_name(url: str) -> str:
    """The host of an address; another port than those of the web counts as another host."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    return name if parts.port in DEFAULT_PORTS else f"{name}:{parts.port}"


def called(crawler: Crawler, name: str) -> str:
    """What errors and the journal call a host: its name where `sources.yaml` has it, else nobody's."""
    spider = crawler.spider
    source = spider.source.model_dump(exclude={"terms"}) if isinstance(spider, SourceSpider) else {}
    return name if name in {_named(word) for word in _words(source)} else UNNAMED


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (word for inner in value.values() for word in _words(inner))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (word for inner in value for word in _words(inner))


def _named(word: str) -> str:
    try:
        return host_name(word) if "://" in word else ""
    except ValueError:
        return ""
