"""How well posts find their proposal, and what the gate costs as the catalogue grows.

    python benchmarks/matching_quality.py [--shared ../shared/data] [--posts 2000] [--set NAME ...]

Recall@5: the true proposal is among the five best. At the threshold (`nlp.match_threshold`): the share of the pairs
kept that are right, and the share of posts whose proposal is kept. An argument that is right about a proposal which
nearly repeats its own counts as wrong, so precision is a lower bound. Costs are processor time of this process.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from nlp.embeddings import Embedder, load_embedder
from nlp.matching import MOST, Matcher
from nlp.train.examples import ROBUST, read_jsonl
from polyphonie.records import Proposal
from polyphonie.settings import NlpSettings

CORPUS = Path(__file__).resolve().parent.parent / "nlp" / "corpus"
SEED = 17


@dataclass(frozen=True)
class MatchingSet:
    """A catalogue, and posts (text, parent if any) with the place of the proposal that each is about."""

    name: str
    proposals: tuple[Proposal, ...]
    texts: tuple[str, ...]
    parents: tuple[str | None, ...]
    truth: tuple[int, ...]


def consultation(folder: Path, name: str) -> MatchingSet:
    """Arguments against all the proposals of their consultation: a title is all that a catalogue would know of one."""
    rows = read_jsonl(folder / f"{name}_proposals.jsonl")
    place = {row["proposal_id"]: number for number, row in enumerate(rows)}
    proposals = tuple(Proposal(id=f"p{n}", title=row["title"], statement=row["title"]) for n, row in enumerate(rows))
    posts = [row for row in read_jsonl(folder / f"{name}_arguments.jsonl") if row["proposal_id"] in place]
    texts = tuple(row["text"] for row in posts)
    return MatchingSet(name, proposals, texts, (None,) * len(posts), tuple(place[row["proposal_id"]] for row in posts))


def corpus(name: str, robust: bool) -> MatchingSet:
    """Our posts against every proposal of the corpus, the robustness set's included; keywords are what it lacks."""
    rows = [row for path in sorted(CORPUS.glob("*_proposals.jsonl")) for row in read_jsonl(path)]
    place = {row["id"]: number for number, row in enumerate(rows)}
    files = [path for path in sorted(CORPUS.glob("*_posts.jsonl")) if path.name.startswith(ROBUST) == robust]
    posts = [row for path in files for row in read_jsonl(path)]
    return MatchingSet(
        name,
        tuple(_proposal(number, row) for number, row in enumerate(rows)),
        tuple(row["text"] for row in posts),
        tuple(row["parent"] for row in posts),
        tuple(place[row["proposal"]] for row in posts),
    )


def _proposal(number: int, row: dict[str, Any]) -> Proposal:
    return Proposal(
        id=f"p{number}",
        title=row["statement"],
        statement=row["statement"],
        negation=row["negation"],
        paraphrases=tuple(row["paraphrases"]),
    )


def drawn(asked: MatchingSet, most: int) -> MatchingSet:
    """At most `most` of its posts, always the same ones."""
    if len(asked.texts) <= most:
        return asked
    kept = np.sort(np.random.default_rng(SEED).choice(len(asked.texts), most, replace=False))
    texts, parents, truth = (
        tuple(column[place] for place in kept) for column in (asked.texts, asked.parents, asked.truth)
    )
    return MatchingSet(asked.name, asked.proposals, texts, parents, truth)


def quality(asked: MatchingSet, embedder: Embedder, threshold: float) -> tuple[float, float, float, float]:
    """Recall@5, precision and recall at the threshold, and pairs kept a post."""
    matcher = Matcher(asked.proposals, embedder)
    vectors = embedder.encode(asked.texts)
    found = matcher.match(asked.texts, vectors, asked.parents, threshold=0.0, margin=float("inf"))
    wanted = [asked.proposals[place].id for place in asked.truth]
    best = np.mean([want in {match.proposal for match in five} for want, five in zip(wanted, found, strict=True)])
    touched = matcher.match(asked.texts, vectors, asked.parents, threshold)  # what enrichment would keep
    kept = [{match.proposal for match in some} for some in touched]
    right = sum(want in some for want, some in zip(wanted, kept, strict=True))
    pairs = sum(map(len, kept))
    return float(best), right / pairs if pairs else float("nan"), right / len(kept), pairs / len(kept)


def cost(number: int, proposals: Sequence[Proposal], texts: Sequence[str], embedder: Embedder) -> float:
    """Microseconds a post, its embedding apart, with `number` proposals."""
    matcher = Matcher(proposals[:number], embedder)
    vectors = embedder.encode(texts)
    matcher.match(texts, vectors)  # stems are remembered, as they are in a stream
    spent = []
    for _ in range(3):
        start = time.process_time()
        matcher.match(texts, vectors)
        spent.append(time.process_time() - start)
    return min(spent) / len(texts) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, help="folder with consultations/")
    parser.add_argument("--posts", type=int, default=2_000, help="of each set at most, the same ones every time")
    parser.add_argument("--set", action="append", help="only these sets (repnum, rua, corpus, robust)")
    asked = parser.parse_args()
    embedder = load_embedder(threads=1)
    threshold = NlpSettings().match_threshold

    sets = [corpus("corpus", robust=False)]
    if any(CORPUS.glob(f"{ROBUST}*_posts.jsonl")):
        sets.append(corpus("robust", robust=True))
    if asked.shared:
        sets += [consultation(asked.shared / "consultations", name) for name in ("rua", "repnum")]
    columns = ("set", "posts", "proposals", f"recall@{MOST}", f"precision at {threshold}", "recall", "pairs a post")
    table = Table(*columns)
    for each in sets:
        if asked.set and each.name not in asked.set:
            continue
        some = drawn(each, asked.posts)
        best, precision, recall, pairs = quality(some, embedder, threshold)
        figures = (f"{best:.3f}", f"{precision:.3f}", f"{recall:.3f}", f"{pairs:.2f}")
        table.add_row(each.name, f"{len(some.texts):,}", f"{len(each.proposals):,}", *figures)
    Console().print(table)

    every = [proposal for each in sets for proposal in each.proposals]
    texts = drawn(sets[0], 512).texts
    costs = Table("proposals", "µs a post", "times 10 proposals")
    base = 0.0
    for number in (10, 100, 1_000):
        if number <= len(every):
            spent = cost(number, every, texts, embedder)
            base = base or spent
            costs.add_row(f"{number:,}", f"{spent:,.0f}", f"{spent / base:.2f}")
    Console().print(costs)


if __name__ == "__main__":
    main()
