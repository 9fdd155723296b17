"""Cap Collectif: a proposal, an argument or a vote becomes native records."""

from collections.abc import Iterator

from crawlers.capcollectif.payload import Argument, Opinion, Vote
from crawlers.text import addresses, plain_text
from polyphonie.native import Native, NativeDeletion, NativePost, NativeProposal, NativeVote
from polyphonie.records import Kind, Reach, Stance

SOURCE = "capcollectif"
SIDES = {"FOR": Stance.FAVOUR, "AGAINST": Stance.AGAINST}
VOTES = {"YES": Stance.FAVOUR, "NO": Stance.AGAINST, "MITIGE": Stance.UNCLEAR}


def parse(payload: Opinion | Argument | Vote) -> Iterator[Native]:
    """One record: what is hidden on the platform is a deletion, so that a later export erases what an earlier gave."""
    match payload:
        case Vote():
            yield NativeVote(
                source=SOURCE,
                uri=f"{payload.proposal}/{payload.id}",  # votes are numbered on each platform anew
                proposal=payload.proposal,
                stance=VOTES[payload.value],
                created_at=payload.created_at,
                author=payload.author,
            )
        case Opinion(hidden=True) | Argument(hidden=True):
            yield NativeDeletion(source=SOURCE, uri=payload.id)
        case Opinion():
            yield NativeProposal(
                source=SOURCE,
                uri=payload.id,
                title=plain_text(payload.title),
                body=plain_text(payload.body),
                section=plain_text(payload.section),
                created_at=payload.created_at,
                author=payload.author,
            )
        case Argument():
            yield NativePost(
                source=SOURCE,
                uri=payload.id,
                kind=Kind.ARGUMENT,
                text=plain_text(payload.body),
                created_at=payload.created_at,
                author=payload.author,
                urls=addresses(payload.body),
                reach=Reach(likes=payload.likes),
                flags=tuple(flag for flag, on in _flags(payload) if on),
                proposal=payload.proposal,
                stance=SIDES[payload.side],
                trust_date=True,
            )


def _flags(payload: Argument) -> tuple[tuple[str, bool], ...]:
    return ("trashed", payload.trashed), ("repaired", bool(payload.repairs))
