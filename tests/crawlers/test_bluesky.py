"""Bluesky: events of the Jetstream, around invented and recorded posts."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.bluesky.parse import known_handle, parse, signed_in_only
from crawlers.bluesky.payload import Event
from polyphonie.errors import PayloadError
from polyphonie.native import NativeAccountGone, NativeDeletion, NativeLike, NativePost
from polyphonie.records import Kind

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures" / "bluesky"
DID = "did:plc:inventee"
SEEN = datetime(2024, 3, 1, 10, 0, 5, tzinfo=UTC)


def event(record=None, operation="create", collection="app.bsky.feed.post", **changed):
    commit = {"rev": "r", "operation": operation, "collection": collection, "rkey": "3k", "cid": "c"}
    if record is not None:
        commit["record"] = record
    return {"did": DID, "time_us": int(SEEN.timestamp() * 1_000_000), "kind": "commit", "commit": commit} | changed


def post(**changed):
    return {"$type": "app.bsky.feed.post", "text": "Oui au bus", "createdAt": "2024-03-01T10:00:00.000Z"} | changed


def only(native):
    (found,) = parse(Event.read(native))
    assert isinstance(found, NativePost)
    return found


def test_a_post():
    features = [
        {"$type": "app.bsky.richtext.facet#link", "uri": "https://exemple.fr/bus"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "bus"},
        {"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:autre"},
    ]
    card = {"$type": "app.bsky.embed.external", "external": {"uri": "https://exemple.fr/carte", "title": "t"}}
    facets = [{"index": {"byteStart": 0, "byteEnd": 3}, "features": features}]
    native = only(event(post(facets=facets, embed=card, tags=["transport"], langs=["ja"])))
    assert (native.kind, native.text, native.uri) == (Kind.POST, "Oui au bus", f"at://{DID}/app.bsky.feed.post/3k")
    assert native.urls == ("https://exemple.fr/bus", "https://exemple.fr/carte")
    assert (native.hashtags, native.author, native.flags) == (("bus", "transport"), DID, ())
    assert native.created_at == datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_a_handle_is_known_from_an_event_about_the_identity_only():
    told = {"did": DID, "time_us": 1, "kind": "identity", "identity": {"did": DID, "handle": "inventee.test"}}
    handle = known_handle(Event.read(told))
    (native,) = parse(Event.read(event(post())), handle)
    assert isinstance(native, NativePost)
    assert (native.handle, handle) == ("inventee.test", "inventee.test")
    assert only(event(post())).handle is None
    assert "inventee" not in repr(Event.read(told))


def test_an_update_keeps_its_name():
    assert only(event(post())).uri == only(event(post(text="Non"), operation="update")).uri


QUOTED = {"uri": "at://did:plc:autre/app.bsky.feed.post/1", "cid": "c"}


@pytest.mark.parametrize(
    ("changed", "kind", "quoted"),
    [
        ({"embed": {"$type": "app.bsky.embed.record", "record": QUOTED}}, Kind.QUOTE, QUOTED["uri"]),
        ({"embed": {"$type": "x", "record": {"record": QUOTED}, "media": {"$type": "y"}}}, Kind.QUOTE, QUOTED["uri"]),
        ({"embed": {"record": {"uri": "at://did:plc:autre/app.bsky.graph.list/1"}}}, Kind.POST, None),
        ({"reply": {"parent": QUOTED, "root": QUOTED}}, Kind.REPLY, None),
        ({"reply": {"parent": QUOTED}, "embed": {"record": QUOTED}}, Kind.REPLY, QUOTED["uri"]),
    ],
)
def test_quotes_and_replies(changed, kind, quoted):
    native = only(event(post(**changed)))
    assert (native.kind, native.quote_of) == (kind, quoted)
    assert native.reply_to == (QUOTED["uri"] if "reply" in changed else None)


def test_a_card_beside_a_quote():
    embed = {"record": {"record": QUOTED}, "media": {"external": {"uri": "https://exemple.fr"}}}
    assert only(event(post(embed=embed))).urls == ("https://exemple.fr",)


def test_a_repost():
    record = {"subject": QUOTED, "createdAt": "2024-03-01T10:00:00Z"}
    native = only(event(record, collection="app.bsky.feed.repost"))
    assert (native.kind, native.repost_of, native.text) == (Kind.REPOST, QUOTED["uri"], "")
    assert native.uri == f"at://{DID}/app.bsky.feed.repost/3k"


@pytest.mark.parametrize("collection", ["app.bsky.feed.post", "app.bsky.feed.repost"])
def test_a_deletion(collection):
    (native,) = parse(Event.read(event(operation="delete", collection=collection)))
    assert native == NativeDeletion(source="bluesky", uri=f"at://{DID}/{collection}/3k")


@pytest.mark.parametrize(
    "native",
    [
        event({"subject": DID}, collection="app.bsky.graph.follow"),
        event({"displayName": "Camille"}, collection="app.bsky.actor.profile", operation="update"),
        event(operation="delete", collection="app.bsky.actor.profile"),
        {"did": DID, "time_us": 1, "kind": "account", "account": {"active": True}},
        {"did": DID, "time_us": 1, "kind": "account", "account": {"active": False, "status": "throttled"}},
        {"did": DID, "time_us": 1, "kind": "sync", "sync": {"did": DID, "rev": "r"}},
        {"did": DID, "time_us": 1, "kind": "identity", "identity": {"handle": "inventee.test"}},
    ],
)
def test_what_says_nothing_here(native):
    assert list(parse(Event.read(native))) == []


def test_a_like():
    record = {"subject": QUOTED, "createdAt": "2024-03-01T10:00:00Z"}
    (native,) = parse(Event.read(event(record, collection="app.bsky.feed.like")))
    assert isinstance(native, NativeLike)
    assert (native.of, native.towards, native.author) == (QUOTED["uri"], "did:plc:autre", DID)
    assert native.uri == f"at://{DID}/app.bsky.feed.like/3k"


@pytest.mark.parametrize("status", ["deleted", "takendown", "suspended", "deactivated", None, "something new"])
def test_an_account_that_is_not_active_is_gone(status):
    told = {"active": False, "did": DID, "status": status}
    gone = list(parse(Event.read({"did": DID, "time_us": 1, "kind": "account", "account": told})))
    assert gone == [NativeAccountGone(source="bluesky", author=DID)]


def test_who_asks_not_to_be_shown_to_strangers_is_gone():
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}
    told = Event.read(event({"labels": labels}, collection="app.bsky.actor.profile", operation="update"))
    assert list(parse(told)) == [NativeAccountGone(source="bluesky", author=DID)]
    assert signed_in_only(told) is True


def test_whose_label_cannot_be_read_is_unknown():
    assert signed_in_only(Event.read(event({"labels": [1]}, collection="app.bsky.actor.profile"))) is None
    assert signed_in_only(Event.read(event({}, collection="app.bsky.actor.profile"))) is False


@pytest.mark.parametrize(
    ("changed", "author"),
    [
        ({"reply": {"parent": QUOTED}}, "did:plc:autre"),
        ({"embed": {"record": QUOTED}}, "did:plc:autre"),
        ({"reply": {"parent": {"uri": "at://une.autre/app.bsky.feed.post/1"}}}, None),
        ({}, None),
    ],
)
def test_whose_message_is_answered_or_quoted(changed, author):
    assert only(event(post(**changed))).towards == author


@pytest.mark.parametrize(
    "claimed",
    ["2011-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-03-01T10:30:00Z", "0000-00-00", "", "2024-03-01T10:00:00"],
)
def test_an_impossible_date_is_replaced_and_flagged(claimed):
    native = only(event(post(createdAt=claimed)))
    assert (native.created_at, native.flags) == (SEEN, ("impossible_date",))


@pytest.mark.parametrize(
    ("native", "message"),
    [
        (event(), "commit.record: missing"),
        (event({"createdAt": "2024-03-01T10:00:00Z"}), "text: missing"),
        (event({"createdAt": ""}, collection="app.bsky.feed.repost"), "subject: missing"),
        (event(post(), did="Camille"), "did: string pattern mismatch"),
        (event(post(), time_us=10**20), "time_us: less than"),
        (event(post(), operation="burn"), "commit.operation: literal error"),
    ],
)
def test_a_bad_event_names_its_field_only(native, message):
    with pytest.raises(PayloadError) as refused:
        list(parse(Event.read(native)))
    assert str(refused.value) == message


def records(found):
    if isinstance(found, dict):
        if found.get("$type") == "app.bsky.feed.post" and "text" in found:
            yield found
        for value in found.values():
            yield from records(value)
    elif isinstance(found, list):
        for value in found:
            yield from records(value)


@pytest.mark.skipif(not FIXTURES.exists(), reason="no fixtures (recorded answers) beside this checkout")
def test_recorded_posts_are_read_without_showing_them():
    recorded = [one for path in FIXTURES.glob("*.json") for one in records(json.loads(path.read_text("utf-8")))]
    assert len(recorded) > 200
    kinds = {only(event(one)).kind for one in recorded}
    assert kinds == {Kind.POST, Kind.REPLY, Kind.QUOTE}
    for one in recorded:
        read = Event.read(event(one))
        shown = repr(read) + repr(list(parse(read)))
        assert DID not in shown
        assert not one["text"] or repr(one["text"]) not in shown
