"""Stub."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from crawlers.heard import Heard
from crawlers.sources import Source
from crawlers.spider import SourceError, SourceSpider
from polyphonie.native import NativePost
from polyphonie.records import Kind


class PressSource(Source):
    feed: str


class Spider(SourceSpider):
    name = "press"
    source_model = PressSource
    source: PressSource

    async def listen(self) -> AsyncIterator[Heard]:
        answer = await self.get(self.source.feed)
        if answer.status != 200:
            raise SourceError(f"{self.name}: status {answer.status}")
        for n in range(3):
            yield Heard(
                natives=[
                    NativePost(
                        source="press", uri=f"u{n}", kind=Kind.POST, text="les retraites", created_at=datetime.now(UTC)
                    )
                ],
                cursor={"n": n},
                seen=1,
                latest=datetime.now(UTC),
            )
