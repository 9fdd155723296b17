"""Decidim, live: lists every proposal with its comments, then asks once more for what the listing no longer had."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from scrapy.http import Response

from crawlers.decidim import archive
from crawlers.decidim.answer import Found, Place, comments, proposals
from crawlers.decidim.api import Api, refusal
from crawlers.decidim.parse import parse
from crawlers.decidim.skeleton import Node
from crawlers.files import Reader
from crawlers.heard import Heard, Refused, Watch
from crawlers.sources import Source
from crawlers.spider import SourceError, SourceSpider
from polyphonie.errors import InputError
from polyphonie.native import Native, NativePost, NativeProposal

DELAY_S = 0.6  # a Decidim answers 100 requests a minute from one address (rack-attack)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
BATCH = 400  # proposals and comments stored together
RECHECKED = 500  # looked at together
REFUSED_SHARE = 0.01  # of the rows of a zip: beyond, its format has changed and an absence means nothing
EVERYTHING = -1


class DecidimSource(Source):
    site: str = Field(description="Address of the platform, as it names itself: https://host.")
    processes: tuple[str, ...] = Field((), description="Slugs of the participatory processes; empty: every public one.")
    open_data: bool = Field(False, description="Take the open-data zip, when it has changed, instead of the API.")
    page: int = Field(100, ge=1, le=100, description="Proposals asked for at once; most platforms give 50 at most.")
    delay_s: float = Field(DELAY_S, ge=0, description="Seconds between two requests; less than 0.6 on loopback only.")
    every_s: float = Field(21_600.0, ge=1, description="Seconds between two rounds; the API is listed anew by each.")

    @field_validator("site")
    @classmethod
    def _address(cls, site: str) -> str:
        parts = urlsplit(site.rstrip("/"))
        if not parts.hostname or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError("https:// and a host are expected, nothing more")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("https:// is expected")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    @property
    def host(self) -> str:
        return urlsplit(self.site).hostname or ""

    @property
    def pause_s(self) -> float:
        """Between two requests; a server on this machine is nobody else's."""
        return self.delay_s if self.host in LOOPBACK else max(self.delay_s, DELAY_S)


class Spider(SourceSpider):
    name = "decidim"
    source_model = DecidimSource
    source: DecidimSource

    async def listen(self) -> AsyncIterator[Heard]:
        if self.source.open_data:
            async for heard in self._archived():
                yield heard
            return
        self.absent: list[str] = []
        self.api = Api(self.name, self.source.site, self.source.page, self.source.pause_s, self.ask)
        if "listing" not in self.cursor:
            yield Heard(cursor={"listing": _now().isoformat(), "component": "", "after": None, "whole": True})
        if "component" in self.cursor:
            async for heard in self._listed():
                yield heard
        began = datetime.fromisoformat(self.cursor["listing"])
        if self.cursor["whole"]:
            async for heard in self._rechecked(began):
                yield heard
        yield Heard(cursor={"listed": self.cursor["listing"]})
        if self.absent:
            raise SourceError(f"{self.name}: no public process is called {self.absent[0]!r}; check `processes`")

    async def _listed(self) -> AsyncIterator[Heard]:
        """Every proposal of every component, from where the listing was left."""
        for component in await self._components():
            here = self.cursor["component"]
            if here and int(component) < int(here):
                continue
            after = self.cursor["after"] if component == here else None
            while True:
                page = await self.api.page(component, after)
                found, counts = [], {"not readable": page.nodes.count(None)}
                for node in filter(None, page.nodes):
                    found += (await self._with_answers(node, component))[0]
                whole = self.cursor["whole"] and page.whole
                cursor = {**self.cursor, "component": component, "after": page.after, "whole": whole}
                for heard in self._stored(found, cursor, counts):
                    yield heard
                after = page.after
                if after is None:
                    break
        yield Heard(cursor={name: self.cursor[name] for name in ("listing", "whole")})

    async def _components(self) -> list[str]:
        """Components of proposals of the processes that are followed, in the order in which they were made."""
        spaces = await self.api.spaces()
        followed = self.source.processes or tuple(spaces)
        # A process that is closed must not keep us from the others; it is told at the end.
        self.absent = [slug for slug in followed if slug not in spaces]
        return sorted({one for slug in followed for one in spaces.get(slug, ()) if one.isdecimal()}, key=int)

    async def _with_answers(self, node: Node, component: str) -> tuple[list[Found], bool]:
        """A proposal, its comments and all that answers them; and whether that is all."""
        found, whole = list(proposals(node, component, self.source.host)), True
        for one in found:  # grows meanwhile
            if one.deeper:
                answers = await self.api.answers(one.place)
                whole = whole and answers is not None
                found += comments(answers, one.place, one.site, one.depth + 1)
        return found, whole

    async def _rechecked(self, began: datetime) -> AsyncIterator[Heard]:
        """What the listing no longer had is asked for by its number: pages shift when a proposal goes, and what is
        deleted here never comes back."""
        journal = self.crawl.spool.journal
        while stale := journal.watched(self.name, began, RECHECKED):
            # What a zip gave, before this source took the API, has no place here.
            journal.asked(self.name, [ref for ref, _ in stale if not Place.is_ref(ref)])
            by_proposal: dict[Place, dict[str, str]] = {}
            for ref, kept in filter(lambda one: Place.is_ref(one[0]), stale):
                place = Place.of(ref)
                by_proposal.setdefault(Place(place.component, place.proposal), {})[ref] = kept
            for place, kept_here in by_proposal.items():
                async for heard in self._asked_again(place, kept_here):
                    yield heard

    async def _asked_again(self, place: Place, kept_here: dict[str, str]) -> AsyncIterator[Heard]:
        """A proposal by its number; `kept_here`: what was kept of it and its comments, and was not listed."""
        node = await self.api.proposal(place)
        found: list[Found] = []
        whole = node == "gone"
        if not isinstance(node, str):
            found, whole = await self._with_answers(node, place.component)
        for heard in self._stored(found, {}, {}):
            yield heard
        lost = kept_here.keys() - {one.place.ref for one in found}
        if whole:
            yield Heard(gone=[kept_here[ref] for ref in lost])
        else:
            # Nobody can tell: they are asked for again after the next listing.
            self.crawl.spool.journal.asked(self.name, lost)
            yield Heard(counts={"unclear": len(lost)})

    def _stored(self, found: list[Found], cursor: dict[str, Any], counts: dict[str, int]) -> Iterator[Heard]:
        """Batches, the last of which moves the cursor. What is listed is still there, so its watch is set anew first:
        after a kill in between, it is only listed again."""
        starts = range(0, max(len(found), 1), BATCH)
        for start in starts:
            some = found[start : start + BATCH]
            self.crawl.spool.journal.asked(self.name, [one.place.ref for one in some])
            last = start == starts[-1]
            yield replace(_heard(some), cursor=cursor if last else {}, counts=counts if last else {})

    async def _archived(self) -> AsyncIterator[Heard]:
        known = {"If-None-Match": self.cursor["tag"]} if "tag" in self.cursor else {}
        answer = await self._downloaded(known)
        if answer.status == 304:
            yield Heard(counts={"unchanged": 1})
            return
        try:
            with archive.held(answer.body) as reader:
                for heard in self._rows(reader):
                    yield heard
                if "began" not in self.cursor:
                    return  # the zip of the last round
                yield Heard(gone=self._missing_twice(reader))
        except InputError as error:
            raise SourceError(f"{self.name}: {error}") from error
        tag = (answer.headers.get("ETag") or b"").decode("latin-1")
        read = {"zip": self.cursor["zip"], "read": self.cursor["began"]}
        yield Heard(cursor={**read, "tag": tag} if tag else read)

    def _rows(self, reader: Reader) -> Iterator[Heard]:
        """The rows that were not read yet. `began` in the cursor: this zip is being read; `read`: when the one before
        it was begun."""
        for heard in archive.batches(reader, self.cursor.get("zip", {})):
            resumed = self.cursor.get("zip", {}).get("file") == reader.fingerprint
            running: dict[str, Any] = self.cursor if resumed else {"began": _now().isoformat(), "refused": 0}
            self.crawl.spool.journal.asked(self.name, [watch.ref for watch in heard.watches])
            yield replace(
                heard,
                cursor={
                    "began": running["began"],
                    "refused": running["refused"] + len(heard.refused),
                    "read": self.cursor.get("read"),
                    "zip": heard.cursor,
                },
            )

    def _missing_twice(self, reader: Reader) -> list[str]:
        """What neither this zip nor the one before it holds. Nothing when the zip could not be read well."""
        before, rows = self.cursor["read"], self.cursor["zip"]["number"]
        if before is None or self.cursor["refused"] > rows * REFUSED_SHARE:
            return []
        journal = self.crawl.spool.journal
        stale = dict(journal.watched(self.name, datetime.fromisoformat(before), EVERYTHING))
        return [stale[ref] for ref in archive.missing(reader, stale)]

    async def _downloaded(self, headers: dict[str, str]) -> Response:
        meta = {"polite_delay_s": self.source.pause_s, "download_maxsize": archive.LARGEST_BYTES}
        answer = await self.get(f"{self.source.site}/open-data/download", headers=headers, meta=meta)
        if answer.status not in (200, 304):
            raise SourceError(f"{self.name}: {refusal(answer.status)}")
        return answer


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)  # the journal counts whole seconds


def _heard(found: Iterable[Found]) -> Heard:
    natives: list[Native] = []
    refused, watches, seen = [], [], 0
    for one in found:
        seen += 1
        if one.payload is None:
            refused.append(Refused(one.place.ref, one.refused))
            continue
        made = list(parse(one.payload))
        natives += made
        # What is withdrawn has nothing left to ask for.
        watches += [Watch(one.place.ref, each.uri) for each in made if isinstance(each, NativePost | NativeProposal)]
    return Heard(natives=natives, refused=refused, watches=watches, seen=seen)
