"""How fast positions become tallies, how much memory that takes, and how fast a page reads tallies back.

    python benchmarks/measure.py --positions 1000000

Positions are made in memory and given as the index would give them, so the first figures are those of the arithmetic;
tallies are then written to an embedded engine in a temporary folder and read as the overview reads them.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from index.documents import tally_document
from index.embedded import EmbeddedEngine
from measures.overview import curve, overview
from measures.popularity import Confusion
from measures.tallies import read_counts, tally
from measures.window import View
from polyphonie.pseudonyms import epoch_of

PROPOSALS, SOURCES, DAYS = 30, 4, 60
FIRST = date(2026, 1, 5)
CONFUSION = Confusion(np.array([[800, 150, 50], [120, 830, 50], [100, 100, 300]], float), "bench")


def positions(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Documents with the fields that tallies read: one in five a copy, three in ten declared."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, 10_000):
        n = min(10_000, count - start)
        keys = rng.integers(0, 2**63, (n, 2))
        codes = rng.integers(0, [PROPOSALS, SOURCES, DAYS, 10, 3, 5_000], (n, 6))
        for (voice, post), (proposal, source, day, declared, stance, fold) in zip(keys, codes, strict=True):
            on = FIRST + timedelta(days=int(day))
            yield {
                "proposal": f"proposal-{proposal}",
                "source": f"source-{source}",
                "origin": "declared" if declared < 3 else "predicted",
                "stance": ("favour", "against", "unclear")[stance],
                "voice": f"{voice:032x}"[::-1],
                "post": f"{post:032x}"[::-1],
                "fold": f"{fold + 1:016x}" if declared % 5 == 0 else None,
                "reach": 1 if fold % 4 else 3,
                "epoch": epoch_of(datetime(on.year, on.month, on.day, tzinfo=UTC), 7),
                "at": f"{on}T12:00:00Z",
                "counted": True,
            }


def percentiles(read: Callable[[], Any], times: int = 20) -> str:
    """Wall times, and processor time beside them because a busy machine doubles the first."""
    wall, processor = [], []
    for _ in range(times):
        began, spent = time.perf_counter(), time.process_time()
        read()
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - spent)
    p50, p95 = np.quantile(wall, [0.5, 0.95])
    return f"p50 {p50:.3f} s, p95 {p95:.3f} s, processor {np.median(processor):.3f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=1_000_000)
    count = parser.parse_args().positions

    began = time.perf_counter()
    for _ in positions(count):
        pass
    making = time.perf_counter() - began

    began = time.perf_counter()
    tallies = list(tally(positions(count)))
    spent = time.perf_counter() - began - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"{count:,} positions -> {len(tallies):,} tallies in {spent:.1f} s ({count / spent:,.0f}/s)")
    print(f"peak memory {peak:,.0f} MiB, the tallies held here included")

    with tempfile.TemporaryDirectory() as folder:
        engine = EmbeddedEngine(Path(folder))
        began = time.perf_counter()
        engine.write("tallies", (tally_document(each) for each in tallies))
        print(f"written in {time.perf_counter() - began:.1f} s")
        whole = View(FIRST, FIRST + timedelta(days=DAYS))
        half = View(FIRST + timedelta(days=DAYS // 2), FIRST + timedelta(days=DAYS))
        print("read_counts, 60 days:", percentiles(lambda: read_counts(engine, whole, ("proposal", "day"))))
        print("overview, 30 days and the 30 before:", percentiles(lambda: overview(engine, half, 11, CONFUSION)))
        print("curve, 60 daily steps:", percentiles(lambda: curve(engine, "proposal-3", whole, 11, CONFUSION, 1)))
        engine.close()


if __name__ == "__main__":
    main()
