"""What every site has beside its API: rules for robots, and the declaration about text and data mining."""

from collections.abc import Iterable
from hashlib import blake2b

from aiohttp import web

ROBOTS = "User-agent: *\nDisallow: /admin\n"


def site(routes: Iterable[web.RouteDef]) -> web.Application:
    """A site of these routes that lets itself be read."""
    application = web.Application()
    application.add_routes([web.get("/robots.txt", _robots), web.get("/.well-known/tdmrep.json", _mining), *routes])
    return application


def unless_known(request: web.Request, body: bytes, content_type: str) -> web.Response:
    """A body with its ETag, or 304 to who has it."""
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=body, content_type=content_type, headers={"ETag": tag})


async def _robots(_: web.Request) -> web.Response:
    return web.Response(text=ROBOTS)


async def _mining(_: web.Request) -> web.Response:
    return web.json_response([{"location": "/", "tdm-reservation": 0}])
