"""What an account still publishes, asked at its own server (PDS): after a #sync nothing else tells what was lost."""

import json
from collections.abc import Awaitable, Callable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from scrapy.http import Response

from crawlers.bluesky.frames import Json
from crawlers.bluesky.parse import STILL_THERE
from crawlers.bluesky.payload import POST, REPOST
from crawlers.politeness.places import public
from crawlers.spider import SourceError

Get = Callable[[str], Awaitable[Response]]

PAGE = 100
PAGES = 200  # of each collection, newest first: some 20,000 messages
_PDS = "#atproto_pds"


class Unreachable(Exception):
    """The repository cannot be read: nothing is known."""


@dataclass(frozen=True)
class Records:
    """The uri and the record of those that were sought, by our id. `whole`: what is not in it is not there."""

    records: dict[str, tuple[str, Json]] = field(repr=False)
    whole: bool


@dataclass(frozen=True)
class Gone:
    """The account is gone, as its server or the directory says."""


Found = Records | Gone


class Repositories:
    """Reads repositories through `get`. `service`: one that has them all, instead of each account's own server."""

    def __init__(self, get: Get, plc: str, service: str = "") -> None:
        self._get, self._plc, self._service = get, plc.rstrip("/"), service.rstrip("/")

    async def find(self, did: str, sought: Set[str], name: Callable[[str], str]) -> Found:
        """The posts and reposts of an account whose id, as `name` gives it, is sought. Raises Unreachable."""
        try:
            host = self._service or await self._pds(did)
            if host is None or await self._left(host, did):
                return Gone()
            found: dict[str, tuple[str, Json]] = {}
            # The second is not asked for when the first has everything.
            whole = [await self._listed(host, did, part, found, sought, name) for part in (POST, REPOST)]
            return Records(found, all(whole))
        except SourceError as error:
            raise Unreachable from error

    async def _listed(
        self,
        host: str,
        did: str,
        collection: str,
        found: dict[str, tuple[str, Json]],
        sought: Set[str],
        name: Callable[[str], str],
    ) -> bool:
        """Was it read to its end, or as far as anything is sought?"""
        cursor = ""
        for _ in range(PAGES):
            if sought <= found.keys():
                return True
            query = {"repo": did, "collection": collection, "limit": PAGE} | ({"cursor": cursor} if cursor else {})
            page = await self._json(f"{host}/xrpc/com.atproto.repo.listRecords?{urlencode(query)}")
            records = page.get("records")
            if not isinstance(records, list):
                raise Unreachable
            for record in records:
                uri = record.get("uri") if isinstance(record, dict) else None
                if (
                    isinstance(uri, str)
                    and uri.startswith(f"at://{did}/{collection}/")
                    and (own := name(uri)) in sought
                ):
                    found[own] = uri, record.get("value") or {}
            cursor = str(page.get("cursor") or "")
            if not records or not cursor:
                return True
        return False

    async def _left(self, host: str, did: str) -> bool:
        """Does the server say that the account is not there any more? One that does not tell is asked for its list."""
        answer = await self._get(f"{host}/xrpc/com.atproto.sync.getRepoStatus?{urlencode({'did': did})}")
        said = _object(answer.body)
        if answer.status == 200:
            return said.get("active") is False and said.get("status") not in STILL_THERE
        # One that has everybody's may lack some; an account's own server, which the directory names, knows.
        return answer.status == 400 and said.get("error") == "RepoNotFound" and not self._service

    async def _pds(self, did: str) -> str | None:
        """The server of an account; None where the directory says that it was given up."""
        if did.startswith("did:web:"):
            document = await self._json(_safe(f"https://{did.removeprefix('did:web:')}", "") + "/.well-known/did.json")
        else:
            answer = await self._get(f"{self._plc}/{did}")
            if answer.status == 410:
                return None
            document = _object(answer.body) if answer.status == 200 else {}
        for service in _services(document):
            if str(service.get("id", "")).endswith(_PDS):
                return _safe(str(service.get("serviceEndpoint", "")), self._plc)
        raise Unreachable

    async def _json(self, url: str) -> dict[str, Any]:
        answer = await self._get(url)
        if answer.status != 200:
            raise Unreachable
        return _object(answer.body)


def _object(body: bytes) -> Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


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
