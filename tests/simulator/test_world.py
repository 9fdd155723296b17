"""The simulated world is the same each time, speaks like the platforms, and is made of what was asked for."""

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from crawlers.bluesky.parse import parse as parse_bluesky
from crawlers.bluesky.payload import Event
from crawlers.decidim.parse import parse as parse_decidim
from crawlers.decidim.payload import read as read_decidim
from crawlers.mastodon.parse import parse as parse_mastodon
from crawlers.mastodon.payload import Status
from polyphonie.native import NativeDeletion, NativePost, NativeProposal
from simulator.world import World

UNTIL = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)
POSTS = 4_000


@pytest.fixture(scope="module")
def world():
    return World(seed=7, posts=POSTS, until=UNTIL)


@pytest.fixture(scope="module")
def emissions(world):
    return list(world.payloads())


@pytest.fixture(scope="module")
def delivered(emissions):
    """Each emission with what its parser makes of it."""
    return [(emission, natives(emission)) for emission in emissions]


def natives(emission):
    match emission.source:
        case "mastodon":
            return list(parse_mastodon(Status.read(emission.payload), "agora.example"))
        case "bluesky":
            return list(parse_bluesky(Event.read(emission.payload)))
        case "decidim":
            return list(parse_decidim(read_decidim(emission.payload)))


def fingerprint(world):
    return [(e.source, e.at, json.dumps(e.payload, sort_keys=True)) for e in world.payloads()]


def test_a_world_is_the_same_each_time_and_another_seed_is_another_world():
    first = fingerprint(World(seed=3, posts=400, until=UNTIL))
    assert fingerprint(World(seed=3, posts=400, until=UNTIL)) == first
    assert fingerprint(World(seed=4, posts=400, until=UNTIL)) != first


def test_a_world_can_be_told_twice(world, emissions):
    assert [e.payload for e in world.payloads()] == [e.payload for e in emissions]


@pytest.mark.parametrize("posts", [1, 40, 900])
def test_the_size_is_the_one_asked_for(posts):
    world = World(seed=1, posts=posts, until=UNTIL)
    created = {native.uri for e in world.payloads() for native in natives(e) if isinstance(native, NativePost)}
    assert len(created) == posts


@pytest.mark.parametrize(("posts", "until"), [(0, UNTIL), (10, datetime(2026, 3, 1))])
def test_a_world_that_cannot_be_is_refused(posts, until):
    with pytest.raises(ValueError, match="at least one post"):
        World(posts=posts, until=until)


def test_emissions_come_in_order_within_the_sixty_days(emissions):
    assert all(before.at <= after.at for before, after in pairwise(emissions))
    assert emissions[0].at >= UNTIL - timedelta(days=60)
    assert emissions[-1].at < UNTIL


def test_every_payload_is_json_and_every_parser_reads_it(world, delivered):
    kinds = Counter()
    for emission, read in delivered:
        assert json.loads(json.dumps(emission.payload)) == emission.payload
        for native in read:
            kinds[type(native)] += 1
            if isinstance(native, NativePost):
                assert native.source == emission.source
                assert native.text or native.kind == "repost"
                assert timedelta(0) <= emission.at - native.created_at < timedelta(days=60)
    assert kinds[NativeProposal] == len(world.consulted) == 4
    assert kinds[NativeDeletion] == world.truth().counts()["deleted"]


def test_what_is_consulted_is_a_proposal_of_the_world(world, delivered):
    named = {n.uri for _, read in delivered for n in read if isinstance(n, NativeProposal)}
    assert set(world.consulted) == named
    assert set(world.consulted.values()) <= {proposal.id for proposal in world.proposals}


@pytest.mark.parametrize(
    ("mark", "share", "tolerance"),
    [
        ("mastodon", 0.45, 0.03),
        ("bluesky", 0.45, 0.03),
        ("decidim", 0.10, 0.03),
        ("repost", 0.35, 0.04),
        ("reply", 0.15, 0.03),
        ("copy", 0.12, 0.03),
        ("elsewhere", 0.10, 0.02),
        ("foreign", 0.05, 0.015),
        ("ironic", 0.04, 0.015),
    ],
)
def test_kinds_have_their_share(world, mark, share, tolerance):
    assert world.truth().counts()[mark] / POSTS == pytest.approx(share, abs=tolerance)


def test_what_is_answered_repeated_or_deleted_was_there_before(delivered):
    seen = set()
    for emission, read in delivered:
        for native in read:
            if isinstance(native, NativeDeletion):
                assert native.uri in seen
                continue
            seen.add(native.uri)
            if isinstance(native, NativePost):
                # Mastodon tells the number of what is answered on the server that was asked, not its name.
                answered = native.reply_to if emission.source != "mastodon" else None
                assert {uri for uri in (answered, native.repost_of, native.quote_of) if uri} <= seen


def test_an_edit_keeps_the_name_and_changes_the_words(emissions):
    texts = {}
    edited = 0
    for emission in emissions:
        if emission.source == "mastodon" and emission.payload["edited_at"]:
            edited += 1
            assert texts[emission.payload["uri"]] != emission.payload["content"]
        elif emission.source == "mastodon":
            texts[emission.payload["uri"]] = emission.payload["content"]
    assert edited > 3


def test_facets_point_at_the_bytes_that_they_mark(emissions):
    marked = 0
    for emission in emissions:
        record = emission.payload.get("commit", {}).get("record", {}) if emission.source == "bluesky" else {}
        assert len(record.get("text", "")) <= 300
        for facet in record.get("facets", []):
            start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
            token, feature = record["text"].encode()[start:end].decode(), facet["features"][0]
            assert token.startswith({"tag": "#", "mention": "@", "link": "https://"}[feature["$type"].split("#")[1]])
            marked += 1
    assert marked > 100


def test_every_name_of_a_message_is_its_own(emissions):
    names = [
        e.payload["uri"] if e.source == "mastodon" else (e.payload["did"], e.payload["commit"]["rkey"])
        for e in emissions
        if (e.source == "mastodon" and not e.payload["edited_at"])
        or (e.source == "bluesky" and e.payload["commit"]["operation"] == "create")
    ]
    assert len(names) == len(set(names))


def test_no_address_could_be_somebodys(emissions):
    addresses = re.compile(r"(?:https?://(?:www\.)?|[\w.]+@)([\w-]+(?:\.[\w-]+)+)")
    for emission in emissions:
        for host in addresses.findall(json.dumps(emission.payload, ensure_ascii=False)):
            assert host.endswith((".example", "example.org", ".invalid")), host


def test_identities_are_there_to_be_scrubbed(world, emissions, delivered):
    identities = list(world.identities())
    assert all(identities)
    assert len(identities) > 1_000
    said = json.dumps([e.payload for e in emissions], ensure_ascii=False)
    spoken = [each for each in set(identities) if each in said]
    assert len(spoken) > 500
    texts = " ".join(n.text for _, read in delivered for n in read if isinstance(n, NativePost))
    assert any(each in texts for each in identities if each.endswith("@courriel.example"))
    assert any(each in texts for each in identities if re.fullmatch(r"[+\d. ]{10,}", each))


def test_days_have_nights(emissions):
    by_hour = Counter(e.at.hour for e in emissions)
    assert by_hour[2] < by_hour[19] / 5
