"""The truth of the simulated world is what its payloads hold, counted again without it."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from math import isnan

import pytest

from crawlers.bluesky.parse import parse as parse_bluesky
from crawlers.bluesky.payload import Event
from crawlers.decidim.parse import parse as parse_decidim
from crawlers.decidim.payload import read as read_decidim
from crawlers.mastodon.parse import parse as parse_mastodon
from crawlers.mastodon.payload import Status
from polyphonie.native import NativeDeletion, NativePost
from polyphonie.pseudonyms import epoch_of
from polyphonie.records import Stance
from simulator.world import World

UNTIL = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)
SIDES = (Stance.FAVOUR, Stance.AGAINST)


@pytest.fixture(scope="module")
def world():
    return World(seed=11, posts=6_000, until=UNTIL)


@pytest.fixture(scope="module")
def truth(world):
    return world.truth()


@pytest.fixture(scope="module")
def heard(world):
    """Each message that remains: (instant of its first delivery, the native post as last delivered)."""
    parsers = {
        "mastodon": lambda payload: parse_mastodon(Status.read(payload), "agora.example"),
        "bluesky": lambda payload: parse_bluesky(Event.read(payload)),
        "decidim": lambda payload: parse_decidim(read_decidim(payload)),
    }
    first, last = {}, {}
    for emission in world.payloads():
        for native in parsers[emission.source](emission.payload):
            if isinstance(native, NativeDeletion):
                del first[native.uri], last[native.uri]
            elif isinstance(native, NativePost):
                first.setdefault(native.uri, emission.at)
                last[native.uri] = native
    return [(first[uri], native) for uri, native in last.items()]


def recount(truth, heard, proposal, since, until, weighting):
    voices = defaultdict(list)
    for at, native in heard:
        stance = truth.stance_of(native.uri)
        if since <= at < until and truth.is_about(native.uri) == proposal and stance in SIDES:
            voice = (native.source, native.author, epoch_of(at, 7))
            voices[voice].append((stance is Stance.FAVOUR, native.reach.total))
    if weighting == "voices":
        shares = [sum(favour for favour, _ in said) / len(said) for said in voices.values()]
        return sum(shares) / len(shares)
    weights = [(favour, reach if weighting == "reach" else 1) for said in voices.values() for favour, reach in said]
    return sum(favour * weight for favour, weight in weights) / sum(weight for _, weight in weights)


@pytest.mark.parametrize("weighting", ["voices", "posts", "reach"])
@pytest.mark.parametrize("window", [(60, 0), (14, 0), (40, 33)])
def test_the_share_of_favour_is_that_of_the_payloads(world, truth, heard, weighting, window):
    since, until = (UNTIL - timedelta(days=days) for days in window)
    for proposal in world.proposals:
        expected = recount(truth, heard, proposal.id, since, until, weighting)
        assert truth.favour_share(proposal.id, since, until, weighting) == pytest.approx(expected)


def test_nobody_spoke_before_the_beginning(truth):
    before = UNTIL - timedelta(days=90)
    assert isnan(truth.favour_share("fin-zfe", before, before + timedelta(days=7)))


def test_a_declared_side_is_the_true_one(truth, heard):
    declared = [(native.uri, native.stance) for _, native in heard if native.stance is not None]
    assert len(declared) > 100
    assert all(truth.stance_of(uri) is stance for uri, stance in declared)


def test_a_repost_takes_the_side_and_the_subject_of_what_it_repeats(truth, heard):
    reposts = [native for _, native in heard if native.repost_of]
    assert reposts
    for native in reposts:
        assert truth.stance_of(native.uri) == truth.stance_of(native.repost_of)
        assert truth.is_about(native.uri) == truth.is_about(native.repost_of)


def test_off_topic_talk_has_no_side(truth, heard):
    assert all((truth.is_about(n.uri) is None) == (truth.stance_of(n.uri) is None) for _, n in heard)


def test_opinions_differ_between_communities_and_shares_add_up(world, truth):
    assert len(truth.communities) == 4
    assert all(sum(row) == pytest.approx(1) for row in truth.mixing)
    for proposal in world.proposals:
        shares = [truth.opinion(proposal.id, community, 0) for community in truth.communities]
        assert max(shares) - min(shares) > 0.05
    assert sum(truth.counts()[kind] for kind in ("post", "reply", "repost", "quote", "argument")) == world.posts


def test_communities_repeat_their_own_more_than_chance(truth):
    counts = truth.endorsements()
    for index, row in enumerate(counts):
        column = sum(other[index] for other in counts) / sum(map(sum, counts))
        assert row[index] / sum(row) > column


def test_three_opinions_move_and_one_rises_in_the_last_two_weeks(truth):
    assert set(truth.drifting) == {"loyers-encadres", "nouveaux-reacteurs", "transports-gratuits"}
    before = truth.favour_share("loyers-encadres", UNTIL - timedelta(days=28), UNTIL - timedelta(days=14))
    after = truth.favour_share("loyers-encadres", UNTIL - timedelta(days=7), UNTIL)
    assert after > before + 0.1


def test_the_burst_is_where_truth_says(truth, heard):
    since, until = truth.burst_window
    about = [at for at, native in heard if truth.is_about(native.uri) == truth.burst.proposal]
    during = sum(since <= at < until for at in about) / 2
    otherwise = sum(not since <= at < until for at in about) / 58
    assert 5 < during / otherwise < 12
