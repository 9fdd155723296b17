"""A server of feeds: conditional answers, moves, slowness, and every shape in which publishers send them."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.local import running

XML = "application/xml"


@dataclass
class Page:
    """What lies at a path. A server that gives an ETag or a date answers 304 to those who have it."""

    body: bytes = b""
    status: int = 200
    kind: str = XML
    headers: Mapping[str, str] = field(default_factory=dict)
    slow_s: float = 0.0


class FeedServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, int]] = []  # path and status, without those of robots.txt and the like

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FeedServer

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path, Page(status=404))
        time.sleep(page.slow_s)
        held = (self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since"))
        given = (page.headers.get("ETag"), page.headers.get("Last-Modified"))
        same = any(one and one == other for one, other in zip(held, given, strict=True))
        status, body = (304, b"") if page.status == 200 and same else (page.status, page.body)
        if self.path in self.server.pages:
            self.server.asked.append((self.path, status))
        try:
            self.send_response(status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", page.kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # they lost patience

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal of a test."""


def serving() -> AbstractContextManager[FeedServer]:
    """A server on a free port, gone at the end."""
    return running(FeedServer())


def rss(*items: str, title: str = "Le Journal", encoding: str = "utf-8", declared: str = "") -> bytes:
    """An RSS 2.0 feed of these items."""
    text = (
        f'<?xml version="1.0" encoding="{declared or encoding}"?><rss version="2.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        f"<channel><title>{title}</title>{''.join(items)}</channel></rss>"
    )
    return text.encode(encoding)


def item(number: int, title: str, *, date: str = "Sun, 22 Nov 2026 08:00:00 +0100", more: str = "") -> str:
    """An article, with a summary and a body that must never be kept."""
    return (
        f"<item><title>{title}</title><link>https://www.journal.test/article-{number}</link>"
        f'<guid isPermaLink="false">journal-{number}</guid><pubDate>{date}</pubDate>'
        f"<description>resume-secret {number}</description>"
        f"<content:encoded>corps-secret {number}</content:encoded>{more}</item>"
    )
