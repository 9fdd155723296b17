"""What an account still publishes, asked at its own server (PDS): after a #sync nothing else tells what was lost."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

from scrapy.http import Response

from crawlers.bluesky.frames import Json
from crawlers.bluesky.payload import POST, REPOST
from crawlers.politeness.places import public
from crawlers.spider import SourceError

Get = Callable[[str], Awaitable[Response]]

PAGE = 100
PAGES = 20  # of each collection, newest first: 2,000 messages go back further than an epoch for nearly everybody
_PDS = "#atproto_pds"


class Unreachable(Exception):
    """The repository cannot be read."""


class Repositories:
    """Reads repositories through `get`. `service`: one that has them all, instead of each account's own server."""

    def __init__(self, get: Get, plc: str, service: str = "") -> None:
        self._get, self._plc, self._service = get, plc.rstrip("/"), service.rstrip("/")

    async def records(self, did: str) -> dict[str, Json]:
        """The posts and reposts of an account: its records by uri. Raises Unreachable."""
        try:
            host = self._service or await self._pds(did)
            found: dict[str, Json] = {}
            for collection in (POST, REPOST):
                await self._listed(host, did, collection, found)
            return found
        except SourceError as error:
            raise Unreachable from error

    async def _listed(self, host: str, did: str, collection: str, found: dict[str, Json]) -> None:
        cursor = ""
        for _ in range(PAGES):
            query = {"repo": did, "collection": collection, "limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = await self._json(f"{host}/xrpc/com.atproto.repo.listRecords?{urlencode(query)}")
            records = page.get("records")
            if not isinstance(records, list):
                raise Unreachable
            for record in records:
                if isinstance(record, dict) and isinstance(record.get("uri"), str):
                    found[record["uri"]] = record.get("value") or {}
            cursor = str(page.get("cursor") or "")
            if not records or not cursor:
                return

    async def _pds(self, did: str) -> str:
        if did.startswith("did:web:"):
            document = await self._json(_safe(f"https://{did.removeprefix('did:web:')}", "") + "/.well-known/did.json")
        else:
            document = await self._json(f"{self._plc}/{did}")
        for service in _services(document):
            if str(service.get("id", "")).endswith(_PDS):
                return _safe(str(service.get("serviceEndpoint", "")), self._plc)
        raise Unreachable

    async def _json(self, url: str) -> dict[str, Any]:
        answer = await self._get(url)
        try:
            found = json.loads(answer.body) if answer.status == 200 else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Unreachable
        return found


def loopback(url: str) -> bool:
    """Does an address stay on this machine?"""
    return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def _services(document: Json) -> Iterator[Json]:
    services = document.get("service")
    yield from (one for one in services if isinstance(one, dict)) if isinstance(services, list) else ()


def _safe(url: str, directory: str) -> str:
    # Anybody may write any address in their own document: only a public name over TLS is asked.
    parts = urlsplit(url)
    if loopback(directory) and loopback(url):
        return f"{parts.scheme}://{parts.netloc}"
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.netloc != host or not public(host):
        raise Unreachable
    return f"https://{host}"
