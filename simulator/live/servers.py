"""Starts the servers of a world on free ports of 127.0.0.1, in a thread with its own event loop."""

import asyncio
import threading
from typing import Self

from aiohttp import web

from simulator.live.bluesky import Bluesky
from simulator.live.decidim import Decidim
from simulator.live.mastodon import Mastodon
from simulator.live.press import Press
from simulator.live.stage import Stage
from simulator.world.people import SERVERS

START_S = 30.0


class Servers:
    """While it is open, `addresses` gives host:port of each: the domains of Mastodon, `bluesky`, `decidim`, `press`.

    domains: servers of Mastodon; papers: names of the feeds.
    """

    def __init__(self, stage: Stage) -> None:
        press = Press(stage)
        self.domains = SERVERS
        self.papers = press.papers
        self.addresses: dict[str, str] = {}
        self._applications = {
            **{domain: Mastodon(stage, domain).application() for domain in SERVERS},
            "bluesky": Bluesky(stage).application(),
            "decidim": Decidim(stage).application(),
            "press": press.application(),
        }
        self._loop = asyncio.new_event_loop()
        self._runners: list[web.AppRunner] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated platforms", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(START_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(START_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    async def _start(self) -> None:
        for name, application in self._applications.items():
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self._runners.append(runner)
            host, port = runner.addresses[0][:2]
            self.addresses[name] = f"{host}:{port}"

    async def _stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
