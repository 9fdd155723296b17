"""`polyphonie demo`: a simulated world walks the whole way, and its truth is compared with what was measured."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from crawlers.bluesky import parse as bluesky
from crawlers.bluesky.payload import Event
from crawlers.decidim import parse as decidim
from crawlers.decidim import payload as decidim_payload
from crawlers.mastodon import parse as mastodon
from crawlers.mastodon.payload import Status
from crawlers.simulated import marked, simulated
from index.engine import Where
from measures.overview import overview
from measures.quality import confusion_from
from measures.window import View
from polyphonie import settings as configuration
from polyphonie.cli.dashboard import serve
from polyphonie.cli.enrich import enrich_all, open_enricher
from polyphonie.cli.live import crawl_world
from polyphonie.cli.measure import expire_old, measure_all
from polyphonie.cli.reaching import settle
from polyphonie.cli.workspace import SIMULATION_MARK, AsJson, Home, Workspace, progress, say
from polyphonie.errors import ConfigurationError, PayloadError
from polyphonie.intake import proposal_slug
from polyphonie.native import Native
from polyphonie.records import Envelope
from polyphonie.spool import Arrival, Refusal
from simulator.world import Emission, World
from simulator.world.people import Platform

BATCH = 500
PEOPLE: tuple[Platform, ...] = ("bluesky", "decidim", "mastodon")
POSTS, LIVE_POSTS = 20_000, 4_000
SERVER = "agora.example"  # the instance whose timeline the world's Mastodon is read from


def demo_command(
    posts: Annotated[
        int | None,
        typer.Option(min=200, help=f"Messages of the simulated world: {POSTS:,}, or {LIVE_POSTS:,} with --live."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Crawl the world over the real protocols, from servers on this machine.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
    dashboard: Annotated[bool, typer.Option(help="End by serving the dashboard.")] = True,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="Port of the dashboard.")] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Simulate sixty days of debate, read them as if they came from the platforms, and open the dashboard.

    With --live they really come: from a Mastodon, a Jetstream, a Decidim and feeds that the demo starts on 127.0.0.1.

    Example: polyphonie demo --posts 5000 --no-dashboard
    """
    asked = home or ("POLYPHONIE_HOME" in os.environ and configuration.default_home())
    folder = asked or configuration.default_home() / "demo"
    # An invented debate has no place on a server where a real one is followed.
    os.environ["POLYPHONIE_ENGINE"] = "embedded"
    started = time.monotonic()
    posts = posts or (LIVE_POSTS if live else POSTS)
    world = World(seed=seed, posts=posts, until=datetime.now(UTC))
    prepare(folder, world)
    with Workspace(folder) as work:
        received = crawl_world(work, world) if live else listen(work, world, posts)
        enriched = enrich_all(work, open_enricher(work))
        settle(work)
        measure_all(work, everything=True)
        expire_old(work, datetime.now(UTC))
        comparison = _compare(work, world)
        carried = _carried(work, world)
    answer = {
        "home": str(folder),
        "received": dict(received),
        "enriched": dict(enriched),
        "seconds": round(time.monotonic() - started, 1),
        "carried": carried,
        "comparison": comparison,
    }
    words = [_table(comparison), *(_carriage(source, **counts) for source, counts in carried.items() if live)]
    say(answer, as_json, "\n".join([*words, f"{posts:,} messages in {answer['seconds']:,} s, in {folder}"]))
    if dashboard:
        raise typer.Exit(serve(folder, port))


def prepare(folder: Path, world: World) -> None:
    """An empty home that follows the proposals of `world`. A former demo is wiped; anything else is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / SIMULATION_MARK).exists():
            raise ConfigurationError(f"{folder} holds real data; give the demo a folder of its own with --home")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / SIMULATION_MARK).touch()
    _follow(folder, world)


def _follow(folder: Path, world: World) -> None:
    """The world's proposals become the catalogue, with the names they have in its consultation."""
    names: dict[str, list[str]] = {}
    for native, proposal in world.consulted.items():
        names.setdefault(proposal, []).append(proposal_slug("simulated-decidim", native))
    rows = [
        proposal.model_copy(update={"known_as": tuple(names.get(proposal.id, ()))}).model_dump(
            mode="json", exclude_defaults=True
        )
        for proposal in world.proposals
    ]
    (folder / "proposals.yaml").write_text(yaml.safe_dump({"proposals": rows}, allow_unicode=True), encoding="utf-8")


def listen(work: Workspace, world: World, posts: int) -> Counter[str]:
    """Native payloads through the parsers and the border, into the spool."""
    counts: Counter[str] = Counter()
    emissions = world.payloads()
    with progress("listen", posts) as advance:
        while batch := list(islice(emissions, BATCH)):
            envelopes: list[Envelope] = []
            refusals: list[Refusal] = []
            for emission in batch:
                try:
                    natives = list(_parse(emission))
                except PayloadError as error:
                    refusals.append(Refusal(f"simulated {counts['payloads']}", emission.source, str(error)))
                    natives = []
                counts["payloads"] += 1
                admitted = (work.border.admit(native, emission.at) for native in natives)
                envelopes.extend(envelope for envelope in admitted if envelope is not None)
            counts["refused"] += len(refusals)
            counts["kept"] += work.spool.put(Arrival("simulated", envelopes, refusals))
            advance(len(batch))
    return counts


def _parse(emission: Emission) -> Iterator[Native]:
    """What the platform's own parser makes of a payload, marked as simulated."""
    match emission.source:
        case "mastodon":
            natives = mastodon.parse(Status.read(emission.payload), SERVER)
        case "bluesky":
            natives = bluesky.parse(Event.read(emission.payload))
        case "decidim":
            natives = decidim.parse(decidim_payload.read(emission.payload))
    yield from map(simulated, natives)


def _compare(work: Workspace, world: World) -> list[dict[str, Any]]:
    """Measured popularity beside the simulator's truth, over the whole period, one row a proposal."""
    until = world.until.date() + timedelta(days=1)
    # The truth knows of people only, and the live crawl also reads the papers that they link to.
    sources = tuple(marked(platform) for platform in PEOPLE)
    view = View(since=until - timedelta(days=62), until=until, sources=sources)
    truth = world.truth()
    nlp = work.settings.nlp
    rows = overview(work.engine, view, work.settings.privacy.k, confusion_from(nlp.stance_model, nlp.abstain_below))
    return [
        {
            "proposal": row.proposal.id,
            "title": row.proposal.title,
            "voices": round(row.voices),
            "truth": truth.favour_share(row.proposal.id),
            **{
                name: {"share": found.share, "low": found.low, "high": found.high}
                for name, found in (("raw", row.raw), ("corrected", row.corrected))
            },
        }
        for row in rows
    ]


def _carried(work: Workspace, world: World) -> dict[str, dict[str, int]]:
    """How many messages of each platform were still there at the end, and how many of them are in the index."""
    said = Counter(message.author.platform for message in world.truth().script.messages if not message.deleted_at)
    proposals = Where(terms={"source": (marked("decidim"),), "kind": ("proposal",)})
    kept = {name: work.engine.count("posts", Where(terms={"source": (marked(name),)})) for name in PEOPLE}
    kept["decidim"] -= work.engine.count("posts", proposals)
    return {name: {"said": said[name], "kept": kept[name]} for name in PEOPLE}


def _carriage(source: str, said: int, kept: int) -> str:
    return f"{source:<9} {kept:>7,} messages kept of {said:,} that were said"


def _table(comparison: list[dict[str, Any]]) -> str:
    lines = [f"{'proposal':<44} {'truth':>6} {'raw':>18} {'corrected':>18} {'voices':>8}"]
    for row in comparison:
        cells = [
            f"{row[name]['share']:6.1%} [{row[name]['low']:4.0%}–{row[name]['high']:4.0%}]"
            for name in ("raw", "corrected")
        ]
        lines.append(f"{row['title'][:44]:<44} {row['truth']:6.1%} {cells[0]:>18} {cells[1]:>18} {row['voices']:>8,}")
    for name in ("raw", "corrected"):
        known = [row for row in comparison if not isnan(row[name]["share"])]
        error = sum(abs(row[name]["share"] - row["truth"]) for row in known) / max(1, len(known))
        inside = sum(row[name]["low"] <= row["truth"] <= row[name]["high"] for row in known)
        lines.append(f"{name}: mean absolute error {error:.1%}, truth inside {inside} intervals of {len(known)}")
    return "\n".join(lines)
