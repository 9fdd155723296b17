"""`polyphonie demo --live`: what real protocols carry of a world is stored as if it had been read directly."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from crawlers.criteria import Criteria
from polyphonie.native import NativePost
from polyphonie.records import Kind
from simulator.world import World

UNTIL = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)
SEED, POSTS = 3, 500  # a world where every platform edits or deletes something
# A reactor starts once in a process, hence another one. Both homes have the same keys, so that ids can be compared.
BOTH_WAYS = """
import json, shutil, sys
from datetime import datetime
from pathlib import Path

from polyphonie.cli.demo import listen, prepare
from polyphonie.cli.live import crawl_world
from polyphonie.cli.workspace import Workspace
from simulator.world import World

folder, seed, posts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
world = World(seed=seed, posts=posts, until=datetime.fromisoformat(sys.argv[4]))
stored = {}
for name in ("direct", "live"):
    prepare(folder / name, world)
    if name == "live":
        shutil.copytree(folder / "direct" / "keys", folder / "live" / "keys")
    with Workspace(folder / name) as work:
        listen(work, world, posts) if name == "direct" else crawl_world(work, world)
        stored[name] = {one.id: one.model_dump(mode="json", exclude_defaults=True) for one in work.spool.peek(10**6)}
        stored[f"{name} crawls"] = work.spool.journal.crawls()
        stored[f"{name} quarantine"] = work.spool.counts()["quarantine"]
json.dump(stored, sys.stdout)
"""


def run(*words, home):
    ended = subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"POLYPHONIE_HOME": str(home), "HF_HUB_OFFLINE": "1", "POLYPHONIE_NLP__TOPICS": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    home = tmp_path_factory.mktemp("worlds")
    return run("-c", BOTH_WAYS, str(home), str(SEED), str(POSTS), UNTIL.isoformat(), home=home)


def test_what_is_crawled_is_what_is_read_directly(stored):
    """Up to the names that only a server gives: numbers of statuses, and handles of Bluesky's accounts."""
    shared = stored["direct"].keys() & stored["live"].keys()
    said = [found for found in shared if "deletion" not in stored["live"][found]]
    assert len(said) > POSTS / 2
    for found in said:
        direct, live = (_without_server(stored[way][found]) for way in ("direct", "live"))
        assert live == direct


def test_what_is_missing_was_not_carried_or_not_wanted(stored):
    """Mastodon's timelines of strangers have no boosts, and replies only under their hashtags."""
    criteria = Criteria(World(seed=SEED, posts=POSTS, until=UNTIL).proposals)
    live = stored["live"]
    for found in stored["direct"].keys() - live.keys():
        if (post := stored["direct"][found].get("post")) is None:
            continue
        if post["source"] == "simulated-mastodon" and post["kind"] in ("repost", "reply"):
            continue
        assert post["source"] != "simulated-decidim"
        assert not criteria.accepts(_native(post))
        answered = [live.get(post.get(name)) for name in ("repost_of", "quote_of", "reply_to")]
        assert not any(answered)


def test_what_the_world_deleted_is_not_kept_and_what_was_kept_before_is_deleted(stored):
    gone, deleted = (
        {one["deletion"]["id"] for one in stored[way].values() if "deletion" in one} for way in ("direct", "live")
    )
    assert deleted
    assert deleted <= gone
    assert not gone & stored["live"].keys()


def test_every_record_says_that_it_is_simulated(stored):
    for one in stored["live"].values():
        assert one["source"].startswith("simulated-")
        if one.get("post", {}).get("kind", "proposal") != "proposal":
            assert "simulated" in one["post"]["flags"]


def test_what_is_only_crawled_is_the_press(stored):
    more = [stored["live"][found] for found in stored["live"].keys() - stored["direct"].keys()]
    assert {one["source"] for one in more} == {"simulated-press"}
    assert all(datetime.fromisoformat(one["post"]["received_at"]) < UNTIL for one in more)


def test_no_source_failed(stored):
    platforms = {crawl["platform"] for crawl in stored["live crawls"].values()}
    assert platforms == {"mastodon", "bluesky", "decidim", "press"}
    assert [crawl["last_error"] for crawl in stored["live crawls"].values() if crawl["errors"]] == []
    assert stored["live quarantine"] == 0


@pytest.mark.slow
def test_the_demo_crawls_measures_and_says_what_was_carried(tmp_path):
    words = ("demo", "--live", "--posts", "300", "--no-dashboard", "--json", "--home", str(tmp_path / "home"))
    answer = run("-m", "polyphonie.cli.app", *words, home=tmp_path)
    assert len(answer["comparison"]) > 5
    for carried in answer["carried"].values():
        assert 0 < carried["kept"] <= carried["said"]
    assert answer["carried"]["decidim"]["kept"] == answer["carried"]["decidim"]["said"]
    assert (tmp_path / "home" / "simulated-world").exists()


def _without_server(envelope):
    post = {name: value for name, value in envelope.get("post", {}).items() if name != "reply_to"}
    return {name: value for name, value in envelope.items() if name not in ("also", "handle", "post")} | {"post": post}


def _native(post):
    return NativePost(
        source=post["source"],
        uri="",
        kind=Kind(post["kind"]),
        text=post.get("text", ""),
        title=post.get("title", ""),
        created_at=UNTIL,
        hashtags=tuple(post.get("hashtags", ())),
    )
