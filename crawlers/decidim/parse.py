"""Decidim: a proposal or a comment becomes native records."""

from collections.abc import Iterator

from crawlers.decidim.payload import Comment, Proposal
from crawlers.text import addresses, plain_text
from polyphonie.native import Native, NativeDeletion, NativePost, NativeProposal
from polyphonie.records import Kind, Stance

SOURCE = "decidim"
ALIGNMENTS = {-1: Stance.AGAINST, 0: Stance.UNCLEAR, 1: Stance.FAVOUR}


def parse(payload: Proposal | Comment) -> Iterator[Native]:
    """One record. Only a comment on the proposal itself declares a side: answers to comments have no button for it."""
    match payload:
        case Proposal(gone=True):
            yield NativeDeletion(source=SOURCE, uri=_name(payload.site, "proposal", payload.id))
        case Comment(gone=True):
            yield NativeDeletion(source=SOURCE, uri=_name(payload.site, "comment", payload.id))
        case Proposal():
            yield NativeProposal(
                source=SOURCE,
                uri=_name(payload.site, "proposal", payload.id),
                title=plain_text(payload.title),
                body=plain_text(payload.body),
                section=plain_text(payload.section),
                created_at=payload.created_at,
                author=_author(payload),
                names=payload.names,
            )
        case Comment():
            yield _post(payload)


def _post(comment: Comment) -> NativePost:
    answer = comment.depth > 0 or comment.parent is not None
    proposal = _name(comment.site, "proposal", comment.proposal) if comment.proposal else None
    return NativePost(
        source=SOURCE,
        uri=_name(comment.site, "comment", comment.id),
        kind=Kind.REPLY if answer else Kind.ARGUMENT if proposal else Kind.POST,
        text=plain_text(comment.body),
        created_at=comment.created_at,
        author=_author(comment),
        names=comment.names,
        reply_to=_name(comment.site, "comment", comment.parent) if comment.parent else None,
        urls=addresses(comment.body),
        proposal=proposal,
        stance=ALIGNMENTS[comment.alignment] if proposal and not answer else None,
        trust_date=True,
    )


def _author(payload: Proposal | Comment) -> str | None:
    return f"{payload.site}:{payload.author}" if payload.author else None


def _name(site: str, kind: str, number: str) -> str:
    return f"{site}:{kind}:{number}"
