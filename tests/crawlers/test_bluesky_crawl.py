"""Bluesky: the real command listens to a Jetstream on loopback that forgets, slows down, cuts and says things twice."""

import asyncio
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from crawlers.bluesky.place import Place
from crawlers.bluesky.stream import Stream
from crawlers.sources import read_sources
from crawlers.spider import SourceError
from polyphonie.errors import ConfigurationError
from polyphonie.pseudonyms import Keyring, OptOuts
from polyphonie.spool import Spool
from tests.servers.jetstream import Fault, Jetstream
from tests.servers.jetstream_events import LIKE, REPOST, Pen, did, uri

COMMAND = [sys.executable, "-m", "polyphonie.cli.app", "crawl", "jet"]
QUICK = {"POLYPHONIE_TEST_CRAWL_DELAY_S": "0", "POLYPHONIE_TEST_CRAWL_BACKOFF_S": "0.01"}
SECONDS = 1_000_000
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Home:
    """A home that listens to one Jetstream, and what is in its spool."""

    def __init__(self, folder, jetstream, **more):
        self.folder = folder
        keys = {"platform": "bluesky", "endpoints": [jetstream.endpoint], "appview": jetstream.url}
        keys |= {"plc": jetstream.url, "since_s": 2_000, "retry_s": 0.02, "keywords": ["retraites"]} | more
        self.keys = keys
        self.says()

    def says(self, **more):
        """The same source, with other keys."""
        (self.folder / "sources.yaml").write_text(json.dumps({"sources": {"jet": self.keys | more}}))

    def environment(self, **more):
        return os.environ | QUICK | {"POLYPHONIE_CRAWL__CONTACT": "https://polyphonie.test/contact"} | more

    def crawl(self, code=0):
        """One round: its counts, and everything that was said."""
        words = [*COMMAND, "--json", "--home", str(self.folder)]
        done = subprocess.run(words, env=self.environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)["sources"]["jet"], done.stdout + done.stderr

    @contextmanager
    def following(self, stop=signal.SIGTERM, **more):
        words = [*COMMAND, "--follow", "--home", str(self.folder)]
        process = subprocess.Popen(
            words, env=self.environment(**more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
            process.send_signal(stop)
            process.communicate(timeout=30)
        finally:
            process.kill()

    @contextmanager
    def spool(self):
        with closing(Spool(self.folder / "spool.sqlite")) as spool:
            yield spool

    def kept(self, *uris):
        """Which of these are in the spool."""
        keys = Keyring(self.folder / "keys")
        ids = {keys.record("bluesky", one): one for one in uris}
        with self.spool() as spool:
            return {ids[found] for found in spool.knows(ids)}

    def posts(self):
        """Texts and kinds that wait in the spool."""
        with self.spool() as spool:
            return {(one.post.kind.value, one.post.text): one.post for one in spool.peek(10_000) if one.post}

    def gaps(self):
        with self.spool() as spool:
            return [gap for _, gap in spool.journal.gaps("jet")]

    def counted(self):
        with self.spool() as spool:
            return spool.journal.counts("jet", min(spool.journal.outcomes("jet", LONG_AGO)))

    def rewind(self, seconds):
        """As if nothing had been heard for so long, from the first event on."""
        with closing(sqlite3.connect(self.folder / "spool.sqlite")) as sql, sql:
            cursor = json.loads(sql.execute("SELECT cursor FROM cursors").fetchone()[0])
            cursor |= {key: cursor[key] - seconds * SECONDS for key in ("time_us", "through_us")}
            cursor |= {"seq": 1} if "seq" in cursor else {}
            sql.execute("UPDATE cursors SET cursor = ?", (json.dumps(cursor),))


def until(reached, within_s=40):
    end = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def jetstream():
    with Jetstream().running() as running:
        yield running


def a_busy_hour(pen):
    yield pen.post("ana", "1", "Oui aux retraites")
    yield pen.like("bob", "like-1", uri("ana", "1"))
    yield pen.repost("bob", "repost-1", uri("ana", "1"))
    yield pen.reply("cat", "reply-1", "Jamais", uri("ana", "1"))
    yield pen.quote("cat", "quote-1", "Tiens donc", uri("ana", "1"))
    yield pen.like("cat", "like-2", uri("ana", "1"))
    yield pen.delete("cat", "like-2", LIKE)
    yield pen.post("dan", "1", "Bonjour à tous")
    yield pen.like("ana", "like-3", uri("dan", "1"))
    yield pen.post("eve", "1", "Mes retraites à moi")  # for those who are signed in
    yield pen.post("fay", "1", "Leurs retraites")  # has no profile
    yield pen.post("gil", "1", "Vos retraites, un jour", createdAt="1999-01-01T00:00:00Z")
    yield pen.post("gil", "2", "Nos retraites")
    yield pen.post("gil", "2", "Autre chose", "update")
    yield pen.post("hal", "1", "Ces retraites")
    yield pen.delete("hal", "1")
    yield pen.post("ida", "1", "Quelles retraites")
    yield pen.account("ida", "deactivated")
    yield pen.account("gil", None)
    yield pen.commit("bob", "app.bsky.feed.post", "bad", {"text": 12})
    yield pen.post("bob", "2", "Bonsoir") | {"novelty": 1}
    yield pen.post("jim", "1", "Mes retraites")  # opted out


KEPT = [
    ("post", "Oui aux retraites"),
    ("post", "Vos retraites, un jour"),
    ("quote", "Tiens donc"),
    ("reply", "Jamais"),
    ("repost", ""),
]


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_what_is_heard_is_kept_replaced_forgotten_and_never_counted_twice(tmp_path, jetstream, protocol):
    jetstream.events = list(a_busy_hour(Pen()))
    jetstream.hidden, jetstream.strangers = {did("eve")}, {did("fay")}
    home = Home(tmp_path, jetstream, protocol=protocol)
    keys = Keyring(tmp_path / "keys")
    OptOuts(tmp_path / "opt-outs", keys).add("bluesky", did("jim"))
    counts, said = home.crawl()

    assert sorted(home.posts()) == KEPT
    assert home.posts()["post", "Vos retraites, un jour"].flags == ("impossible_date",)
    assert home.posts()["post", "Oui aux retraites"].flags == ()
    ended = ("signed-in only", "profile unknown", "opted out", "refused")
    assert [counts[outcome] for outcome in ended] == [1, 1, 1, 1]
    assert did("jim") not in jetstream.looked_up
    with home.spool() as spool:
        liked = [keys.record("bluesky", uri(who, rkey, LIKE)) for who, rkey in (("bob", "like-1"), ("cat", "like-2"))]
        assert spool.journal.is_interaction(liked) == {liked[0]}
        assert any("novelty" in name for name in spool.journal.unknown_fields("jet"))
        stored, _ = spool.cursor("crawl:jet")
        assert "did:" not in json.dumps(stored)
        first = jetstream.joins[0]["cursor"][0]
        assert int(first) >= 10**15
        agent = {asked[2] for asked in jetstream.asked}
        assert all(one.startswith("Polyphonie/") and "https://polyphonie.test/contact" in one for one in agent)
    assert not any(word in said for word in ("did:", "h-ana", "retraites"))
    assert home.gaps() == []

    # Later, after an absence that is too long for the server: it goes on, and what is missing is known.
    before = home.counted()
    jetstream.floor = len(jetstream.events)
    home.rewind(900)
    pen = Pen(ago_s=0, step_s=0.001)
    jetstream.events += [pen.delete("ana", "1"), pen.profile("gil", hidden=True), pen.delete("bob", "repost-1", REPOST)]
    home.crawl()
    assert home.kept(uri("ana", "1"), uri("gil", "1"), uri("bob", "repost-1", REPOST)) == set()
    assert home.counted()["kept"] == before["kept"]
    (gap,) = home.gaps()
    assert (gap.until - gap.since).total_seconds() > 800
    assert ("CursorTooOld" in gap.reason) == (protocol == "v2")
    asked = [int(join["cursor"][0]) for join in jetstream.joins[1:]]
    by_clock = stored["time_us"] - 905 * SECONDS  # a few seconds earlier than where it was left
    assert asked == ([1, by_clock] if protocol == "v2" else [by_clock])


def test_a_stream_that_fails_is_joined_again_and_says_nothing_twice(tmp_path, jetstream):
    with closing(socket.socket()) as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"ws://127.0.0.1:{closed.getsockname()[1]}"
    pen = Pen(ago_s=60, step_s=0.5)
    jetstream.events = [pen.post("ana", str(n), f"Retraites {n}") for n in range(40)]
    jetstream.faults = [
        Fault(frames=7, cut=True),
        Fault(status=503),
        Fault(frames=15, error="ConsumerTooSlow"),
        Fault(frames=3, cut=True),
    ]
    home = Home(tmp_path, jetstream, endpoints=[nobody, jetstream.endpoint], protocol="v2", batch=4)
    home.crawl()
    counted = home.counted()
    assert len(home.posts()) == 40
    assert (counted["kept"], counted.get("new", 40)) == (40, 40)
    assert counted["seen"] <= len(jetstream.events)
    assert home.gaps() == []
    assert len(jetstream.joins) >= 5


def test_servers_that_never_answer_end_the_round_in_one_line(jetstream):
    jetstream.faults = [Fault(status=503)] * 6
    asked = []

    async def may_join(url):
        asked.append(url)
        if url.startswith("http://forbidden.test"):
            raise SourceError("jet: robots.txt forbids it")

    endpoints = [jetstream.endpoint, "ws://127.0.0.1:9", "ws://forbidden.test"]
    stream = Stream("jet", endpoints, "v1", "Polyphonie", 0.001, lambda _: None, may_join)
    with pytest.raises(SourceError, match=r"^jet: no Jetstream can be listened to \(robots.txt forbids it\)$"):
        asyncio.run(stream.some(Place.present(), 1, 1.0))
    assert len(jetstream.joins) == 3
    assert f"{jetstream.url}/subscribe" in asked


def test_a_jetstream_whose_robots_txt_forbids_it_is_not_joined(tmp_path, jetstream):
    jetstream.robots = "User-agent: *\nDisallow: /xrpc/network.bsky.jetstream.subscribeEvents"
    home = Home(tmp_path, jetstream)
    assert "robots.txt of 127.0.0.1" in home.crawl(code=8)[1]
    assert jetstream.joins == []


@pytest.mark.parametrize("endpoint", ["ws://jetstream.test", "https://jetstream.test"])
def test_an_endpoint_is_encrypted_unless_it_is_this_machine(tmp_path, endpoint):
    (tmp_path / "sources.yaml").write_text(
        json.dumps({"sources": {"j": {"platform": "bluesky", "endpoints": [endpoint]}}})
    )
    with pytest.raises(ConfigurationError, match="wss://"):
        read_sources(tmp_path)


def test_killed_at_any_moment_it_loses_nothing_and_repeats_nothing(tmp_path, jetstream):
    home = Home(tmp_path, jetstream, batch=5, batch_s=0.1)
    expected = set()
    for run in range(2):
        with home.following(signal.SIGKILL if run < 1 else signal.SIGTERM) as process:
            until(lambda run=run: len(jetstream.joins) > run or process.poll() is not None)
            for burst in range(20):
                rkey = f"{run}-{burst}"
                pen = Pen(ago_s=0, step_s=0.001)
                jetstream.events.append(pen.post(f"p{burst % 7}", rkey, f"Retraites {rkey}"))
                expected.add(("post", f"Retraites {rkey}"))
                time.sleep(random.uniform(0, 0.02))
            if run == 1:
                until(lambda: set(home.posts()) == expected)
    counted = home.counted()
    assert (counted["kept"], set(home.posts())) == (len(expected), expected)


def test_a_full_spool_makes_the_stream_wait_and_drops_nothing(tmp_path, jetstream):
    pen = Pen(ago_s=100, step_s=0.01)
    jetstream.events = [pen.post("ana", str(n), f"Retraites {n}") for n in range(1_800)]
    home = Home(tmp_path, jetstream)
    # Whoever stops it while it waits does not wait with it.
    with home.following(POLYPHONIE_SPOOL__CAPACITY="1000"):
        until(lambda: (tmp_path / "spool.sqlite").exists())
        with home.spool() as spool:
            until(lambda: "the spool holds" in spool.journal.crawls().get("jet", {}).get("detail", ""))
            assert spool.journal.crawls()["jet"]["state"] == "waiting"
    with home.spool() as spool:
        full = spool.claim(10_000)
        spool.finish([one.id for one in full])
    assert 0 < len(full) <= 1_000
    home.crawl()
    assert len(home.posts()) + len(full) == home.counted()["kept"] == 1_800
