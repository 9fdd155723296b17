"""Remakes the collections from the raw archive, after a change of schema or a loss."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from index.archive import Archive
from index.documents import position_document, post_document, post_from, proposal_document, tally_document
from index.engine import Collection, Engine
from polyphonie.records import Position, Post, Proposal

BATCH = 5_000  # records written together
REMADE: tuple[Collection, ...] = ("posts", "positions", "proposals")

Progress = Callable[[int], None]
AnyRecord = TypeVar("AnyRecord")


def rebuild(engine: Engine, archive: Archive, progress: Progress | None = None) -> dict[Collection, int]:
    """Empty `posts`, `positions` and `proposals` and refill them; returns how many documents each collection holds.

    The archive is read twice, because a position holds the text of its post, which may come after it. Tallies that the
    archive kept (`Archive.keep_tallies`) and the index lost come back; those that the index has stay, as topics do.
    What is recent must then be measured again.
    progress: called with the number of records done so far.
    """
    for collection in REMADE:
        engine.drop(collection)
    done = 0
    proposals: dict[str, Proposal] = {}

    def report(more: int) -> None:
        nonlocal done
        done += more
        if progress:
            progress(done)

    for batch in _batches(record for record in archive.replay() if not isinstance(record, Position)):
        engine.write("posts", (post_document(record) for record in batch if isinstance(record, Post)))
        fresh = [record for record in batch if isinstance(record, Proposal)]
        engine.write("proposals", map(proposal_document, fresh))
        proposals |= {proposal.id: proposal for proposal in fresh}
        report(len(batch))
    for positions in _batches(record for record in archive.replay() if isinstance(record, Position)):
        _write_positions(engine, positions, proposals)
        report(len(positions))
    for tallies in _batches(archive.tallies()):
        known = engine.get("tallies", [one.id for one in tallies])
        engine.write("tallies", (tally_document(one) for one in tallies if one.id not in known))
        report(len(tallies))
    return {collection: engine.count(collection) for collection in (*REMADE, "tallies")}


def _write_positions(engine: Engine, positions: list[Position], proposals: dict[str, Proposal]) -> None:
    """Write positions with their posts inside, and their proposals into the posts."""
    found = engine.get("posts", list({position.post for position in positions}))
    posts = {key: post_from(document) for key, document in found.items()}
    for position in positions:
        if position.post in found:
            found[position.post]["proposals"] = sorted({*found[position.post]["proposals"], position.proposal})
    engine.write("posts", found.values())
    engine.write(
        "positions",
        (position_document(one, posts.get(one.post), proposals.get(one.proposal)) for one in positions),
    )


def _batches(records: Iterable[AnyRecord]) -> Iterator[list[AnyRecord]]:
    remaining = iter(records)
    while batch := list(islice(remaining, BATCH)):
        yield batch
