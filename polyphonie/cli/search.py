"""`polyphonie search`: one line of query, a page of positions or posts."""

from typing import Annotated, Literal

import typer

from index.engine import Where
from polyphonie.cli.workspace import AsJson, Home, Workspace, say

SHOWN = ("id", "at", "source", "proposal", "stance", "origin", "text")


def search_command(
    query: Annotated[str, typer.Argument(help='Words, "phrases", AND OR NOT, field:value, at:2026-03-01..2026-03-31.')],
    collection: Annotated[Literal["posts", "positions"], typer.Option(help="Where to look.")] = "posts",
    size: Annotated[int, typer.Option(min=0, max=10_000, help="Results to print.")] = 10,
    newest: Annotated[bool, typer.Option("--newest", help="Newest first instead of best first.")] = False,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Search what was collected.

    Example: polyphonie search '"cantine gratuite" -source:bluesky' --newest
    """
    with Workspace(home) as work:
        hits = work.engine.search(collection, Where(query=query), size=size, newest_first=newest)
    shown = [{field: hit[field] for field in SHOWN if field in hit} for hit in hits.documents]
    lines = [
        f"{hit['at'][:10]}  {hit['source']:<20} {' '.join(str(hit.get('text', '')).split())[:90]}" for hit in shown
    ]
    say({"total": hits.total, "results": shown}, as_json, "\n".join([f"{hits.total:,} found", *lines]))
