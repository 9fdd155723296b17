"""What `kill -9` costs a crawl: items lost, items repeated, and what was asked again.

    python benchmarks/crawl_kills.py --kills 50 --posts 4000

A simulated world goes forward behind real protocols on this machine (Mastodon, Jetstream, feeds). One home follows it
with a crawler that is killed at random moments; another, with the same keys, then reads the same world in one go. Both
spools must hold the same messages, word for word. Exit code 1 when they do not.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from simulator.live import Servers, Stage
from simulator.world import World

# Words that nearly every message holds: what is gated depends on what came first, and here two orders are compared.
COMMON = "le la les de des du un une et est pas que qui on je il elle nous vous pour dans sur ce ça c à en".split()
Items = dict[str, tuple[str, bytes]]  # by id: platform and kind, digest
CRAWL = [sys.executable, "-m", "polyphonie.cli.app", "crawl", "--home"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--posts", type=int, default=4_000, help="messages of the world")
    parser.add_argument("--least-s", type=float, default=3.0, help="each crawl lives so long, at most twice")
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    world = World(seed=options.seed, posts=options.posts, until=datetime.now(UTC))
    stage = Stage(world)
    os.environ["POLYPHONIE_CRAWL__CONTACT"] = "https://polyphonie.example/benchmark"
    # These servers are ours: a crawl that rests a second between two questions would be killed before it asked any.
    os.environ |= {"POLYPHONIE_TEST_CRAWL_DELAY_S": "0.01", "POLYPHONIE_TEST_CRAWL_BACKOFF_S": "0.02"}
    with tempfile.TemporaryDirectory() as folder, Servers(stage) as servers:
        killed, whole = Path(folder, "killed"), Path(folder, "whole")
        begin(killed, servers)
        # A timeline begins at its newest page: both homes begin with the same first day.
        stage.show(stage.since + (stage.until - stage.since) / 50)
        listen(killed)
        shutil.copytree(killed, whole)
        step = (stage.until - stage.since) / options.kills
        for kill in range(options.kills):
            stage.show(stage.since + step * (kill + 1))
            survived = follow_and_kill(killed, rng.uniform(options.least_s, 2 * options.least_s))
            print(f"kill {kill + 1}: after {survived:.1f} s, {len(items(killed)):,} items", file=sys.stderr)
        stage.show(stage.until + timedelta(seconds=1))
        listen(killed)
        listen(whole)
        return compare(items(killed), items(whole), outcomes(killed), options.kills)


def begin(home: Path, servers: Servers) -> None:
    """A home that listens to one server of each kind."""
    terms = {"terms_url": "https://polyphonie.example", "terms_checked_at": datetime.now(UTC).date()}
    rows = {
        "bluesky": {"enabled": False, "platform": "bluesky"},
        "stream": {
            "platform": "bluesky",
            "protocol": "v1",
            "endpoints": [f"ws://{servers.addresses['bluesky']}"],
            "appview": f"http://{servers.addresses['bluesky']}",
            "since_s": 62 * 86_400,  # from the world's beginning
        },
        "press-a": {
            "platform": "press",
            "feeds": [f"http://{servers.addresses['press']}/{paper}/rss.xml" for paper in servers.papers],
        },
    }
    # One server: of two, which is first to tell a message decides whether an answer to it is kept.
    address = f"http://{servers.addresses[servers.domains[0]]}"
    rows["mastodon-a"] = {
        "platform": "mastodon",
        "instance": address,
        "public": True,
        "delay_s": 0,
        "recheck_hours": 0.0002,
    }
    for keys in rows.values():
        keys |= {
            "every_s": 1,
            "budget_a_day": 10**7,
            "keywords": COMMON,
            "terms": {**terms, "approved_by": "benchmark"},
        }
    home.mkdir(mode=0o700)
    (home / "sources.yaml").write_text(yaml.safe_dump({"sources": rows}), encoding="utf-8")


def listen(home: Path) -> None:
    """One round that nobody kills."""
    subprocess.run([*CRAWL, str(home), "--once"], check=True, capture_output=True)


def follow_and_kill(home: Path, after_s: float) -> float:
    """Follow, then `kill -9`; gives the seconds it lived."""
    began = time.monotonic()
    child = subprocess.Popen([*CRAWL, str(home), "--follow"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    child.wait()
    return time.monotonic() - began


def items(home: Path) -> Items:
    """What each message of a spool is (platform and kind), and its digest, by id."""
    found = {}
    with sqlite3.connect(home / "spool.sqlite") as base:
        for name, digest, payload in base.execute("SELECT id, digest, payload FROM items"):
            if post := json.loads(zlib.decompress(payload)).get("post"):
                found[name] = (f"{post['source']} {post['kind']}", digest)
    return found


def outcomes(home: Path) -> int:
    """How many messages the journal counts as kept: each reading of one counts."""
    with sqlite3.connect(home / "spool.sqlite") as base:
        return int(base.execute("SELECT coalesce(sum(number), 0) FROM outcomes WHERE outcome = 'kept'").fetchone()[0])


def compare(killed: Items, whole: Items, kept: int, kills: int) -> int:
    lost = whole.keys() - killed.keys()
    more = killed.keys() - whole.keys()
    other = [found for found in killed.keys() & whole.keys() if killed[found] != whole[found]]
    for title, some, where in (("lost", lost, whole), ("only in the killed one", more, killed)):
        print(title, dict(Counter(where[found][0] for found in some)), file=sys.stderr)
    print(f"{kills} kills, {len(whole):,} messages in the run that was not killed")
    print(f"lost                    {len(lost):>8,}")
    print(f"only in the killed one  {len(more):>8,}")
    print(f"with another content    {len(other):>8,}")
    again = max(0, kept - len(killed))
    print(f"read again, stored once {again:>8,}  ({again / max(1, len(killed)):.1%} of them)")
    return 1 if lost or more or other else 0


if __name__ == "__main__":
    sys.exit(main())
