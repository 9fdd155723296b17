"""Accounts that said #sync: what we keep of them is compared with their repository, beside the stream, until it
answers."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from crawlers.bluesky.frames import Json
from crawlers.bluesky.parse import SOURCE, parse
from crawlers.bluesky.payload import LIKE, Event
from crawlers.bluesky.place import Place
from crawlers.bluesky.profiles import Profiles
from crawlers.bluesky.resync import Found, Gone, Repositories, Unreachable
from crawlers.bluesky.room import Room
from crawlers.bluesky.sieve import Sifted
from polyphonie.errors import PayloadError
from polyphonie.native import NativeAccountGone, NativeDeletion, NativePost

TRIES = 4  # before a round that has nothing else to do ends without an answer
LONGEST_S = 3_600.0  # between two tries
LAST_S = 24 * 3_600.0  # then it is let go, and what we keep stays: only an answer deletes
AT_MOST = 500  # accounts that wait


@dataclass
class _Account:
    did: str = field(repr=False)
    place: Place
    tries: int = 0
    due: float = 0.0


@dataclass
class _Comparison:
    """`found`: None where there was no answer. `touched`: what the stream said meanwhile, which is newer."""

    account: _Account
    task: "asyncio.Task[Found | None]"
    kept: set[str] = field(repr=False)
    waiting: dict[str, str] = field(repr=False)
    touched: set[str] = field(default_factory=set, repr=False)


class Syncs:
    """`name` gives our id of a uri, `items_of` our ids of what is kept of an account."""

    def __init__(
        self,
        repositories: Repositories,
        profiles: Profiles,
        room: Room,
        name: Callable[[str], str],
        items_of: Callable[[str], list[str]],
        retry_s: float,
    ) -> None:
        self._repositories, self._profiles, self._room = repositories, profiles, room
        self._name, self._items_of, self._retry_s = name, items_of, retry_s
        self._accounts: dict[str, _Account] = {}
        self._now: _Comparison | None = None

    @property
    def first(self) -> Place | None:
        """The place of what has waited longest: heard again if this process ends before an answer."""
        return min((one.place for one in self._accounts.values()), key=lambda place: place.time_us, default=None)

    @property
    def over(self) -> bool:
        """Is nothing to be hoped for in this round?"""
        return self._now is None and all(one.tries >= TRIES for one in self._accounts.values())

    def add(self, did: str, place: Place, sifted: Sifted) -> None:
        """An account said #sync. What is in `sifted` is not stored yet."""
        new = any(isinstance(native, NativePost) and native.author == did for native in sifted.natives)
        if not (new or self._room.of(did) or self._items_of(did)):
            return
        if before := self._accounts.get(did):
            self._accounts[did] = _Account(did, before.place)
        elif len(self._accounts) < AT_MOST:
            self._accounts[did] = _Account(did, place)
        else:
            sifted.counts["not compared"] += 1

    def step(self, sifted: Sifted) -> None:
        """Put what was learnt behind what a batch says, and ask for the next account."""
        if self._now:
            for native in sifted.natives:
                if isinstance(native, NativePost | NativeDeletion):
                    self._now.touched.add(native.uri)
                elif isinstance(native, NativeAccountGone):
                    self._now.touched.add(native.author)
            if self._now.task.done():
                self._learn(self._now, sifted)
                self._now = None
        if self._now is None:
            self._next()

    def leave(self) -> None:
        """The round ends: what is being asked is asked again in the next one."""
        if self._now:
            self._now.task.cancel()
            self._now = None

    def _next(self) -> None:
        account = next((one for one in self._accounts.values() if one.due <= time.monotonic()), None)
        if account is None:
            return
        kept = set(self._items_of(account.did))
        waiting = {self._name(uri): uri for uri in self._room.of(account.did) if f"/{LIKE}/" not in uri}
        task = asyncio.create_task(self._ask(account.did, kept | waiting.keys()))
        self._now = _Comparison(account, task, kept, waiting)

    async def _ask(self, did: str, sought: set[str]) -> Found | None:
        with suppress(Unreachable):
            return await self._repositories.find(did, sought, self._name)
        return None

    def _learn(self, now: _Comparison, sifted: Sifted) -> None:
        account, found = now.account, now.task.result()
        if found is None:
            self._put_off(account, sifted.counts)
            return
        if self._accounts.get(account.did) is account:  # it did not say #sync again meanwhile
            del self._accounts[account.did]
        if account.did in now.touched:
            return
        if isinstance(found, Gone):
            sifted.natives.append(NativeAccountGone(source=SOURCE, author=account.did))
            self._room.close(account.did)
            return
        self._replace(now, found.records, sifted)
        absent = (now.kept | now.waiting.keys()) - found.records.keys()
        if absent and not found.whole:
            sifted.counts["not compared"] += 1
            return
        for uri in (now.waiting[one] for one in absent & now.waiting.keys()):
            self._room.leave(uri)
        sifted.gone.extend(sorted(absent & set(self._items_of(account.did))))

    def _replace(self, now: _Comparison, records: dict[str, tuple[str, Json]], sifted: Sifted) -> None:
        standing = self._profiles.standing(now.account.did)
        for one in now.kept & records.keys():
            uri, record = records[one]
            if uri not in now.touched:
                with suppress(PayloadError):
                    event = _event(now.account, uri, record)
                    sifted.natives.extend(parse(event, standing.handle if standing else None))

    def _put_off(self, account: _Account, counts: Counter[str]) -> None:
        account.tries += 1
        account.due = time.monotonic() + min(LONGEST_S, self._retry_s * 2**account.tries)
        if account.tries >= TRIES and time.time() - account.place.time_us / 1_000_000 > LAST_S:
            self._accounts.pop(account.did, None)
            counts["not compared"] += 1


def _event(account: _Account, uri: str, record: Json) -> Event:
    _, collection, rkey = uri.removeprefix("at://").split("/", 2)
    commit = {"operation": "update", "collection": collection, "rkey": rkey, "record": record}
    return Event.read({"did": account.did, "time_us": account.place.time_us, "kind": "commit", "commit": commit})
