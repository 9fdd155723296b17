"""Bluesky: one event of the Jetstream becomes native records."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from crawlers.bluesky.payload import (
    LIKE,
    POST,
    PROFILE,
    REPOST,
    SIGNED_IN_ONLY,
    Commit,
    Event,
    Like,
    Post,
    Profile,
    Repost,
)
from crawlers.moments import instant
from crawlers.text import tidy
from polyphonie.errors import PayloadError
from polyphonie.native import Native, NativeAccountGone, NativeDeletion, NativeLike, NativePost
from polyphonie.records import Kind

SOURCE = "bluesky"
FIRST_POST = datetime(2022, 11, 17, tzinfo=UTC)  # the network's first posts; earlier dates are copies of old messages
CLOCK_DRIFT = timedelta(minutes=10)
# A relay that lags behind an account also calls it inactive; its owner asked nothing.
STILL_THERE = ("desynchronized", "throttled")


def parse(event: Event, handle: str | None = None) -> Iterator[Native]:
    """A post, a repost, a like, a deletion, or an account that is gone; nothing for what says nothing of these.

    handle: of the author, where an earlier event about this identity told it (see `known_handle`).

    Raises PayloadError for a record that its collection does not allow.
    """
    commit = event.commit
    if event.kind == "account" and event.account:
        if not event.account.active and event.account.status not in STILL_THERE:
            yield NativeAccountGone(source=SOURCE, author=event.did)
    elif event.kind != "commit" or commit is None:
        return
    elif commit.collection == PROFILE:
        if signed_in_only(event):
            yield NativeAccountGone(source=SOURCE, author=event.did)
    elif commit.collection in (POST, REPOST, LIKE):
        yield _message(event, commit, handle)


def signed_in_only(event: Event) -> bool | None:
    """Whether the account asks not to be shown to logged-out visitors, as its own profile record says.

    None where the event is no profile record, or one that cannot be read.
    """
    commit = event.commit
    if commit is None or commit.collection != PROFILE or commit.operation == "delete":
        return None
    try:
        labels = Profile.read(_record(commit)).labels
    except PayloadError:
        return None
    return labels is not None and any(label.val == SIGNED_IN_ONLY for label in labels.values)


def known_handle(event: Event) -> str | None:
    """The handle that an event about an identity gives to its DID; None in a commit, which only has the DID."""
    return event.identity.handle if event.identity else None


def _message(event: Event, commit: Commit, handle: str | None) -> Native:
    uri = f"at://{event.did}/{commit.collection}/{commit.rkey}"
    if commit.operation == "delete":
        return NativeDeletion(source=SOURCE, uri=uri)
    if commit.collection == POST:
        return replace(_post(event, uri, Post.read(_record(commit))), handle=handle)
    if commit.collection == REPOST:
        return replace(_repost(event, uri, Repost.read(_record(commit))), handle=handle)
    like = Like.read(_record(commit))
    return NativeLike(
        source=SOURCE,
        uri=uri,
        of=like.subject.uri,
        created_at=_dated(event, like.created_at)[0],
        author=event.did,
        towards=owner(like.subject.uri),
    )


def owner(uri: str) -> str | None:
    """The DID in an at:// address; None where a handle stands in its place."""
    did = uri.removeprefix("at://").split("/", 1)[0]
    return did if did.startswith("did:") else None


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
    answered = post.reply.parent.uri if post.reply else None
    return NativePost(
        source=SOURCE,
        uri=uri,
        kind=Kind.REPLY if post.reply else Kind.QUOTE if quoted else Kind.POST,
        text=tidy(post.text),
        created_at=created_at,
        author=event.did,
        reply_to=answered,
        quote_of=quoted,
        towards=owner(answered or quoted or ""),
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
        towards=owner(repost.subject.uri),
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
