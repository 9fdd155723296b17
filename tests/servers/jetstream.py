"""A Jetstream (v1 and v2) that plays what a test writes, with its faults; and what lies beside it: the AppView's
profiles, the directory of accounts and their repositories, all on one port."""

import asyncio
import json
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server as WebsocketServer
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

V2 = "network.bsky.jetstream.subscribeEvents"
SEQUENCES_END = 10**15
LOOK_S = 0.01
YAWN_US = 500_000
JSON = "application/json"

Json = dict[str, Any]


@dataclass
class Fault:
    """Of one connection, the next one. `frames` are sent, then: `cut` without a word, an error frame of that name, or
    a refusal of that status before the first."""

    frames: int = 0
    cut: bool = False
    error: str = ""
    status: int = 0


@dataclass
class Jetstream:
    """`events` in the v1 shape, their number in the list, from 1, is their sequence number. Events before `floor` are
    not served any more. `awake`: as on the real network, somebody always does something. `hidden`: accounts for those
    who are signed in; `strangers`: accounts without a profile;
    `left`: those that their server calls inactive."""

    events: list[Json] = field(default_factory=list)
    floor: int = 0
    awake: bool = True
    faults: list[Fault] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    no_profiles: bool = False
    slow_profiles_s: float = 0.0
    robots: str = ""
    left: set[str] = field(default_factory=set)
    repositories: dict[str, dict[str, Json]] = field(default_factory=dict)
    listed_at_once: int = 100
    asked: list[tuple[str, dict[str, list[str]], str]] = field(default_factory=list)
    looked_up: Counter[str] = field(default_factory=Counter)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator["Jetstream"]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        server = asyncio.run_coroutine_threadsafe(self._start(), loop).result(10)
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()

    @property
    def endpoint(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def joins(self) -> list[dict[str, list[str]]]:
        """The queries of those who subscribed."""
        return [query for path, query, _ in self.asked if path.endswith(("/subscribe", V2))]

    async def _start(self) -> WebsocketServer:
        server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._request,
            select_subprotocol=lambda _, offered: offered[0] if offered else None,
            compression=None,
        )
        self.port = next(iter(server.sockets)).getsockname()[1]
        return server

    async def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        self.asked.append((parts.path, query, request.headers.get("User-Agent", "")))
        if parts.path.endswith("getProfiles"):
            await asyncio.sleep(self.slow_profiles_s)
        if parts.path not in ("/subscribe", f"/xrpc/{V2}"):
            return self._beside(connection, parts.path, query)
        if self.faults and self.faults[0].status:
            return connection.respond(self.faults.pop(0).status, "not now")
        cursor = int(query.get("cursor", ["0"])[0])
        if parts.path != "/subscribe" and cursor < SEQUENCES_END and 0 < cursor <= self.floor:
            return _answer(connection, {"error": "CursorTooOld", "message": f"floor {self.floor + 1}"}, 400)
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request
        parts = urlsplit(connection.request.path)
        v2, query = parts.path != "/subscribe", parse_qs(parts.query)
        fault = self.faults.pop(0) if self.faults else Fault()
        wanted = query.get("collections" if v2 else "wantedCollections", [])
        number = self._first(query)
        try:
            if v2 and self._clamped(query):
                await connection.send(_frame({"$type": f"{V2}#info", "name": "OutdatedCursor"}))
            sent = 0
            while connection.state is State.OPEN:
                while number < len(self.events):
                    event = self.events[number]
                    number += 1
                    if frame := _encoded(event, number, v2=v2) if _is_wanted(event, wanted) else None:
                        if fault.frames and sent >= fault.frames:
                            return await self._fail(connection, fault)
                        await connection.send(frame)
                        sent += 1
                if fault.frames and sent >= fault.frames:
                    return await self._fail(connection, fault)
                if self.awake and not fault.frames:
                    self._yawn()
                await asyncio.sleep(LOOK_S)
        except ConnectionClosed:
            return None

    def _yawn(self) -> None:
        now = int(time.time() * 1e6)
        if not self.events or self.events[-1]["time_us"] < now - YAWN_US:
            did = "did:plc:sleepless"
            told = {"did": did, "handle": "sleepless.test", "seq": now}
            self.events.append({"did": did, "time_us": now, "kind": "identity", "identity": told})

    async def _fail(self, connection: ServerConnection, fault: Fault) -> None:
        if fault.cut:
            connection.transport.abort()
        elif fault.error:
            await connection.send(json.dumps({"$type": "error", "error": fault.error, "message": "…"}))

    def _first(self, query: dict[str, list[str]]) -> int:
        cursor = int(query.get("cursor", ["0"])[0])
        if not cursor:
            return len(self.events)
        if cursor < SEQUENCES_END:
            return max(self.floor, cursor - 1)
        return max(self.floor, bisect_left(self.events, cursor, key=lambda event: event["time_us"]))

    def _clamped(self, query: dict[str, list[str]]) -> bool:
        cursor = int(query.get("cursor", ["0"])[0])
        before = bisect_left(self.events, cursor, key=lambda event: event["time_us"])
        return cursor >= SEQUENCES_END and before < self.floor

    def _beside(self, connection: ServerConnection, path: str, query: dict[str, list[str]]) -> Response:
        if path == "/xrpc/app.bsky.actor.getProfiles":
            dids = query["actors"]
            self.looked_up.update(dids)
            if self.no_profiles:
                return _answer(connection, {"error": "InternalServerError"}, 500)
            known = [did for did in dids if did not in self.strangers]
            return _answer(connection, {"profiles": [self._profile(did) for did in known]})
        if path == "/xrpc/com.atproto.repo.listRecords" and (repository := self.repositories.get(query["repo"][0])):
            found = [(uri, value) for uri, value in repository.items() if f"/{query['collection'][0]}/" in uri]
            at = int(query.get("cursor", ["0"])[0])
            end = at + self.listed_at_once
            page = {"records": [{"uri": uri, "value": value} for uri, value in found[at:end]]}
            return _answer(connection, page | ({"cursor": str(end)} if end < len(found) else {}))
        if path == "/xrpc/com.atproto.sync.getRepoStatus":
            left = query["did"][0] in self.left
            return _answer(
                connection, {"did": query["did"][0], "active": not left} | ({"status": "deactivated"} if left else {})
            )
        if path == "/xrpc/com.atproto.identity.resolveHandle" and query["handle"][0].startswith("h-"):
            return _answer(connection, {"did": f"did:plc:{query['handle'][0].split('.')[0][2:]}"})
        if path == "/robots.txt" and self.robots:
            return connection.respond(200, self.robots)
        if path.removeprefix("/") in self.repositories:
            service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.url}
            return _answer(connection, {"id": path.removeprefix("/"), "service": [service]})
        return _answer(connection, {"error": "InvalidRequest"}, 400 if path.startswith("/xrpc/") else 404)

    def _profile(self, did: str) -> Json:
        label = {"src": did, "uri": f"at://{did}/app.bsky.actor.profile/self", "val": "!no-unauthenticated"}
        others = {"src": "did:plc:moderation", "uri": did, "val": "!no-unauthenticated"}
        labels = [label] if did in self.hidden else [others]
        return {"did": did, "handle": f"h-{did.rpartition(':')[2]}.test", "labels": labels}


async def _stop(server: WebsocketServer) -> None:
    server.close()
    await server.wait_closed()


def _answer(connection: ServerConnection, body: Json, status: int = 200) -> Response:
    response = connection.respond(status, json.dumps(body))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = JSON
    return response


def _is_wanted(event: Json, wanted: list[str]) -> bool:
    return event["kind"] != "commit" or not wanted or event["commit"]["collection"] in wanted


def _encoded(event: Json, seq: int, *, v2: bool) -> str | None:
    """The frame of an event; None where the protocol does not have it."""
    kind = event["kind"]
    if not v2:
        return None if kind == "sync" else json.dumps(event)
    seconds, rest = divmod(event["time_us"], 1_000_000)
    at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    shared = {"seq": seq, "did": event["did"], "time": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
    shared |= {name: value for name, value in event.items() if name not in ("did", "time_us", "kind", kind)}
    part = event[kind] if kind == "commit" else {kind: event[kind]}
    return _frame({"$type": f"{V2}#{kind}", **shared, **part})


def _frame(payload: Json) -> str:
    return json.dumps({"$type": "message", "payload": payload})
