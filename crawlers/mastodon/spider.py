"""Mastodon: the hashtag and public timelines of one server, forward, and what was kept asked for again every day."""

import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from scrapy.http import Response

from crawlers.crawl import Crawl
from crawlers.heard import Heard
from crawlers.mastodon.answer import Reading, number, read, read_again
from crawlers.mastodon.parse import SOURCE
from crawlers.mastodon.payload import Instance
from crawlers.mastodon.source import MastodonSource, Timeline, asked_timelines, open_timelines
from crawlers.sources import Source
from crawlers.spider import SourceError, SourceSpider
from polyphonie.errors import PayloadError

CLOSED = (401, 403, 422)  # to strangers; 422 before 4.3
MANY_SINCE = (4, 3)  # `GET /api/v1/statuses?id[]=`
OPT_IN_SINCE = (4, 3)  # every account there answers whether it may be indexed
MANY = 20  # statuses asked for at once; a server refuses more
REMEMBERED = 20_000  # numbers of statuses, so that what two timelines show is read once
_PREVIOUS = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?prev"?', re.IGNORECASE)


class Closed(Exception):
    """The server does not show this to strangers."""


class Spider(SourceSpider):
    name = "mastodon"
    source_model = MastodonSource
    source: MastodonSource

    def __init__(self, source: Source, crawl: Crawl, **kwargs: Any) -> None:
        super().__init__(source, crawl, **kwargs)
        self._remembered: dict[str, None] = {}

    async def listen(self) -> AsyncIterator[Heard]:
        self._same_server()
        instance = await self._instance()
        reading = Reading(self.source.server, instance.speaks(*OPT_IN_SINCE), self._place, instance.domain)
        # First of all: what is gone must be let go of, also where nothing more may be read; and where that can no
        # longer be learnt, nothing more is collected.
        async for heard in self._again(instance, reading):
            yield heard
        timelines = list(open_timelines(self.source, instance))
        asked = asked_timelines(self.source)
        closed = asked - len(timelines)
        for timeline in timelines:
            try:
                async for heard in self._forward(timeline, reading):
                    yield heard
            except Closed:
                closed += 1
        if closed:
            yield Heard(counts={"timelines closed": closed})
        if closed == asked:
            raise SourceError(
                f"{self.name}: the instance closed its timelines to strangers; take it out of sources.yaml, or ask "
                "those who run it"
            )

    async def _instance(self) -> Instance:
        answer = await self._get("/api/v2/instance")
        if answer.status in CLOSED:
            raise SourceError(f"{self.name}: the instance answers nothing to strangers (status {answer.status})")
        try:
            return Instance.read(self._json(answer, dict))
        except PayloadError as error:
            raise SourceError(f"{self.name}: another format than expected (instance: {error})") from error

    async def _forward(self, timeline: Timeline, reading: Reading) -> AsyncIterator[Heard]:
        """A timeline from where it was left; its newest page where it never was."""
        found = self._left_at(timeline)
        at = None if found is None else max(0, found - timeline.overlap)
        while True:
            payloads, at = await self._page(timeline, at)
            fresh = [payload for payload in payloads if number(payload) not in self._remembered]
            answer = read(fresh, reading)
            if payloads or self._left_at(timeline) is None:
                yield Heard(
                    natives=answer.natives,
                    refused=answer.refused,
                    cursor=self._moved(timeline, at),
                    counts=answer.counts,
                    unknown=answer.unknown,
                    watches=answer.watches,
                    seen=len(fresh),
                    latest=answer.latest,
                )
            self._remember(fresh)
            if not payloads:
                return

    async def _page(self, timeline: Timeline, at: int | None) -> tuple[Sequence[Any], int]:
        """What comes just after the status `at`, and the last one of it."""
        query = {"limit": str(self.source.page_limit), **timeline.scope}
        if at is not None:
            query["min_id"] = str(at)
        answer = await self._get(timeline.path, query)
        if answer.status in CLOSED:
            raise Closed
        if answer.status == 404 and timeline.name != "public":
            return [], at or 0  # nobody ever wrote this hashtag there
        payloads: list[Any] = self._json(answer, list)
        if not payloads:
            return [], at or 0
        last = max([int(found) for found in map(number, payloads) if found] + self._previous(answer), default=-1)
        if last <= (-1 if at is None else at):
            raise SourceError(f"{self.name}: another format than expected (pages that do not go forward)")
        return payloads, last

    def _previous(self, answer: Response) -> list[int]:
        """Where the `Link` header says that the next page towards now begins: it knows of statuses that were hidden."""
        header = ", ".join(value.decode("latin-1") for value in answer.headers.getlist("Link"))
        if not (found := _PREVIOUS.search(header)):
            return []
        link = urlsplit(urljoin(answer.url, found[1]))
        if link.netloc.lower() != urlsplit(self.source.instance).netloc:
            raise SourceError(f"{self.name}: its Link header leads to another host; nothing is asked there")
        return [int(value) for value in parse_qs(link.query).get("min_id", ()) if value.isascii() and value.isdigit()]

    async def _again(self, instance: Instance, reading: Reading) -> AsyncIterator[Heard]:
        """What was kept and not asked for since `recheck_hours`: gone, edited, or as it was."""
        journal = self.crawl.spool.journal
        at_once = MANY if instance.speaks(*MANY_SINCE) else 1
        before = datetime.now(UTC) - timedelta(hours=self.source.recheck_hours)
        due = journal.watched(self.name, before, self.source.recheck_requests * at_once)
        for start in range(0, len(due), at_once):
            asked = dict(due[start : start + at_once])
            answer = read_again(await self._statuses(list(asked), at_once), asked, reading)
            yield Heard(
                natives=answer.natives,
                refused=answer.refused,
                counts=answer.counts,
                unknown=answer.unknown,
                gone=answer.gone,
            )
            journal.asked(self.name, asked)

    async def _statuses(self, refs: Sequence[str], at_once: int) -> Sequence[Any]:
        if at_once > 1:
            answer = await self._get("/api/v1/statuses", [("id[]", ref) for ref in refs])
        else:
            answer = await self._get(f"/api/v1/statuses/{refs[0]}")
            if answer.status in (404, 410):
                return []
        if answer.status in CLOSED:
            raise SourceError(
                f"{self.name}: the instance no longer shows posts to strangers, so what is deleted there cannot be "
                "learnt; erase what was kept of it, or ask those who run it"
            )
        return self._json(answer, list) if at_once > 1 else [self._json(answer, dict)]

    async def _get(self, path: str, query: dict[str, str] | Sequence[tuple[str, str]] = ()) -> Response:
        address = f"{self.source.instance}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = await self.get(
            address, headers={"Accept": "application/json"}, meta={"polite_delay_s": self.source.delay_s}
        )
        if answer.status >= 500:
            raise SourceError(f"{self.name}: the instance is out of order (status {answer.status})")
        return answer

    def _json(self, answer: Response, kind: type[Any]) -> Any:
        if answer.status != 200:
            raise SourceError(f"{self.name}: status {answer.status} where an answer was expected")
        try:
            found = json.loads(answer.body)
        except ValueError as error:
            raise SourceError(f"{self.name}: another format than expected (not JSON)") from error
        if not isinstance(found, kind):
            raise SourceError(f"{self.name}: another format than expected ({type(found).__name__})")
        return found

    def _same_server(self) -> None:
        # Numbers are the server's own: on another one, everything that is watched would seem to be gone.
        if self.cursor.get("server", self.source.server) != self.source.server:
            raise SourceError(f"{self.name}: this name was another instance's; give this one a name of its own")

    def _left_at(self, timeline: Timeline) -> int | None:
        found = self.cursor.get("timelines", {}).get(timeline.name)
        return None if found is None else int(found)

    def _moved(self, timeline: Timeline, at: int) -> dict[str, Any]:
        places = {**self.cursor.get("timelines", {}), timeline.name: str(max(at, self._left_at(timeline) or 0))}
        return {"server": self.source.server, "timelines": places}

    def _remember(self, payloads: Sequence[Any]) -> None:
        self._remembered.update(dict.fromkeys(filter(None, map(number, payloads))))
        for oldest in list(self._remembered)[: max(0, len(self._remembered) - REMEMBERED)]:
            del self._remembered[oldest]

    def _place(self, of: str) -> str:
        return self.crawl.border.keys.record(SOURCE, f"{self.source.server} {of}")
