"""The world's platforms answer as the real ones do, and only with what has been said until now."""

import asyncio
import csv
import io
import json
import re
import urllib.error
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import aiohttp
import pytest

from simulator.live import Servers, Stage
from simulator.world import World
from simulator.world.clock import microseconds

UNTIL = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)
AGORA = "agora.example"
NEXT = re.compile(r'<([^>]+)>; rel="(\w+)"')


@pytest.fixture(scope="module")
def stage():
    return Stage(World(seed=7, posts=1_500, until=UNTIL))


@pytest.fixture(scope="module")
def servers(stage):
    with Servers(stage) as running:
        yield running


def get(servers, platform, path, headers=None):
    request = urllib.request.Request(f"http://{servers.addresses[platform]}{path}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def statuses(servers, path):
    return json.loads(get(servers, AGORA, path)[2])


def walk(servers, path):
    """Every page after the first status, by the Link headers."""
    found = []
    url = f"{path}{'&' if '?' in path else '?'}limit=40&min_id=0"
    while True:
        _, headers, body = get(servers, AGORA, url)
        if not (page := json.loads(body)):
            return found
        assert [one["id"] for one in page] == sorted((one["id"] for one in page), key=int, reverse=True)
        found.extend(reversed(page))
        url = dict(map(reversed, NEXT.findall(headers["Link"])))["prev"].partition(servers.addresses[AGORA])[2]


def listen(servers, stage, query, count):
    async def collect():
        url = f"ws://{servers.addresses['bluesky']}/subscribe?{query}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as stream:
            stage.show(UNTIL)
            return [await stream.receive_json(timeout=10) for _ in range(count)]

    return asyncio.run(collect())


def test_mastodon_says_its_rules_and_limits(servers):
    status, headers, body = get(servers, AGORA, "/api/v2/instance")
    instance = json.loads(body)
    assert status == 200
    assert tuple(map(int, instance["version"].split("."))) >= (4, 3, 0)
    assert instance["configuration"]["timelines_access"]["hashtag_feeds"] == {"local": "public", "remote": "public"}
    assert int(headers["X-RateLimit-Remaining"]) < int(headers["X-RateLimit-Limit"])
    assert datetime.fromisoformat(headers["X-RateLimit-Reset"]) > datetime.now(UTC)


def test_public_timeline_walks_forward_through_posts_that_are_neither_boosts_nor_replies(servers, stage):
    stage.show(UNTIL)
    said = {e.payload["id"]: e.payload for e in stage.emissions["mastodon"]}
    wanted = [n for n, one in said.items() if not (one["reblog"] or one["in_reply_to_id"])]
    assert [one["id"] for one in walk(servers, "/api/v1/timelines/public")] == sorted(wanted, key=int)


def test_a_tag_is_found_without_case_or_accents_and_replies_are_there(servers, stage):
    stage.show(UNTIL)
    tag = next(e.payload["tags"][0]["name"] for e in stage.emissions["mastodon"] if "é" in str(e.payload["tags"]))
    plain = tag.replace("é", "E")
    found = {one["id"] for one in walk(servers, f"/api/v1/timelines/tag/{plain}")}
    said = {e.payload["id"]: e.payload for e in stage.emissions["mastodon"]}
    assert found == {n for n, one in said.items() if tag in [each["name"] for each in one["tags"]]}


def test_nothing_is_shown_before_it_is_said_and_an_edit_replaces(servers, stage):
    edit = next(e for e in stage.emissions["mastodon"] if e.payload["edited_at"])
    path = f"/api/v1/statuses?id[]={edit.payload['id']}&id[]=1"
    with Servers(stage) as fresh:
        stage.show(stage.since - timedelta(seconds=1))
        assert statuses(fresh, "/api/v1/timelines/public") == []
        stage.show(edit.at - timedelta(milliseconds=1))
        assert [one["edited_at"] for one in statuses(fresh, path)] == [None]
        stage.show(edit.at)
        assert statuses(fresh, path) == [edit.payload]


def test_too_many_statuses_at_once_are_refused(servers):
    many = "&".join(f"id[]={number}" for number in range(21))
    assert get(servers, AGORA, f"/api/v1/statuses?{many}")[0] == 422


def test_jetstream_replays_from_a_cursor_then_goes_on_live(servers, stage):
    events = stage.emissions["bluesky"]
    middle, later = len(events) // 3, 2 * len(events) // 3
    stage.show(events[later].at)
    heard = listen(servers, stage, f"cursor={microseconds(events[middle].at)}", len(events) - middle)
    assert heard == [e.payload for e in events[middle:]]


def test_jetstream_without_a_cursor_begins_now_and_filters_collections(servers, stage):
    events = stage.emissions["bluesky"]
    stage.show(events[100].at)
    reposts = [e.payload for e in events[101:] if e.payload["commit"]["collection"] == "app.bsky.feed.repost"]
    query = "wantedCollections=app.bsky.feed.repost&wantedCollections=app.bsky.graph.*"
    assert listen(servers, stage, query, len(reposts)) == reposts


def test_an_impossibly_old_cursor_is_clamped_without_a_word(servers, stage):
    assert listen(servers, stage, "cursor=1000000000000000", 3) == [e.payload for e in stage.emissions["bluesky"][:3]]


def test_profiles_are_told_by_did(servers, stage):
    did = stage.emissions["bluesky"][0].payload["did"]
    profiles = json.loads(get(servers, "bluesky", f"/xrpc/app.bsky.actor.getProfiles?actors={did}&actors=did:no")[2])
    assert [(one["did"], one["labels"]) for one in profiles["profiles"]] == [(did, [])]


def test_open_data_leaves_out_what_is_hidden_and_is_exported_anew_once_it_is_known(servers, stage):
    rows = [e.payload for e in stage.emissions["decidim"]]
    stage.show(UNTIL)
    _, headers, body = get(servers, "decidim", "/open-data/download")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        read = {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode()), delimiter=";"))
            for name in archive.namelist()
        }
    comments = {row["id"] for row in rows if "commentable_type" in row}
    hidden = {row["id"] for row in rows if row.get("upstream_status") == "hidden"}
    assert hidden
    assert {row["id"] for row in read["open-data-proposal_comments.csv"]} == comments - hidden
    assert len(read["open-data-proposals.csv"]) == len(stage.world.consulted)
    known = {"If-None-Match": headers["ETag"]}
    assert [get(servers, "decidim", "/open-data/download", known)[0] for _ in range(2)] == [304, 200]


def test_feeds_show_the_articles_that_people_link_to(servers, stage):
    stage.show(UNTIL)
    titles = [proposal.title for proposal in stage.world.proposals]
    for paper in servers.papers:
        status, headers, body = get(servers, "press", f"/{paper}/rss.xml")
        items = ElementTree.fromstring(body).findall("channel/item")
        assert status == 200
        assert 0 < len(items) <= 20
        assert all(any(item.findtext("title").startswith(title) for title in titles) for item in items)
        assert get(servers, "press", f"/{paper}/rss.xml", {"If-None-Match": headers["ETag"]})[0] == 304
    assert get(servers, "press", "/unknown/rss.xml")[0] == 404


@pytest.mark.parametrize("platform", [AGORA, "bluesky", "decidim", "press"])
def test_every_site_lets_itself_be_read(servers, platform):
    assert b"User-agent: *" in get(servers, platform, "/robots.txt")[2]
    assert json.loads(get(servers, platform, "/.well-known/tdmrep.json")[2])[0]["tdm-reservation"] == 0


def test_each_server_has_its_own_accounts(servers, stage):
    stage.show(UNTIL)
    for domain in servers.domains:
        page = json.loads(get(servers, domain, "/api/v1/timelines/public?local=true")[2])
        assert page
        assert all(one["account"]["acct"].endswith(f"@{domain}") for one in page)


def test_the_clock_goes_on_when_everything_was_told_and_meets_edits_before_they_are_made():
    stage = Stage(World(seed=3, posts=900, until=UNTIL))
    stage.wait_for((AGORA, "decidim"))
    seen = {}
    with Servers(stage) as servers:
        for _ in range(3):
            statuses(servers, "/api/v1/timelines/public")
        assert stage.now < stage.since  # nobody listens to decidim yet
        while not stage.heard_out:
            get(servers, "decidim", "/open-data/download")
            for one in walk(servers, "/api/v1/timelines/public"):
                seen.setdefault(one["uri"], set()).add(one["edited_at"])
    assert stage.now == UNTIL
    assert sum(len(versions) == 2 for versions in seen.values()) > 1
