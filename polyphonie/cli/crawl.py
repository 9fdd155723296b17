"""`polyphonie crawl`: listen to the sources, once or for as long as it runs."""

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Annotated

import typer

from crawlers.crawl import Crawl
from crawlers.criteria import Criteria
from crawlers.outcome import Outcome
from crawlers.sources import Source, read_sources
from polyphonie.cli.board import board, told
from polyphonie.cli.workspace import SIMULATION_MARK, AsJson, Home, Workspace, say
from polyphonie.errors import ConfigurationError, InputError


def crawl_command(
    sources: Annotated[list[str] | None, typer.Argument(help="Names of sources [default: every enabled one].")] = None,
    follow: Annotated[bool, typer.Option("--follow/--once", help="Go on until Ctrl-C, or make one round.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Listen to the sources of `sources.yaml`. Stop it at any moment: it goes on where it was, and repeats nothing.

    Exit code 8: a source could not, or may not, be listened to; the others were. Exit code 2: one that was named may
    not.

    Example: polyphonie crawl bluesky --follow
    """
    with Workspace(home) as work, ExitStack() as held:
        chosen = choose(read_sources(work.settings.home), sources)
        contact = work.settings.crawl.contact
        if not contact:
            raise ConfigurationError(
                "setting crawl.contact: write the page, or mailto:, where the sites that are crawled can reach you"
            )
        for source in chosen:
            held.enter_context(work.alone(f"crawl {source.name}"))
        (work.settings.home / SIMULATION_MARK).unlink(missing_ok=True)  # from now on it holds real data
        outcomes = listen(work, chosen, contact, follow=follow)
    totals = sum((outcome.counts for outcome in outcomes), Counter())
    words = [_line(outcome) for outcome in outcomes]
    words.append("Next: `polyphonie enrich`." if totals["new"] else "Nothing new.")
    sources_told = {one.name: {"error": one.error or None, **one.counts} for one in outcomes}
    say({"sources": sources_told, **totals}, as_json, "\n".join(words))
    if any(outcome.error for outcome in outcomes) and not follow:
        raise typer.Exit(8)


def choose(known: dict[str, Source], names: list[str] | None) -> list[Source]:
    """The sources of these names, or the enabled ones. Raises InputError, or ConfigurationError when one that was named
    may not be asked anything; of the others, one that may not is told as its own failure."""
    for name in names or ():
        if name not in known:
            raise InputError(f"no source is called {name!r}; known ones: {', '.join(known) or 'none'}")
    chosen = [known[name] for name in names] if names else [one for one in known.values() if one.enabled]
    if not chosen:
        raise InputError("no source is enabled; write one in HOME/sources.yaml (configs/sources.yaml shows how)")
    for source in chosen if names else ():
        if refusal := source.refusal(datetime.now(UTC).date()):
            raise ConfigurationError(f"sources.yaml: {refusal}")
    return chosen


def listen(work: Workspace, sources: list[Source], contact: str, *, follow: bool) -> list[Outcome]:
    """Crawl, with a line of progress for each source."""
    # Scrapy takes a second to import, which the other commands are spared.
    from crawlers.run import run

    catalogue = work.catalogue
    with board(source.name for source in sources) as report:
        crawl = Crawl(
            spool=work.spool,
            border=work.border,
            contact=contact,
            follow=follow,
            proposals=lambda source: Criteria(catalogue, source.keywords, source.hashtags),
            report=report,
        )
        return run(crawl, sources)


def _line(outcome: Outcome) -> str:
    return told(outcome.name, outcome.counts) + (f"\n  {outcome.error}" if outcome.error else "")
