"""How long the dashboard's questions take with many positions behind them, on either engine.

    python benchmarks/aggregations.py --posts 1000000 --engine embedded
    python benchmarks/aggregations.py --posts 1000000 --engine elasticsearch --url http://127.0.0.1:9200

Positions are drawn at random over 60 days, 14 proposals and 4 sources, with three voices for five positions; then each
question is asked 30 times, its window moved a little each time so that no answer is remembered. What was written is
used again by a later run: in `--folder`, or under the prefix `benchmark` of the server.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from index.elastic import ElasticEngine
from index.embedded import EmbeddedEngine
from index.engine import Document, Engine, Where

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 60
TIMES = 30
STANCES = ("favour", "against", "unclear")
WORDS = np.array(
    "retraite hôpital climat énergie logement loyers impôts transports vélo train autoroute nucléaire solaire police"
    " justice égalité travail salaire chômage entreprise commune région député sénat référendum citoyens débat projet"
    " réforme financement dette budget santé médecins école universités agriculture alimentation culture sport".split()
)


def made_positions(number: int) -> Iterator[Document]:
    """Random positions, of which stance follows proposal and source."""
    draw = np.random.default_rng(5)
    proposal = draw.zipf(1.4, number) % 14
    source = draw.integers(0, 4, number)
    leaning = (proposal * 7 + source * 3) % 10 / 10
    p_favour = np.clip(draw.normal(leaning, 0.3), 0, 1).round(3)
    stance = np.where(p_favour > 0.55, 0, np.where(p_favour < 0.4, 1, 2))
    second = draw.integers(0, DAYS * 86_400, number)
    voice = draw.integers(0, max(1, number * 3 // 5), number)
    words = draw.integers(0, len(WORDS), (number, 14))
    for n in range(number):
        at = (START + timedelta(seconds=int(second[n]))).isoformat()
        favour = float(p_favour[n])
        yield {
            "id": f"{n:032x}", "post": f"{n:032x}", "proposal": f"proposition-{proposal[n]}",
            "stance": STANCES[stance[n]], "p_favour": favour, "p_against": round((1 - favour) * 0.7, 3),
            "p_unclear": round((1 - favour) * 0.3, 3), "origin": "predicted", "voice": f"{voice[n]:032x}",
            "source": f"source-{source[n]}", "epoch": int(second[n]) // 604_800, "created_at": at, "at": at,
            "received_at": at, "text": " ".join(WORDS[words[n]]), "kind": "post", "lang": "fr",
            "topic": f"sujet-{words[n, 0]}", "sector": f"secteur-{proposal[n] % 6}", "counted": True,
            "reach": 1 + int(words[n, 1]), "fold": f"{n // 2:032x}", "flags": [], "hashtags": [],
        }  # fmt: skip


def terms(field: str, size: int = 20) -> dict[str, Any]:
    return {"terms": {"field": field, "size": size}}


DAILY = {"date_histogram": {"field": "at", "fixed_interval": "1d"}}


def questions(engine: Engine) -> dict[str, Callable[[Where], object]]:
    """What the pages ask, each as a function of a window."""

    def one_proposal(where: Where) -> Where:
        return Where(terms={"proposal": ["proposition-1"]}, since=where.since, until=where.until)

    def query(where: Where) -> Where:
        return Where('retraite (hôpital OU climat) SAUF "vélo train"', since=where.since, until=where.until)

    def ask(aggs: dict[str, Any], within: Callable[[Where], Where] = lambda where: where) -> Callable[[Where], object]:
        return lambda where: engine.aggregate("positions", aggs, within(where))

    by_stance = {"aggs": {"stance": terms("stance")}}
    return {
        "proposals > stances": ask({"a": terms("proposal") | by_stance}),
        "proposals > days > stances": ask({"a": terms("proposal") | {"aggs": {"day": DAILY | by_stance}}}),
        "days > stances of a proposal": ask({"a": DAILY | by_stance}, one_proposal),
        "query: days > stances": ask({"a": DAILY | by_stance}, query),
        "voices": ask({"a": {"cardinality": {"field": "voice"}}}),
        "proposals > voices": ask({"a": terms("proposal") | {"aggs": {"v": {"cardinality": {"field": "voice"}}}}}),
        "topics of a proposal, 2 posts each": ask(
            {"a": terms("topic", 10) | {"aggs": {"top": {"top_hits": {"size": 2, "sort": [{"p_favour": "desc"}]}}}}},
            one_proposal,
        ),
        "query: page of 20, best first": lambda where: engine.search("positions", query(where)),
        "query: page of 20, newest first": lambda where: engine.search("positions", query(where), newest_first=True),
        "20 newest of a proposal": lambda where: engine.search("positions", one_proposal(where), newest_first=True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=("embedded", "elasticsearch"), default="embedded")
    parser.add_argument("--url", default="http://127.0.0.1:9200")
    parser.add_argument("--folder", type=Path, help="where the embedded index is kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        if options.engine == "embedded":
            engine: Engine = EmbeddedEngine(options.folder or Path(temporary))
        else:
            engine = ElasticEngine(options.url, "benchmark")
        if engine.count("positions") != options.posts:
            engine.drop("positions")
            began = time.perf_counter()
            engine.write("positions", made_positions(options.posts))
            seconds = time.perf_counter() - began
            print(f"{options.posts} positions written in {seconds:.0f} s, {options.posts / seconds:.0f} a second")
        print(f"{options.engine}, {engine.stats()['collections']['positions']}, each question {TIMES} times, ms")
        print(f"{'':38}{'p50':>8}{'p95':>8}")
        for name, ask in questions(engine).items():
            print(f"{name:38}{'{:8.0f}{:8.0f}'.format(*np.percentile(list(timed(ask)), [50, 95]))}", flush=True)
        print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
        engine.close()


def timed(ask: Callable[[Where], object]) -> Iterator[float]:
    """Milliseconds of each answer, after one that is not counted."""
    for time_number in range(TIMES + 1):
        where = Where(since=START + timedelta(minutes=time_number), until=START + timedelta(days=DAYS))
        began = time.perf_counter()
        ask(where)
        if time_number:
            yield (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
