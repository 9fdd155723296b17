"""Bluesky: what the stream does not tell is asked elsewhere; until somebody answers, nothing is lost nor deleted."""

import pytest

from tests.crawlers.test_bluesky_crawl import Home
from tests.servers.jetstream import Jetstream
from tests.servers.jetstream_events import Pen, did, uri


@pytest.fixture
def jetstream():
    with Jetstream().running() as running:
        yield running


def test_while_profiles_cannot_be_had_messages_wait_and_none_is_lost(tmp_path, jetstream):
    pen = Pen(ago_s=60, step_s=0.5)
    jetstream.events = [pen.post(f"p{number}", "1", f"Retraites {number}") for number in range(40)]
    jetstream.events += [pen.like("eve", "like-1", uri("p1", "1")), pen.like("bob", "like-2", uri("p1", "1"))]
    jetstream.hidden = {did("eve")}
    home = Home(tmp_path, jetstream, timeout_s=0.2)

    jetstream.no_profiles = True
    assert "the AppView answers 500" in home.crawl(code=8)[1]
    jetstream.no_profiles, jetstream.slow_profiles_s = False, 0.5
    home.crawl(code=8)
    jetstream.slow_profiles_s = 0.0
    home.says(budget_a_day=1)
    home.crawl(code=8)
    assert home.posts() == {}

    home.says()
    home.crawl()
    counted = home.counted()
    assert len(home.posts()) == counted["kept"] == 40
    assert (counted["liked"], counted["signed-in only"], counted.get("profile unknown", 0)) == (1, 1, 0)
    assert home.gaps() == []


def test_after_a_sync_only_what_is_still_published_stays(tmp_path, jetstream):
    pen = Pen()
    people = ("ana", "bob", "cat", "dan")
    jetstream.events = [pen.post(who, rkey, f"Retraites {who} {rkey}") for who in people for rkey in "12"]
    home = Home(tmp_path, jetstream, protocol="v2")
    home.crawl()
    assert len(home.posts()) == 8
    pen = Pen(ago_s=0, step_s=0.001)
    jetstream.events += [pen.post("ana", rkey, f"Retraites ana {rkey}") for rkey in "34"]  # these wait for a profile
    jetstream.events += [pen.sync(who) for who in (*people, "zoe")]
    now = {"$type": "app.bsky.feed.post", "text": "Retraites encore", "createdAt": "2026-11-01T08:00:00Z"}
    prolific = {uri("dan", f"autre-{number}"): now for number in range(300)}
    jetstream.repositories = {
        did("ana"): {uri("ana", rkey): now for rkey in "139"},
        did("cat"): {uri("cat", "1"): now},
        did("dan"): {uri("dan", rkey): now | {"text": f"Retraites dan {rkey}"} for rkey in "12"} | prolific,
    }
    jetstream.left = {did("cat")}
    home.crawl()
    # Ana's first post was replaced by what is there now, cat has left; nobody answers for bob.
    known = {"Retraites ana 3", "Retraites encore"} | {f"Retraites {who} {n}" for who in ("bob", "dan") for n in "12"}
    assert {text for _, text in home.posts()} == known
    assert home.kept(uri("ana", "9")) == set()
    # As soon as everything of an author was found, the rest of the repository is not asked for.
    pages = [query for path, query, _ in jetstream.asked if path.endswith("listRecords")]
    assert [query["collection"] for query in pages if query["repo"] == [did("dan")]] == [["app.bsky.feed.post"]]

    # Later the server answers, to a process that hears of it again.
    jetstream.repositories[did("bob")] = {uri("bob", "2"): now | {"text": "Retraites bob 2"}}
    home.crawl()
    assert {text for _, text in home.posts()} == known - {"Retraites bob 1"}
