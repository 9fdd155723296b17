"""Who asks not to be shown to logged-out visitors, as the AppView tells; nobody is kept before that is known."""

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from scrapy.http import Response

from crawlers.bluesky.payload import ProfileView
from crawlers.spider import SourceError
from polyphonie.errors import PayloadError

AT_ONCE = 25  # profiles that app.bsky.actor.getProfiles answers for
LAST_S = 24 * 3600.0
REMEMBERED = 50_000  # accounts, some 20 MB
_NO_HANDLE = "handle.invalid"


class Unclear(SourceError):
    """An answer that is none: the next one may be better."""


@dataclass(frozen=True)
class Standing:
    """What is known of an account. `hidden`: it is for those who are signed in only."""

    hidden: bool
    handle: str | None = field(default=None, repr=False)


class Profiles:
    """A memory of a day, bounded, never written anywhere."""

    def __init__(self, get: Callable[[str], Awaitable[Response]], appview: str) -> None:
        self._get = get
        self._appview = appview.rstrip("/")
        self._known: OrderedDict[str, tuple[float, Standing]] = OrderedDict()
        self._handles: OrderedDict[str, str] = OrderedDict()

    def standing(self, did: str) -> Standing | None:
        """What is known of an account since less than a day."""
        found = self._known.get(did)
        return found[1] if found and time.monotonic() - found[0] < LAST_S else None

    def learn(self, did: str, *, hidden: bool, handle: str | None = None) -> None:
        handle = None if handle in ("", _NO_HANDLE) else handle
        self._known.pop(did, None)
        self._known[did] = (time.monotonic(), Standing(hidden, handle or self._handles.get(did)))
        _bound(self._known)

    def name(self, did: str, handle: str) -> None:
        """An event says what an account is called now."""
        self._handles[did] = handle
        _bound(self._handles)
        if found := self._known.get(did):
            self._known[did] = (found[0], Standing(found[1].hidden, handle))

    def forget(self, did: str) -> None:
        """What was known does not hold any more."""
        self._known.pop(did, None)

    async def look_up(self, dids: Sequence[str]) -> None:
        """Ask for some accounts, `AT_ONCE` at most. Those that the answer leaves out stay unknown.

        Raises Unclear where the answer says nothing of anybody, SourceError where there is none.
        """
        asked = urlencode([("actors", did) for did in dids])
        answer = await self._get(f"{self._appview}/xrpc/app.bsky.actor.getProfiles?{asked}")
        if answer.status != 200:
            raise Unclear(f"the AppView answers {answer.status}")
        try:
            found = json.loads(answer.body)
        except (ValueError, RecursionError):
            found = None
        profiles = found.get("profiles") if isinstance(found, dict) else None
        if not isinstance(profiles, list):
            raise Unclear("the AppView's answer cannot be read")
        for profile in profiles:
            try:
                view = ProfileView.read(profile)
            except PayloadError:
                continue
            if view.did in dids:
                self.learn(view.did, hidden=view.signed_in_only, handle=view.handle)


def _bound(known: OrderedDict[str, Any]) -> None:
    if len(known) > REMEMBERED:
        known.popitem(last=False)
