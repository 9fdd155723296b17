"""Seconds from a deletion upstream until the message is no more in the index, with a crawler and an enrichment at work.

    python benchmarks/deletion_delay.py --deletions 20

A simulated Jetstream on this machine says that messages were deleted, one at a time; `polyphonie crawl --follow` and
`polyphonie enrich --follow` run as in production, and the index is looked at from here until the message is in it no
more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from crawl_kills import CRAWL, begin

from index.opening import open_engine
from polyphonie.pseudonyms import Keyring
from polyphonie.settings import load
from simulator.live import Servers, Stage
from simulator.world import World
from simulator.world.clock import instant
from simulator.world.truth import uri

LOOK_S = 0.1
GIVEN_UP_S = 180.0
TICK = timedelta(milliseconds=1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deletions", type=int, default=20)
    parser.add_argument("--posts", type=int, default=4_000, help="messages of the world")
    options = parser.parse_args()
    os.environ["POLYPHONIE_CRAWL__CONTACT"] = "https://polyphonie.example/benchmark"
    os.environ |= {"POLYPHONIE_TEST_CRAWL_DELAY_S": "0.01", "POLYPHONIE_NLP__TOPICS": "false"}
    stage = Stage(World(seed=5, posts=options.posts, until=datetime.now(UTC)))
    with tempfile.TemporaryDirectory() as folder, Servers(stage) as servers:
        home = Path(folder, "home")
        begin(home, servers)
        moments = deletions(stage)
        stage.show(moments[0][1] - TICK)
        enrich = [sys.executable, "-m", "polyphonie.cli.app", "enrich", "--home", str(home), "--follow"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        at_work = [
            subprocess.Popen([*CRAWL, str(home), "stream", "--follow"], **quiet),
            subprocess.Popen(enrich, **quiet),
        ]
        try:
            print_table(list(delays(stage, home, moments, options.deletions)))
        finally:
            for process in at_work:
                process.kill()
                process.wait()
    return 0


def deletions(stage: Stage) -> list[tuple[str, datetime]]:
    """(uri, when it is deleted) of the messages of Bluesky that are, in order of time."""
    script = stage.world.truth().script
    gone = [one for one in script.messages if one.deleted_at and one.author.platform == "bluesky"]
    return sorted(((uri(script, one), instant(one.deleted_at)) for one in gone), key=lambda found: found[1])


def delays(stage: Stage, home: Path, moments: list[tuple[str, datetime]], wanted: int):
    """Seconds of each deletion whose message had reached the index."""
    settings = load(home)
    measured = 0
    for name, at in moments:
        stage.show(at - TICK)
        found = Keyring(settings.keys, settings.privacy.epoch_days).record("bluesky", name)
        if not until(lambda found=found: held(settings, found)):
            continue  # the gate left it out
        began = time.monotonic()
        stage.show(at + TICK)
        if not until(lambda found=found: not held(settings, found)):
            raise SystemExit(f"a deletion did not reach the index in {GIVEN_UP_S:.0f} s")
        yield time.monotonic() - began
        measured += 1
        print(f"{measured}/{wanted}", file=sys.stderr)
        if measured == wanted:
            return


def held(settings, found: str) -> bool:
    engine = open_engine(settings)
    try:
        return bool(engine.get("posts", [found]))
    finally:
        engine.close()


def until(true) -> bool:
    """Wait for something; not for a message that the gate leaves out, which never comes."""
    ends = time.monotonic() + (GIVEN_UP_S if until.warm else 2 * GIVEN_UP_S)
    quiet_until = time.monotonic() + 30 if until.warm else ends
    while time.monotonic() < min(ends, quiet_until):
        if true():
            until.warm = True
            return True
        time.sleep(LOOK_S)
    return False


until.warm = False


def print_table(seconds: list[float]) -> None:
    p50, p95 = np.quantile(seconds, [0.5, 0.95])
    print(f"{len(seconds)} deletions: p50 {p50:.1f} s, p95 {p95:.1f} s, max {max(seconds):.1f} s")


if __name__ == "__main__":
    sys.exit(main())
