"""Erasure: what is gone upstream, or whose author asked, leaves every place that holds it. `polyphonie forget`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from crawlers.bluesky.identity import resolve
from crawlers.crawl import place
from crawlers.sources import platforms, read_sources
from index import documents
from index.engine import Where
from polyphonie.cli.workspace import AsJson, Home, Workspace, say
from polyphonie.errors import InputError
from polyphonie.labels import LabelStore, labels_path
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Deletion, Envelope, record_id
from polyphonie.spool import Arrival

BATCH = 500
IMPORTED = ("capcollectif",)  # platforms that are only read from files


def forget_command(
    handle: Annotated[str, typer.Argument(help="Handle, or native identifier, as the platform writes it.")],
    source: Annotated[
        list[str] | None, typer.Option(help="Platform; may be repeated [default: every known one].")
    ] = None,
    as_json: AsJson = False,
    home: Home = None,
) -> None:
    """Erase what somebody wrote, everywhere, and never listen to them again. The handle itself is not kept.

    Exit code 8: a platform could not say who is behind the handle; give the native id it asks for.

    What lies in epochs that are closed cannot be linked to anybody, so it cannot be found either: it is anonymous.

    Example: polyphonie forget @somebody@example.org --source mastodon
    """
    with Workspace(home) as work:
        sources = _chosen(work, source)
        unresolved: list[str] = []
        names = {one: _names(work, one, handle, unresolved) for one in sources}
        tokens = [token for one in sources for token in _tokens(work, one, names[one])]
        for one in sources:
            for name in names[one]:
                work.opt_outs.add(one, name)
        gone = work.spool.items_of(tokens)
        work.spool.journal.leave(
            node for one in sources for name in names[one] for node in work.border.nodes(one, name)
        )
        # First what makes it certain: should this stop half-way, or an enrichment be reading one of these messages,
        # the next enrichment finds the deletions and does it again.
        work.spool.put(Arrival("forget", [_deletion(work, one) for one in gone]))
        erase(work, gone)
        tidy(work)
    answer = {"erased": len(gone), "sources": sources, "unresolved": unresolved}
    words = f"{len(gone):,} messages erased; their author is not listened to any more ({', '.join(sources)})."
    if unresolved:
        words += f"\nNot sure: who is behind this handle could not be learnt ({'; '.join(unresolved)})."
    elif not gone:
        words += (
            "\nNothing was found: on some platforms only the native identifier is known (Bluesky: the DID, which "
            "is asked for where a Bluesky was crawled), and what lies in closed epochs is nobody's any more."
        )
    say(answer, as_json, words)
    if unresolved:
        raise typer.Exit(8)


def _chosen(work: Workspace, asked: list[str] | None) -> list[str]:
    """The platforms that were asked, or all that are known here: listened to, or kept. Raises InputError."""
    known = sorted({*platforms(), *IMPORTED, *known_sources(work)})
    for one in asked or ():
        if one not in known:
            raise InputError(f"--source {one}: no such platform here; known ones: {', '.join(known)}")
    return asked or known


def _names(work: Workspace, source: str, handle: str, unresolved: list[str]) -> list[str]:
    """What may name this author in what came from a platform: the handle, and the native id where it can be learnt."""
    # Scrapy takes a second to import, which the other commands are spared.
    from crawlers.bluesky.spider import BlueskySource

    names = [handle, handle.lstrip("@")]
    # Events of Bluesky only have DIDs. Nothing is asked of anybody for a home that never crawled it.
    crawled = [one for one in read_sources(work.settings.home).values() if work.spool.cursor(place(one))]
    for one in crawled:
        if source == one.platform and isinstance(one, BlueskySource):
            try:
                names.append(resolve(handle, one.appview, f"Polyphonie (+{work.settings.crawl.contact})"))
            except InputError as error:
                unresolved.append(f"{one.name}: {error}")
    return list(dict.fromkeys(names))


def _tokens(work: Workspace, source: str, names: Sequence[str]) -> list[str]:
    epochs = work.keys.open_epochs()
    authors = [work.keys.author(source, name, epoch) for name in names for epoch in epochs]
    return authors + [work.keys.handle(source, name, epoch) for name in names for epoch in epochs]


def _deletion(work: Workspace, gone: str) -> Envelope:
    now = datetime.now(UTC)
    return Envelope(
        id=record_id("deletion", gone),
        source="forget",
        epoch=epoch_of(now, work.keys.epoch_days),
        deletion=Deletion(id=gone, source="forget", received_at=now),
    )


def known_sources(work: Workspace) -> list[str]:
    """Every source of which something was ever kept."""
    buckets = work.engine.aggregate("posts", {"s": {"terms": {"field": "source", "size": 1000}}})["s"]["buckets"]
    votes = work.engine.aggregate("positions", {"s": {"terms": {"field": "source", "size": 1000}}})["s"]["buckets"]
    return sorted({bucket["key"] for bucket in (*buckets, *votes)} | set(work.spool.item_sources()))


def erase(work: Workspace, ids: Sequence[str]) -> int:
    """Remove posts or votes by id from spool, index, labels and NLP stores, and from the archive at the next `tidy`.

    Returns how many ids were asked.
    """
    if not ids:
        return 0
    proposals: list[str] = []
    for start in range(0, len(ids), BATCH):
        some = list(ids[start : start + BATCH])
        put_forward = Where(terms={"post": some})
        proposals += [proposal["id"] for proposal in work.engine.scan("proposals", put_forward)]
        work.engine.delete("posts", some)
        work.engine.delete_where("positions", put_forward)
        work.engine.delete_where("proposals", put_forward)
    work.spool.mark_untidy([*ids, *proposals], gone=True)
    work.folds.erase(ids)
    work.verdicts.erase(ids)
    if (kept := labels_path(work.settings.home)).exists():
        with LabelStore(kept) as labels:
            labels.erase(ids)
    # Last, because the spool is what a second try would find them by.
    work.spool.erase(ids)
    return len(ids)


def tidy(work: Workspace) -> None:
    """Rewrite the archive without what was deleted or reworded, and let deleted text leave the disk."""
    untidy = work.spool.untidy()
    if untidy:
        work.archive.erase(set(untidy))
        kept = [one for one, gone in untidy.items() if not gone]
        for start in range(0, len(kept), BATCH):
            some = kept[start : start + BATCH]
            posts = [documents.post_from(found) for found in work.engine.get("posts", some).values()]
            positions = map(documents.position_from, work.engine.scan("positions", Where(terms={"post": some})))
            proposals = map(documents.proposal_from, work.engine.scan("proposals", Where(terms={"post": some})))
            work.archive.append([*proposals, *posts, *positions])
        work.spool.tidied(untidy)
    work.spool.flush()
    work.engine.purge()
