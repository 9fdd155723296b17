"""Posts per second of each stage of understanding, on one core, and the cost of matching as the catalogue grows.

    python benchmarks/nlp_stages.py [--posts 5000] [--folds 0] [--jsonl FILE with a "text" a row]

Times are processor time of this process, so that a busy machine changes them little.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nlp.embeddings import load_embedder
from nlp.folding import FoldStore
from nlp.language import detect
from nlp.matching import Matcher
from nlp.topics import SAMPLE, Topics
from polyphonie.records import Post, Proposal, record_id

CORPUS = Path(__file__).resolve().parent.parent / "nlp" / "corpus"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
BATCH = 512


def rows(pattern: str) -> list[dict[str, str]]:
    return [json.loads(row) for file in sorted(CORPUS.glob(pattern)) for row in file.open(encoding="utf-8")]


def varied(texts: list[str], number: int, seed: int) -> Iterator[str]:
    """`number` texts as long as the given ones, each a mix of the halves of two."""
    draw = random.Random(seed)
    for _ in range(number):
        one, other = draw.choice(texts).split(), draw.choice(texts).split()
        yield " ".join(one[: len(one) // 2] + other[len(other) // 2 :])


def posts_of(texts: list[str], name: str) -> list[Post]:
    return [
        Post(id=record_id(name, n), source="banc", kind="post", text=text, created_at=NOW, received_at=NOW, at=NOW)
        for n, text in enumerate(texts)
    ]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def batched(posts: list[Post], store: FoldStore, size: int = BATCH) -> None:
    for start in range(0, len(posts), size):
        store.fold(posts[start : start + size])


def catalogue(number: int, statements: list[dict[str, str]], texts: list[str]) -> list[Proposal]:
    """The statements of the corpus, then as many made ones as are needed."""
    lines = [row["statement"] for row in statements] + list(varied(texts, max(0, number - len(statements)), seed=9))
    return [Proposal(id=f"p{n}", title=f"Proposition {n}", statement=line) for n, line in enumerate(lines[:number])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=5_000)
    parser.add_argument("--folds", type=int, default=0, help="folds already in the store")
    parser.add_argument("--jsonl", type=Path, default=None)
    asked = parser.parse_args()
    source = [row["text"] for row in rows("*_posts.jsonl")]
    given = [json.loads(row)["text"] for row in asked.jsonl.open(encoding="utf-8")] if asked.jsonl else source
    texts = given[: asked.posts] if asked.jsonl else list(varied(given, asked.posts, seed=1))
    number = len(texts)
    table = Table("stage", "posts/s of one core", "note")

    detect(["une phrase pour charger le modèle"])
    table.add_row("language", f"{number / seconds(lambda: detect(texts)):,.0f}", "")

    with tempfile.TemporaryDirectory() as folder, FoldStore(Path(folder) / "folds.sqlite") as store:
        for start in range(0, asked.folds, 50_000):
            many = min(50_000, asked.folds - start)
            batched(posts_of(list(varied(source, many, seed=100 + start)), f"before{start}"), store, 10_000)
        behind = len(store)
        spent = seconds(lambda: batched(posts_of(texts, "now"), store))
        table.add_row("folding", f"{number / spent:,.0f}", f"{behind:,} folds behind")

    embedder = load_embedder(threads=1)
    embedder.encode(texts[:8])
    kept = texts[:SAMPLE]
    vectors = embedder.encode(kept[:1])
    spent = seconds(lambda: embedder.encode(kept))
    table.add_row("embedding", f"{len(kept) / spent:,.0f}", embedder.version)
    vectors = embedder.encode(kept)

    base = 0.0
    for proposals in (10, 100, 1_000):
        matcher = Matcher(catalogue(proposals, rows("*_proposals.jsonl"), source), embedder)
        matcher.match(kept[:8], vectors[:8])
        spent = seconds(
            lambda matcher=matcher: [
                matcher.match(kept[at : at + BATCH], vectors[at : at + BATCH]) for at in range(0, len(kept), BATCH)
            ]
        )
        cost = spent / len(kept) * 1e6
        base = base or cost
        note = f"{cost:,.0f} µs a post, x {cost / base:.1f} of 10 proposals"
        table.add_row(f"matching, {proposals} proposals", f"{len(kept) / spent:,.0f}", note)

    topics = Topics()
    topics.discover(kept[:200], vectors[:200], NOW)  # imports and compilation
    spent = seconds(lambda: topics.discover(kept, vectors, NOW))
    table.add_row("topics, discovery", f"{len(kept) / spent:,.0f}", f"{spent:.1f} s for {len(kept):,} texts")
    spent = seconds(lambda: topics.assign(vectors))
    table.add_row("topics, stream", f"{len(kept) / spent:,.0f}", f"{len(topics.describe())} topics")
    Console().print(table)


if __name__ == "__main__":
    main()
