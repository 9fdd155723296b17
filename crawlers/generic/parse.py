"""A row of a described file becomes native records."""

from collections.abc import Iterator

from crawlers.generic.payload import Entry
from crawlers.text import addresses, plain_text
from polyphonie.errors import PayloadError
from polyphonie.native import Native, NativeDeletion, NativePost, NativeProposal, NativeVote
from polyphonie.records import Kind


def parse(entry: Entry) -> Iterator[Native]:
    """One record. Raises PayloadError where its kind needs what the row does not have."""
    match entry.kind:
        case "deletion":
            yield NativeDeletion(source=entry.source, uri=entry.id)
        case "vote":
            if not entry.proposal or not entry.stance:
                raise PayloadError("a vote without its proposal or its side")
            yield NativeVote(
                source=entry.source,
                uri=entry.id,
                proposal=entry.proposal,
                stance=entry.stance,
                created_at=entry.created_at,
                author=entry.author,
                handle=entry.handle,
                trust_date=entry.trust_date,
            )
        case "proposal":
            if not entry.title:
                raise PayloadError("a proposal without a title")
            yield NativeProposal(
                source=entry.source,
                uri=entry.id,
                title=plain_text(entry.title),
                body=plain_text(entry.text),
                section=plain_text(entry.section),
                created_at=entry.created_at,
                author=entry.author,
                handle=entry.handle,
                names=entry.names,
            )
        case _:
            yield _post(entry)


def _post(entry: Entry) -> NativePost:
    kind = Kind(entry.kind)
    if kind in (Kind.REPOST, Kind.QUOTE) and not entry.parent:
        raise PayloadError(f"a {kind} without a parent")
    if kind is not Kind.REPOST and not (entry.text or entry.title):
        raise PayloadError("no text")
    return NativePost(
        source=entry.source,
        uri=entry.id,
        kind=Kind.REPLY if kind is Kind.POST and entry.parent else kind,
        title=plain_text(entry.title),
        text=plain_text(entry.text),
        created_at=entry.created_at,
        author=entry.author,
        handle=entry.handle,
        names=entry.names,
        reply_to=entry.parent if kind in (Kind.POST, Kind.REPLY, Kind.ARGUMENT) else None,
        repost_of=entry.parent if kind is Kind.REPOST else None,
        quote_of=entry.parent if kind is Kind.QUOTE else None,
        urls=tuple(dict.fromkeys((*entry.urls, *addresses(entry.text)))),
        hashtags=entry.hashtags,
        proposal=entry.proposal,
        stance=entry.stance,
        trust_date=entry.trust_date,
    )
