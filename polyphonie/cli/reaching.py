"""How far posts reach: what is counted after they were indexed comes to their documents, and to their positions'."""

from collections.abc import Mapping, Sequence

from index import documents
from index.engine import Document, Where
from polyphonie.cli.workspace import Workspace
from polyphonie.endorsements import Stir
from polyphonie.records import Endorsement, Post, Reach

PAGE = 500
PAGES = 20  # in one round: a stream may stir posts as fast as they are settled
# A quote is a message of its own: it has a reach, it gives none.
COUNTERS = {"replies": Endorsement.REPLY, "reposts": Endorsement.REPOST, "likes": Endorsement.LIKE}


def settle(work: Workspace) -> int:
    """Give the posts of the index the reach that was counted since; returns how many changed.

    A counter is what its source told or what we counted, whichever is more. A post that is not indexed yet stays
    restless; one that has expired is forgotten. Doing it twice changes nothing.
    """
    journal, changed, last = work.spool.journal, 0, 0
    for _ in range(PAGES):
        stirs = journal.restless(PAGE, after=last)
        if not stirs:
            break
        last = stirs[-1].seq
        found = work.engine.get("posts", [stir.post for stir in stirs])
        here = [stir for stir in stirs if stir.post in found]
        changed += _settle_indexed(work, here, found)
        journal.settled(here)
        absent = [stir.post for stir in stirs if stir.post not in found]
        journal.expired(set(absent) - work.spool.unfinished(absent))
    return changed


def retell(work: Workspace, posts: Sequence[Post]) -> None:
    """These posts were indexed with what their source tells; what was counted of them must come on top again."""
    journal = work.spool.journal
    stirred = journal.stir(post.id for post in posts)
    journal.told({post.id: _told(post.reach) for post in posts if post.id in stirred})


def forget_expired(work: Workspace) -> None:
    """Counts of posts that are neither in the index nor on their way to it go."""
    last = ""
    while posts := work.spool.journal.reached(PAGE, after=last):
        last = posts[-1]
        absent = sorted(set(posts) - work.engine.get("posts", posts).keys())
        work.spool.journal.expired(set(absent) - work.spool.unfinished(absent))


def _settle_indexed(work: Workspace, stirs: Sequence[Stir], found: Mapping[str, Document]) -> int:
    indexed = {stir.post: documents.post_from(found[stir.post]) for stir in stirs}
    # Until it is settled for the first time, the index has what the source told.
    untold = {stir.post: _told(indexed[stir.post].reach) for stir in stirs if len(stir.told) < len(COUNTERS)}
    work.spool.journal.told(untold)
    reaches = {stir.post: _reach(stir.counted, untold.get(stir.post, stir.told)) for stir in stirs}
    posts = [
        post.model_copy(update={"reach": reaches[post.id]})
        for post in indexed.values()
        if post.reach != reaches[post.id]
    ]
    if not posts:
        return 0
    totals = {post.id: post.reach.total for post in posts}
    positions = list(work.engine.scan("positions", Where(terms={"post": sorted(totals)})))
    # The posts come last: should this stop before, they are found unchanged and all is done again.
    work.engine.write("positions", [one | {"reach": totals[one["post"]]} for one in positions])
    work.archive.append(posts)
    work.spool.mark_untidy(totals, gone=False)
    work.engine.write("posts", [documents.post_document(post, found[post.id]["proposals"]) for post in posts])
    return len(posts)


def _told(reach: Reach) -> dict[str, int]:
    return {kind: getattr(reach, counter) for counter, kind in COUNTERS.items()}


def _reach(counted: Mapping[str, int], told: Mapping[str, int]) -> Reach:
    return Reach(**{counter: max(counted.get(kind, 0), told.get(kind, 0)) for counter, kind in COUNTERS.items()})
