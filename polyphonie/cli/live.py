"""`polyphonie demo --live`: the simulated world is crawled over the real protocols, from servers on this machine."""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import yaml

from crawlers.crawl import Crawl
from crawlers.criteria import Criteria
from crawlers.sources import Source, read_sources
from polyphonie.cli.board import board
from polyphonie.cli.workspace import Workspace
from polyphonie.errors import PolyphonieError
from polyphonie.native import Native, NativeAccountGone, NativeDeletion
from simulator.live import Servers, Stage
from simulator.world import World
from simulator.world.clock import microseconds

CONTACT = "https://polyphonie.example/demo"
STUCK_S = 120.0  # without the world's clock moving
AT_ONCE_H = 0.0002  # what was kept is asked for again in every round


class WorldNotHeard(PolyphonieError):
    """The crawl of the simulated world came to nothing before the world was over."""

    exit_code = 8


def crawl_world(work: Workspace, world: World) -> Counter[str]:
    """Start the world's servers, follow them with the real spiders until the world is over, and stop; counts outcomes.

    Raises WorldNotHeard when a source does not listen any more. Once in a process, as `crawlers.run.run`.
    """
    stage = Stage(world)
    with Servers(stage) as servers, ExitStack() as held:
        rows = _sources(servers, work)
        text = yaml.safe_dump({"sources": rows}, allow_unicode=True, sort_keys=False)
        (work.settings.home / "sources.yaml").write_text(text, encoding="utf-8")
        sources = [source for name, source in read_sources(work.settings.home).items() if name in rows]
        for source in sources:
            held.enter_context(work.alone(f"crawl {source.name}"))
        stage.wait_for((*servers.domains, "bluesky", "decidim", "press"))
        return _follow(work, stage, sources)


def _follow(work: Workspace, stage: Stage, sources: list[Source]) -> Counter[str]:
    # Scrapy takes a second to import, which the other commands are spared.
    from crawlers.run import run

    catalogue = work.catalogue
    with board(source.name for source in sources) as report:
        crawl = Crawl(
            spool=work.spool,
            border=work.border,
            contact=CONTACT,
            follow=True,
            clock=_Clock(stage),
            simulated=True,
            proposals=lambda source: Criteria(catalogue, source.keywords, source.hashtags),
            report=report,
        )
        ending = _Ending(stage, crawl, next(source for source in sources if source.platform == "bluesky"))
        outcomes = run(crawl, sources, stop=ending, delay_s=0.0)
    if not ending.heard:
        errors = "; ".join(outcome.error for outcome in outcomes if outcome.error) or "interrupted"
        raise WorldNotHeard(f"the simulated world was not heard to its end: {errors}")
    return sum((outcome.counts for outcome in outcomes), Counter())


@dataclass
class _Clock:
    """Reception in the world's time: a message when its platform delivered it, anything else when it is learnt."""

    stage: Stage

    def __call__(self, native: Native) -> datetime:
        if isinstance(native, NativeDeletion | NativeAccountGone):
            return self.stage.now
        # A consultation opened before the world began.
        return self.stage.instants.get(native.uri, max(native.created_at, self.stage.since))


@dataclass
class _Ending:
    """Says when to stop: the world is over and what its servers told is stored, or nothing happens any more."""

    stage: Stage
    crawl: Crawl
    stream: Source
    heard: bool = False
    _shown: datetime | None = None
    _since: float = field(default_factory=time.monotonic)

    def __call__(self) -> bool:
        last = microseconds(self.stage.emissions["bluesky"][-1].at)
        # A stream is not asked for again, so its cursor tells what is stored of it.
        self.heard = self.stage.heard_out and self.crawl.cursor(self.stream).get("time_us") == last
        if self.stage.now != self._shown:
            self._shown, self._since = self.stage.now, time.monotonic()
        return self.heard or time.monotonic() - self._since > STUCK_S


def _sources(servers: Servers, work: Workspace) -> dict[str, dict[str, Any]]:
    """A source for each server; the first of Mastodon's is also asked for the hashtags of the proposals."""
    tags = dict.fromkeys(
        keyword.removeprefix("#")
        for proposal in work.catalogue
        for keyword in proposal.keywords
        if keyword.startswith("#")
    )
    rows: dict[str, dict[str, Any]] = {}
    for domain in servers.domains:
        rows[f"mastodon-demo-{domain.partition('.')[0]}"] = {
            "platform": "mastodon",
            "instance": f"http://{servers.addresses[domain]}",
            "public": True,
            "hashtags": [] if rows else list(tags),
            "recheck_hours": AT_ONCE_H,
            "delay_s": 0,
        }
    stream, site, press = (servers.addresses[name] for name in ("bluesky", "decidim", "press"))
    rows["bluesky-demo"] = {
        "platform": "bluesky",
        "protocol": "v1",
        "endpoints": [f"ws://{stream}"],
        "appview": f"http://{stream}",
    }
    rows["decidim-demo"] = {"platform": "decidim", "site": f"http://{site}", "open_data": True, "delay_s": 0}
    feeds = [f"http://{press}/{paper}/rss.xml" for paper in servers.papers]
    rows["press-demo"] = {"platform": "press", "feeds": feeds}
    today = datetime.now(UTC).date()
    terms = {"terms_url": CONTACT, "terms_checked_at": today, "approved_by": "demo"}
    return {
        name: {**keys, "every_s": 1, "budget_a_day": 10_000_000, "terms": dict(terms)} for name, keys in rows.items()
    }
