"""Erasure: what is gone upstream, or whose author asked, leaves every place that holds it. `polyphonie forget`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from index.engine import Where
from nlp.folding import FoldStore
from nlp.verdicts import VerdictStore
from polyphonie.cli.workspace import AsJson, Home, Workspace, say

BATCH = 500


def forget_command(
    handle: Annotated[str, typer.Argument(help="Handle, or native identifier, as the platform writes it.")],
    source: Annotated[
        list[str] | None, typer.Option(help="Platform; may be repeated [default: every known one].")
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Erase what somebody wrote, everywhere, and never listen to them again. The handle itself is not kept.

    What lies in epochs that are closed cannot be linked to anybody, so it cannot be found either: it is anonymous.

    Example: polyphonie forget @somebody@example.org --source mastodon
    """
    with Workspace(home) as work:
        sources = source or known_sources(work)
        epochs = work.keys.open_epochs()
        names = {handle, handle.lstrip("@")}
        tokens = [work.keys.author(one, name, epoch) for one in sources for name in names for epoch in epochs]
        for one in sources:
            work.opt_outs.add(one, handle)
        erased = erase(work, work.spool.items_of(tokens))
    answer = {"erased": erased, "sources": sources, "open_epochs": len(epochs)}
    say(
        answer, as_json, f"{erased:,} messages erased; their author is not listened to any more ({', '.join(sources)})."
    )


def known_sources(work: Workspace) -> list[str]:
    """Every source of which something was ever kept."""
    buckets = work.engine.aggregate("posts", {"s": {"terms": {"field": "source", "size": 1000}}})["s"]["buckets"]
    votes = work.engine.aggregate("positions", {"s": {"terms": {"field": "source", "size": 1000}}})["s"]["buckets"]
    return sorted({bucket["key"] for bucket in (*buckets, *votes)} | set(work.spool.item_sources()))


def erase(work: Workspace, ids: Sequence[str]) -> int:
    """Remove posts or votes by id from spool, archive, index and NLP stores; returns how many ids were asked."""
    if not ids:
        return 0
    for start in range(0, len(ids), BATCH):
        some = list(ids[start : start + BATCH])
        work.spool.erase(some)
        work.engine.delete("posts", some)
        work.engine.delete_where("positions", Where(terms={"post": some}))
    work.archive.erase(set(ids))
    folds = FoldStore(work.settings.home / "nlp" / "folds.sqlite")
    folds.erase(ids)
    folds.close()
    verdicts = VerdictStore(work.settings.home / "nlp" / "verdicts.sqlite")
    verdicts.erase(ids)
    verdicts.close()
    return len(ids)
