"""Bluesky: one event of the Jetstream becomes native records."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crawlers.bluesky.payload import POST, REPOST, Commit, Event, Post, Repost
from crawlers.moments import instant
from crawlers.text import tidy
from polyphonie.errors import PayloadError
from polyphonie.native import Native, NativeDeletion, NativePost
from polyphonie.records import Kind

SOURCE = "bluesky"
FIRST_POST = datetime(2022, 11, 17, tzinfo=UTC)  # the network's first posts; earlier dates are copies of old messages
CLOCK_DRIFT = timedelta(minutes=10)


def parse(event: Event, handle: str | None = None) -> Iterator[Native]:
    """A post, a repost or a deletion; nothing for other collections and for events about accounts.

    handle: of the author, where an earlier event about this identity told it (see `known_handle`).

    Raises PayloadError for a record that its collection does not allow.
    """
    commit = event.commit
    if event.kind != "commit" or commit is None or commit.collection not in (POST, REPOST):
        return
    uri = f"at://{event.did}/{commit.collection}/{commit.rkey}"
    if commit.operation == "delete":
        yield NativeDeletion(source=SOURCE, uri=uri)
    elif commit.collection == POST:
        yield replace(_post(event, uri, Post.read(_record(commit))), handle=handle)
    else:
        yield replace(_repost(event, uri, Repost.read(_record(commit))), handle=handle)


def known_handle(event: Event) -> str | None:
    """The handle that an event about an identity gives to its DID; None in a commit, which only has the DID."""
    return event.identity.handle if event.identity else None


def _record(commit: Commit) -> dict[str, object]:
    if commit.record is None:
        raise PayloadError("commit.record: missing")
    return commit.record


def _post(event: Event, uri: str, post: Post) -> NativePost:
    created_at, flags = _dated(event, post.created_at)
    features = [feature for facet in post.facets for feature in facet.features]
    links = [feature.uri for feature in features if feature.type.endswith("#link")]
    tags = [feature.tag for feature in features if feature.type.endswith("#tag")]
    quoted = _quoted(post)
    return NativePost(
        source=SOURCE,
        uri=uri,
        kind=Kind.REPLY if post.reply else Kind.QUOTE if quoted else Kind.POST,
        text=tidy(post.text),
        created_at=created_at,
        author=event.did,
        reply_to=post.reply.parent.uri if post.reply else None,
        quote_of=quoted,
        urls=tuple(dict.fromkeys(filter(None, (*links, _card(post))))),
        hashtags=tuple(dict.fromkeys(filter(None, (*tags, *post.tags)))),
        flags=flags,
    )


def _repost(event: Event, uri: str, repost: Repost) -> NativePost:
    created_at, flags = _dated(event, repost.created_at)
    return NativePost(
        source=SOURCE,
        uri=uri,
        kind=Kind.REPOST,
        text="",
        created_at=created_at,
        author=event.did,
        repost_of=repost.subject.uri,
        flags=flags,
    )


def _quoted(post: Post) -> str | None:
    # Lists, feeds and starter packs are embedded the same way; only a post is quoted.
    record = post.embed.record if post.embed else None
    return record.uri if record and f"/{POST}/" in record.uri else None


def _card(post: Post) -> str:
    for embed in (post.embed, post.embed.media if post.embed else None):
        if embed and embed.external:
            return embed.external.uri
    return ""


def _dated(event: Event, claimed: str) -> tuple[datetime, tuple[str, ...]]:
    """When it was written, as its author claims; where that cannot be, when the Jetstream saw it, and a flag."""
    seen = datetime.fromtimestamp(event.time_us / 1_000_000, UTC)
    try:
        created_at = instant(claimed)
    except PayloadError:
        return seen, ("impossible_date",)
    if FIRST_POST <= created_at <= seen + CLOCK_DRIFT:
        return created_at, ()
    return seen, ("impossible_date",)
