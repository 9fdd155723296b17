"""Frames of both protocols come to the same event; what cannot be one is refused without being quoted."""

import json

import pytest

from crawlers.bluesky.frames import StreamError, told
from crawlers.bluesky.place import Place
from crawlers.bluesky.resync import Unreachable, _safe
from crawlers.bluesky.window import Window
from polyphonie.errors import PayloadError

DID = "did:plc:inventee"
V2 = "network.bsky.jetstream.subscribeEvents"
COMMIT = {"rev": "r", "operation": "create", "collection": "app.bsky.feed.post", "rkey": "3k", "record": {"text": "a"}}
V1_EVENT = {"did": DID, "time_us": 1_725_911_162_329_308, "kind": "commit", "commit": COMMIT}


def v2(kind, **payload):
    shared = {"seq": 12, "did": DID, "time": "2024-09-09T19:46:02.329308Z"}
    return json.dumps({"$type": "message", "payload": {"$type": f"{V2}#{kind}", **shared, **payload}})


def test_both_protocols_tell_the_same():
    first, second = told(json.dumps(V1_EVENT)), told(v2("commit", **COMMIT))
    assert (first.time_us, first.seq) == (V1_EVENT["time_us"], None)
    assert (second.time_us, second.seq) == (V1_EVENT["time_us"], 12)
    assert {**second.event, "commit": {key: second.event["commit"][key] for key in COMMIT}} == first.event


@pytest.mark.parametrize("kind", ["account", "identity", "sync"])
def test_what_v2_wraps_is_found(kind):
    assert told(v2(kind, **{kind: {"did": DID, "seq": 3}})).event[kind] == {"did": DID, "seq": 3}


@pytest.mark.parametrize(
    ("frame", "unknown"),
    [
        (json.dumps(V1_EVENT), ()),
        (json.dumps(V1_EVENT | {"cursor": 3, "novelty": 1}), ("novelty",)),
        (json.dumps(V1_EVENT | {"commit": COMMIT | {"prevRev": "q"}}), ("commit.prevRev",)),
        (v2("commit", **COMMIT), ()),
        (v2("commit", **COMMIT, prevRev="q"), ("commit.prevRev",)),
        (v2("account", account={"active": True, "novelty": 1}), ("account.account.novelty",)),
    ],
)
def test_fields_that_the_format_does_not_have_are_named(frame, unknown):
    assert told(frame).unknown == unknown


def test_what_the_server_says_of_the_stream():
    assert told(v2("info", name="OutdatedCursor")).advice == "OutdatedCursor"
    with pytest.raises(StreamError, match="ConsumerTooSlow"):
        told(json.dumps({"$type": "error", "error": "ConsumerTooSlow"}))


@pytest.mark.parametrize("frame", [v2("novelty"), '{"$type": "novelty"}', '{"$type": "message", "payload": 3}'])
def test_a_newer_kind_of_frame_is_passed_over(frame):
    assert told(frame) is None


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "[]",
        "{}",
        '{"did": 3, "time_us": 1}',
        '{"did": "x"}',
        "[" * 100_000,
        v2("commit", time="hier"),
        v2("sync", seq="a"),
    ],
)
def test_what_is_no_event_is_refused(frame):
    with pytest.raises(PayloadError):
        told(frame)


def test_a_sequence_number_counts_at_its_server_only():
    place = Place(1_795_000_000_000_000, 77, "wss://one")
    assert place.cursor("wss://one", "v2") == 77
    assert place.cursor("wss://two", "v2") == place.cursor("wss://one", "v1") == 1_794_999_995_000_000
    assert Place.of(place.stored(5)) == place
    assert Place.of({}) is None


def test_the_window_knows_what_it_heard_and_forgets_it_in_time():
    window = Window()
    second = {**V1_EVENT, "commit": COMMIT | {"rev": "s"}}
    assert [window.fresh(one, 10) for one in (V1_EVENT, V1_EVENT, second)] == [True, False, True]
    for number in range(100):
        window.fresh({**V1_EVENT, "commit": COMMIT | {"rkey": str(number)}}, 10 + number * 1_000_000)
    assert len(window) <= 12


@pytest.mark.parametrize(
    "address",
    ["http://pds.test", "https://127.0.0.1", "https://[::1]", "https://10.0.0.1", "https://pds", "https://pds.local",
     "https://pds.test:8443", "https://user@pds.test", "file:///etc/passwd", "http://127.0.0.1:80"],
)  # fmt: skip
def test_an_account_cannot_send_us_to_a_private_address(address):
    with pytest.raises(Unreachable):
        _safe(address, "https://plc.test")


def test_public_servers_are_asked():
    assert _safe("https://pds.example.test/", "https://plc.test") == "https://pds.example.test"
