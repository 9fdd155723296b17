"""A real Mastodon API on loopback (mastodon-mock), with the manners that it lacks: limits, refusals, closed feeds."""

import asyncio
import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from mastodon_mock.app import create_app
from mastodon_mock.config import DatabaseConfig, MastodonMockConfig, SeedAccount, SeedConfig
from mastodon_mock.db.models import Account, Status
from mastodon_mock.routers.statuses import _create_status_from_params
from mastodon_mock.serializers.statuses import serialize_status
from sqlalchemy import select

ABSENT = object()  # a field that an answer does not have
PAGING = {"min_id", "max_id", "since_id", "page"}  # what makes a request a paged one, for Mastodon's throttle
PEOPLE = ("ondine", "barnabe", "celestine", "robotine")


@dataclass
class Manners:
    """How a server treats strangers; changed while it runs. `accounts` and `statuses` are fields that it tells of them
    instead of its own, by name and by number; `hidden` the numbers of statuses that have not reached it yet."""

    version: str = "4.5.1"
    domain: str = ""  # of its handles; empty: its own
    access: dict[str, dict[str, str]] | None = None
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    refuse: dict[str, int] = field(default_factory=dict)  # start of a path -> status
    say: dict[str, bytes] = field(default_factory=dict)  # start of a path -> body
    link: str = ""  # instead of its own `Link`
    slow_s: float = 0.0
    limit: int = 300
    window_s: float = 900.0
    counted: Counter[str] = field(default_factory=Counter)
    windows: Counter[int] = field(default_factory=Counter)  # paged requests of each window
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)


class Gate:
    """ASGI: what stands between strangers and the mock. Whoever has a token goes straight through."""

    def __init__(self, app: Any, manners: Manners) -> None:
        self.app, self.manners = app, manners

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or any(name == b"authorization" for name, _ in scope["headers"]):
            await self.app(scope, receive, send)
            return
        manners, path = self.manners, scope["path"]
        query = parse_qs(scope["query_string"].decode())
        manners.asked.append((path, query))
        manners.counted["asked"] += 1
        if manners.slow_s:
            await asyncio.sleep(manners.slow_s)
        headers = self._throttled(bool(PAGING & query.keys()))
        if headers.get("Retry-After"):
            manners.counted["429"] += 1
            await _answer(send, 429, headers, b'{"error":"Too many requests"}')
            return
        for start, status in manners.refuse.items():
            if path.startswith(start):
                await _answer(send, status, headers, b'{"error":"This method requires an authenticated user"}')
                return
        status, own, body = await self._inside(scope, receive)
        for start, said in manners.say.items():
            body = said if path.startswith(start) else body
        if manners.link and "link" in own:
            own["link"] = manners.link
        await _answer(send, status, own | headers, self._dressed(path, body))

    def _throttled(self, paged: bool) -> dict[str, str]:
        # As Rack::Attack counts: in windows that begin at multiples of their length.
        now = time.time()
        window = int(now // self.manners.window_s)
        self.manners.windows[window] += paged
        self.manners.counted["paged"] += paged
        used = self.manners.windows[window]
        reset = (window + 1) * self.manners.window_s
        headers = {
            "X-RateLimit-Limit": str(self.manners.limit),
            "X-RateLimit-Remaining": str(max(0, self.manners.limit - used)),
            "X-RateLimit-Reset": datetime.fromtimestamp(reset, UTC).isoformat().replace("+00:00", "Z"),
        }
        if paged and used > self.manners.limit:
            headers["Retry-After"] = str(int(reset - now) + 1)
        return headers

    async def _inside(self, scope: Any, receive: Any) -> tuple[int, dict[str, str], bytes]:
        start: dict[str, Any] = {}
        parts: list[bytes] = []

        async def keep(message: Any) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self.app(scope, receive, keep)
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        headers.pop("content-length", None)
        return start["status"], headers, b"".join(parts)

    def _dressed(self, path: str, body: bytes) -> bytes:
        if not path.startswith("/api/"):
            return body
        try:
            said = json.loads(body)
        except ValueError:
            return body
        if path == "/api/v2/instance" and isinstance(said, dict):
            said["version"] = self.manners.version
            said["domain"] = self.manners.domain or said["domain"]
            if self.manners.access is not None:
                said["configuration"]["timelines_access"] = self.manners.access
        if isinstance(said, list):
            said = [status for status in said if status.get("id") not in self.manners.hidden]
        for status in _statuses(said):
            status |= self.manners.statuses.get(status["id"], {})
            account = status["account"]
            account |= {"indexable": True} | self.manners.accounts.get(account["username"], {})
            for name in [name for name, value in account.items() if value is ABSENT]:
                del account[name]
        return json.dumps(said).encode()


class Server:
    """One mock server under as many addresses as `manners` asks for, each with its own way of treating strangers."""

    def __init__(self, *manners: Manners) -> None:
        people = [SeedAccount(username=name, access_token=f"{name}-token") for name in PEOPLE]
        config = MastodonMockConfig(database=DatabaseConfig(path=":memory:"), seed=SeedConfig(accounts=people))
        app = create_app(config)
        self._config = config
        self.manners = manners
        self._open = app.state.session_factory
        self._runs = [
            uvicorn.Server(
                uvicorn.Config(Gate(app, one), host="127.0.0.1", port=0, log_level="warning", lifespan="off")
            )
            for one in manners
        ]
        self._threads = [threading.Thread(target=run.run, daemon=True) for run in self._runs]

    @contextmanager
    def running(self) -> Iterator["Server"]:
        for thread in self._threads:
            thread.start()
        while not all(run.started for run in self._runs):
            time.sleep(0.01)
        try:
            yield self
        finally:
            for run in self._runs:
                run.should_exit = True
            for thread in self._threads:
                thread.join()

    @property
    def urls(self) -> list[str]:
        ports = [run.servers[0].sockets[0].getsockname()[1] for run in self._runs]
        return [f"http://127.0.0.1:{port}" for port in ports]

    def post(self, text: str, by: str = PEOPLE[0], **more: Any) -> dict[str, Any]:
        """Somebody writes; returns the status."""
        return self._call("POST", "/api/v1/statuses", by, {"status": text, **more})

    def fill(self, texts: list[str], by: str = PEOPLE[0]) -> list[dict[str, Any]]:
        """Somebody wrote a lot before anybody came; returns the statuses, in order."""
        with self._open() as base:
            author = base.scalar(select(Account).where(Account.username == by))
            for text in texts:
                _create_status_from_params(base, author, {"status": text})
            base.commit()
            written = base.scalars(select(Status).where(Status.account_id == author.id).order_by(Status.id)).all()
            return [serialize_status(base, one, self._config, None) for one in written]

    def edit(self, status: dict[str, Any], text: str, by: str = PEOPLE[0]) -> None:
        self._call("PUT", f"/api/v1/statuses/{status['id']}", by, {"status": text})

    def delete(self, status: dict[str, Any], by: str = PEOPLE[0]) -> None:
        self._call("DELETE", f"/api/v1/statuses/{status['id']}", by)

    def _call(self, method: str, path: str, by: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self.urls[0] + path,
            method=method,
            data=json.dumps(content).encode() if content else None,
            headers={"Authorization": f"Bearer {by}-token", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


def _statuses(said: Any) -> Iterator[dict[str, Any]]:
    for status in said if isinstance(said, list) else [said]:
        if isinstance(status, dict) and {"visibility", "account"} <= status.keys():
            yield status
            yield from _statuses(status["reblog"]) if status.get("reblog") else ()


async def _answer(send: Any, status: int, headers: dict[str, str], body: bytes) -> None:
    told = {"content-type": "application/json"} | headers | {"content-length": str(len(body))}
    lines = [(name.encode(), value.encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
