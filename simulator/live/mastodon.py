"""A server of Mastodon 4.5, as far as somebody without an account may ask it: its rules, public timelines, statuses."""

import unicodedata
from bisect import bisect_left, bisect_right, insort
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from simulator.live.site import site
from simulator.live.stage import Stage

PAGE, LONGEST_PAGE = 20, 40
SOME_STATUSES = 20  # asked for at once by their number; more is an error
LIMIT, PERIOD = 7_500, timedelta(minutes=5)  # of requests: what a server gives to its own network
OPEN = {"local": "public", "remote": "public"}
NAME = "mastodon"


class Mastodon:
    """The statuses by number, as they read now: an edit replaces. Boosts and replies are not in the public timeline,
    and boosts in none (`PublicFeed` and `TagFeed` of Mastodon's source). Every server of the world knows all statuses,
    and numbers them alike, which real ones do not."""

    def __init__(self, stage: Stage, domain: str) -> None:
        self.stage = stage
        self.domain = domain
        self._read = 0
        self._statuses: dict[int, dict[str, Any]] = {}
        self._numbers: list[int] = []
        self._spent, self._reset = 0, datetime.now(UTC) + PERIOD

    def application(self) -> web.Application:
        return site(
            [
                web.get("/api/v2/instance", self.instance),
                web.get("/api/v1/timelines/public", self.public),
                web.get("/api/v1/timelines/tag/{tag}", self.tagged),
                web.get("/api/v1/statuses", self.statuses),
                web.get("/api/v1/statuses/{number}", self.status),
            ]
        )

    async def instance(self, _: web.Request) -> web.Response:
        access = {"live_feeds": OPEN, "hashtag_feeds": OPEN, "trending_link_feeds": OPEN}
        return self._answer(
            {
                "domain": self.domain,
                "title": self.domain.partition(".")[0].capitalize(),
                "version": "4.5.2",
                "source_url": "https://github.com/mastodon/mastodon",
                "description": "Un serveur inventé",
                "languages": ["fr"],
                "usage": {"users": {"active_month": len(self.stage.people)}},
                "configuration": {"statuses": {"max_characters": 500}, "timelines_access": access},
                "registrations": {"enabled": False},
                "api_versions": {"mastodon": 7},
                "rules": [],
            }
        )

    async def public(self, request: web.Request) -> web.Response:
        local, remote = request.query.get("local") == "true", request.query.get("remote") == "true"
        self._keep_up()

        def wanted(status: dict[str, Any]) -> bool:
            here = status["account"]["acct"].endswith(f"@{self.domain}")
            answers = status["in_reply_to_id"] and status["in_reply_to_account_id"] != status["account"]["id"]
            return not (status["reblog"] or answers or (local and not here) or (remote and here))

        return self._page(request, [n for n in self._numbers if wanted(self._statuses[n])])

    async def tagged(self, request: web.Request) -> web.Response:
        tag = _folded(request.match_info["tag"])
        self._keep_up()

        def wanted(status: dict[str, Any]) -> bool:
            return any(_folded(found["name"]) == tag for found in status["tags"])

        return self._page(request, [n for n in self._numbers if wanted(self._statuses[n])])

    async def statuses(self, request: web.Request) -> web.Response:
        self._keep_up()
        numbers = request.query.getall("id[]", request.query.getall("id", []))
        if len(numbers) > SOME_STATUSES:
            return self._answer({"error": f"No more than {SOME_STATUSES} ids"}, status=422)
        found = [self._statuses.get(int(number)) for number in numbers if number.isdecimal()]
        return self._answer([status for status in found if status])

    async def status(self, request: web.Request) -> web.Response:
        self._keep_up()
        number = request.match_info["number"]
        found = self._statuses.get(int(number)) if number.isdecimal() else None
        return self._answer(found) if found else self._answer({"error": "Record not found"}, status=404)

    def _page(self, request: web.Request, numbers: list[int]) -> web.Response:
        """Newest first; `min_id` takes those just after it, `since_id` the newest after it."""
        given = {name: int(request.query[name]) for name in ("min_id", "since_id", "max_id") if name in request.query}
        limit = min(int(request.query.get("limit", PAGE)), LONGEST_PAGE)
        above = max(given.get("min_id", 0), given.get("since_id", 0))
        first = bisect_right(numbers, above)
        last = bisect_left(numbers, given["max_id"]) if "max_id" in given else len(numbers)
        there = numbers[first:last]
        chosen = there[:limit] if "min_id" in given else there[-limit:]
        if not chosen or chosen[-1] == numbers[-1]:
            self.stage.told(self.domain, request.path)
        return self._answer([self._statuses[n] for n in reversed(chosen)], headers=_links(request, chosen))

    def _keep_up(self) -> None:
        for emission in self.stage.delivered(NAME, self._read):
            self._read += 1
            number = int(emission.payload["id"])
            if number not in self._statuses:
                insort(self._numbers, number)
            self._statuses[number] = emission.payload

    def _answer(self, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        now = datetime.now(UTC)
        if now >= self._reset:
            self._spent, self._reset = 0, now + PERIOD
        self._spent += 1
        limits = {
            "X-RateLimit-Limit": str(LIMIT),
            "X-RateLimit-Remaining": str(max(0, LIMIT - self._spent)),
            "X-RateLimit-Reset": self._reset.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return web.json_response(content, status=status, headers=limits | (headers or {}))


def _links(request: web.Request, chosen: list[int]) -> dict[str, str]:
    if not chosen:
        return {}
    here = request.url.with_query({k: v for k, v in request.query.items() if k not in ("min_id", "since_id", "max_id")})
    older, newer = here.update_query(max_id=str(chosen[0])), here.update_query(min_id=str(chosen[-1]))
    return {"Link": f'<{older}>; rel="next", <{newer}>; rel="prev"'}


def _folded(tag: str) -> str:
    """Mastodon looks for tags without case nor accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", tag.casefold()) if not unicodedata.combining(c))
