"""How near the crawler of Mastodon comes to what a server allows, and what is lost or repeated when it is killed.

    python benchmarks/mastodon_rate.py --scale 20 --pages 300
    python benchmarks/mastodon_rate.py --pages 0 --kills 50

The server is mastodon-mock behind Mastodon's own throttle (300 paged requests in 15 minutes), with every duration
divided by `--scale`: the limit's window, and the 3 seconds between two requests. The real command crawls it; with
`--kills` it is killed (SIGKILL) after a random number of pages, so many times, then let finish.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crawlers.mastodon.source import DELAY_S, PAGED_REQUESTS, PAGED_WINDOW_S
from polyphonie.pseudonyms import Keyring
from polyphonie.spool import Arrival, Spool
from tests.servers.mastodon import Manners, Server

TAG = "retraites"
MOST_PAGES = 12  # between two kills


def prepared(home: Path, url: str, **options: object) -> None:
    """A source that begins with the first post that the server ever had."""
    terms = {"terms_url": f"{url}/terms", "terms_checked_at": str(date.today()), "approved_by": "benchmark"}
    source = {"platform": "mastodon", "instance": url, "hashtags": [TAG], "terms": terms, "overlap_s": 0, **options}
    (home / "sources.yaml").write_text(json.dumps({"sources": {"essai": source}}))
    spool = Spool(home / "spool.sqlite")
    cursor = {"server": "127.0.0.1", "timelines": {f"tag:{TAG}": "0"}}
    spool.put(Arrival("crawl:essai", cursor=cursor))
    spool.close()


@contextmanager
def crawling(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, ended with the block at the latest."""
    settings = {"POLYPHONIE_TEST_CRAWL_DELAY_S": "0", "POLYPHONIE_CRAWL__CONTACT": "https://polyphonie.test/contact"}
    process = subprocess.Popen(
        [sys.executable, "-m", "polyphonie.cli.app", "crawl", "--json", "--home", str(home)],
        env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def rate(pages: int, scale: float) -> None:
    """One status a page, at the pace of the platform, against its limit."""
    manners = Manners(window_s=PAGED_WINDOW_S / scale, limit=PAGED_REQUESTS)
    with tempfile.TemporaryDirectory() as folder, Server(manners).running() as server:
        home = Path(folder)
        server.fill([f"Message {n} #{TAG}" for n in range(pages)])
        prepared(home, server.urls[0], page_limit=1, delay_s=DELAY_S / scale)
        with crawling(home) as process:
            while not manners.counted["paged"] and process.poll() is None:
                time.sleep(0.01)
            began = time.monotonic()
            process.wait()
            lasted_s = time.monotonic() - began
    allowed = PAGED_REQUESTS * lasted_s * scale / PAGED_WINDOW_S
    print(
        f"{manners.counted['paged']} paged requests in {lasted_s:.1f} s ({lasted_s * scale:.0f} s at full scale): "
        f"{manners.counted['paged'] / allowed:.0%} of what is allowed, at most {max(manners.windows.values())} of "
        f"{PAGED_REQUESTS} in a window, {manners.counted['429']} answers 429"
    )


def killed(times: int, seed: int) -> None:
    """Items lost and repeated after so many kills."""
    moments = random.Random(seed)
    manners = Manners(slow_s=0.01, limit=10**9)  # its pace is measured elsewhere
    with tempfile.TemporaryDirectory() as folder, Server(manners).running() as server:
        home = Path(folder)
        statuses = server.fill([f"Message {n} #{TAG}" for n in range(times * MOST_PAGES)])
        prepared(home, server.urls[0], page_limit=1, delay_s=0)
        kills = 0
        for _ in range(times):
            until = manners.counted["paged"] + moments.randint(1, MOST_PAGES)
            instant_s = moments.uniform(0, 0.03)  # anywhere in the life of a page
            with crawling(home) as process:
                while manners.counted["paged"] < until and process.poll() is None:
                    time.sleep(0.001)
                time.sleep(instant_s)
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
        with crawling(home) as process:
            process.wait()
        with sqlite3.connect(home / "spool.sqlite") as base:
            found = [one for (one,) in base.execute("SELECT id FROM items")]
            [(counted,)] = base.execute("SELECT sum(number) FROM outcomes WHERE outcome = 'kept'")
        keys = Keyring(home / "keys")
        expected = {keys.record("mastodon", status["uri"]) for status in statuses}
    print(
        f"{kills} kills among {len(expected)} posts: {len(expected - set(found))} lost, "
        f"{len(found) - len(set(found))} stored twice, {counted - len(expected)} counted twice, "
        f"{len(set(found) - expected)} unknown"
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--scale", type=float, default=20.0, help="how many times faster than the platform's own limit")
    words.add_argument("--pages", type=int, default=300, help="pages asked for at that pace; 0: none")
    words.add_argument("--kills", type=int, default=0, help="how many times it is killed")
    words.add_argument("--seed", type=int, default=4)
    asked = words.parse_args()
    if asked.pages:
        rate(asked.pages, asked.scale)
    if asked.kills:
        killed(asked.kills, asked.seed)


if __name__ == "__main__":
    main()
