"""The websocket to one of several Jetstreams: joined again where it was left, at another one when it fails."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from crawlers.bluesky.payload import COLLECTIONS
from crawlers.bluesky.place import Place
from crawlers.spider import SourceError

V2 = "network.bsky.jetstream.subscribeEvents"
TOO_OLD = "CursorTooOld"
LARGEST_FRAME = 1 << 20  # bytes; a record of atproto is smaller, and the server leaves larger ones out
# Enough for two batches; when they are not taken, the socket is not read, and the server waits.
_QUEUE = (1_024, 512)
_TIMES_EACH = 3
_LONGEST_PAUSE_S = 60.0


class Stream:
    """`joined` counts the connections that were made; `too_old` says that the last place asked for was refused as too
    old. `waiting` is told why nothing is read for a while; `may_join` raises SourceError where a host forbids it."""

    def __init__(
        self,
        name: str,
        endpoints: Sequence[str],
        protocol: str,
        agent: str,
        retry_s: float,
        waiting: Callable[[str], None],
        may_join: Callable[[str], Awaitable[None]],
    ) -> None:
        self._name, self._protocol, self._agent, self._retry_s = name, protocol, agent, retry_s
        self._endpoints = [endpoint.rstrip("/") for endpoint in endpoints]
        self._waiting, self._may_join = waiting, may_join
        self._at = 0
        self._failures = 0
        self._last = ""
        self._connection: ClientConnection | None = None
        self.joined = 0
        self.too_old = False

    @property
    def endpoint(self) -> str:
        return self._endpoints[self._at]

    async def some(self, place: Place, at_most: int, within_s: float) -> list[str]:
        """The next frames, from `place` on where a connection must be made first; none when none came in time.

        Raises SourceError when no endpoint can be reached.
        """
        if self._connection is None:
            await self._join(place)
        frames: list[str] = []
        connection = self._connection
        assert connection is not None
        try:
            async with asyncio.timeout(within_s):
                while len(frames) < at_most:
                    frames.append(await connection.recv(decode=True))
        except TimeoutError:
            pass
        except (ConnectionClosed, UnicodeDecodeError) as error:
            self._connection = None
            self._failures += 1
            self._last = type(error).__name__
        return frames

    def progressed(self) -> None:
        """Something was heard: what failed before is forgiven."""
        self._failures = 0

    async def ended(self, why: str) -> None:
        """The server says that it stops."""
        await self.leave()
        self._failures += 1
        self._last = why

    async def leave(self) -> None:
        """Close the connection, if there is one; the next `some` makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _join(self, place: Place) -> None:
        while self._connection is None:
            if self._failures >= _TIMES_EACH * len(self._endpoints):
                self._failures = 0
                raise SourceError(f"{self._name}: no Jetstream can be listened to ({self._last})")
            if self.joined or self._failures:
                await self._pause()
            try:
                self._connection = await self._connect(place)
                self.joined += 1
            except SourceError as error:
                self._fail(str(error).removeprefix(f"{self._name}: "))
            except (OSError, TimeoutError, WebSocketException) as error:
                if _refusal(error) == TOO_OLD:
                    self.too_old = True
                    place = place._replace(seq=None)
                    continue
                self._fail(_refusal(error) or type(error).__name__)

    def _fail(self, why: str) -> None:
        self._failures += 1
        self._last = why
        self._at = (self._at + 1) % len(self._endpoints)

    async def _pause(self) -> None:
        rounds = self._failures // len(self._endpoints)
        longest = min(_LONGEST_PAUSE_S, self._retry_s * 2**rounds)
        self._waiting(f"the Jetstream is joined again ({self._last or 'closed'})")
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    async def _connect(self, place: Place) -> ClientConnection:
        v2 = self._protocol == "v2"
        query = [("collections" if v2 else "wantedCollections", collection) for collection in COLLECTIONS]
        query += [("cursor", str(place.cursor(self.endpoint, self._protocol)))]
        query += [("maxMessageSizeBytes", str(LARGEST_FRAME))]
        address = f"{self.endpoint}/{f'xrpc/{V2}' if v2 else 'subscribe'}"
        await self._may_join(address.replace("ws", "http", 1))
        return await connect(
            f"{address}?{urlencode(query)}",
            user_agent_header=self._agent,
            subprotocols=[Subprotocol("xrpc.v1.json")] if v2 else None,
            # Deflating for each subscriber is most of what a Jetstream costs (its authors' note of July 2026).
            compression=None,
            max_size=2 * LARGEST_FRAME,
            # A server that still sends would be waited for in vain: nothing is read any more.
            close_timeout=1.0,
            max_queue=_QUEUE,
        )


def _refusal(error: Exception) -> str:
    """What a server answered instead of a stream."""
    if not isinstance(error, InvalidStatus):
        return ""
    try:
        said = json.loads(error.response.body or b"")
    except ValueError:
        said = None
    named = said.get("error") if isinstance(said, dict) else None
    return str(named)[:40] if named else f"status {error.response.status_code}"
