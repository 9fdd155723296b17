"""Bluesky's Jetstream (v1): events from a cursor, then those that come; and what the AppView says of profiles."""

import asyncio
import json
from bisect import bisect_left
from typing import Any

from aiohttp import web

from simulator.live.site import site
from simulator.live.stage import Stage
from simulator.world.clock import microseconds

LOOK_S = 0.05  # between two looks for new events
SOME_PROFILES = 25
NAME = "bluesky"


class Bluesky:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._handles = {one.native_id: one for one in stage.people if one.platform == NAME}

    def application(self) -> web.Application:
        return site(
            [
                web.get("/subscribe", self.subscribe),
                web.get("/xrpc/app.bsky.actor.getProfiles", self.profiles),
                web.get("/xrpc/app.bsky.actor.getProfile", self.profile),
            ]
        )

    async def subscribe(self, request: web.Request) -> web.StreamResponse:
        wanted = [name for value in request.query.getall("wantedCollections", []) for name in value.split(",")]
        # Before the handshake, after which who subscribes counts on everything that happens.
        first = self._first(request.query.get("cursor"))
        stream = web.WebSocketResponse(heartbeat=30)
        await stream.prepare(request)
        sending = asyncio.create_task(self._send(stream, wanted, first))
        try:
            async for _ in stream:  # options of subscribers are not known here; reading notices who leaves
                pass
        finally:
            sending.cancel()
        return stream

    def _first(self, cursor: str | None) -> int:
        """From now on without a cursor; one that is older than the first event begins there, without a word."""
        now = len(self.stage.delivered(NAME))
        if not cursor:
            return now
        return min(now, bisect_left(self.stage.emissions[NAME], int(cursor), key=lambda one: microseconds(one.at)))

    async def profiles(self, request: web.Request) -> web.Response:
        actors = request.query.getall("actors", [])
        if len(actors) > SOME_PROFILES:
            return web.json_response({"error": "InvalidRequest", "message": "too many actors"}, status=400)
        return web.json_response({"profiles": [self._profile(actor) for actor in actors if actor in self._handles]})

    async def profile(self, request: web.Request) -> web.Response:
        actor = request.query.get("actor", "")
        if actor not in self._handles:
            return web.json_response({"error": "InvalidRequest", "message": "Profile not found"}, status=400)
        return web.json_response(self._profile(actor))

    async def _send(self, stream: web.WebSocketResponse, wanted: list[str], number: int) -> None:
        while not stream.closed:
            waiting = self.stage.delivered(NAME, number)
            for emission in waiting:
                if _is_wanted(emission.payload, wanted):
                    await stream.send_str(json.dumps(emission.payload, ensure_ascii=False))
            number += len(waiting)
            if not waiting:
                self.stage.told(NAME)
            await asyncio.sleep(LOOK_S)

    def _profile(self, did: str) -> dict[str, Any]:
        author = self._handles[did]
        return {
            "did": did,
            "handle": author.handle,
            "displayName": author.display_name,
            "labels": [],
            "createdAt": "2024-02-06T00:00:00.000Z",
            "followersCount": 40 + author.number % 400,
        }


def _is_wanted(event: dict[str, Any], wanted: list[str]) -> bool:
    collection = event["commit"]["collection"]
    return not wanted or any(
        collection == name or (name.endswith(".*") and collection.startswith(name[:-1])) for name in wanted
    )
