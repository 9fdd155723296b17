"""How often 95 % intervals of popularity hold the truth, how far off they are and how wide, by number of labels.

    python benchmarks/coverage.py --worlds 1000
    python benchmarks/coverage.py --shared ../shared/data --probabilities build/coverage --repeats 40

Without --shared: simulated worlds (`measures.coverage`). With it: two French consultations, where the side under which
each argument was filed is the truth, on the proposals that the reader was not trained on. Voices are drawn again with
replacement, so that the consultation is the population; what the shipped reader answers is computed once and kept in
--probabilities. Its error rates come from the other consultation, never from the one that is judged.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from measures.coverage import Coverage, World, coverage, draw_world, judged, summary
from measures.estimators import Confusion, Counts, Estimate
from measures.labelled import EXACT, Labels
from measures.popularity import LabelError, predicted_share
from measures.quantification import spread
from nlp.models.pairs import Pair
from nlp.stance import load_stance
from nlp.train.consultations import part_of
from nlp.train.examples import read_jsonl

LEAST_VOICES = 20


@dataclass(frozen=True)
class Consultation:
    """Arguments: truth and answer (0 favour, 1 against, 2 unclear), proposal and author as numbers, (n,) each."""

    name: str
    truth: NDArray[np.int64]
    answered: NDArray[np.int64]
    proposal: NDArray[np.int64]
    author: NDArray[np.int64]

    def confusion(self) -> Confusion:
        counts = np.zeros((3, 3))
        np.add.at(counts, (self.truth, self.answered), 1)
        return Confusion(counts, self.name, *spread(self.truth, self.answered, self.proposal))


def read_consultation(name: str, shared: Path, kept: Path) -> Consultation:
    path = shared / "consultations" / f"{name}_arguments.jsonl"
    # The reader has seen the others.
    rows = [row for row in read_jsonl(path) if part_of(row["proposal_id"]) != "training"]
    cache = kept / f"{name}.npy"
    if not cache.exists():
        model = load_stance("polyphonie/stance-fr", "onnx", Path("build/models"), 1)
        kept.mkdir(parents=True, exist_ok=True)
        np.save(cache, model.predict([Pair(row["proposal"], row["text"]) for row in rows]))
    probabilities = np.load(cache)
    numbers = [np.unique([row[key] for row in rows], return_inverse=True)[1] for key in ("proposal_id", "author")]
    truth = np.array([0 if row["stance"] == "FOR" else 1 for row in rows])
    return Consultation(name, truth, probabilities.argmax(axis=1), *numbers)


def drawn_again(each: Consultation, chosen: NDArray[np.int64], confusion: Confusion, rng: Generator) -> World:
    """As many voices as there are, drawn with replacement, each with all that it argued; `chosen` are rows."""
    voices, owner = np.unique(each.author[chosen], return_inverse=True)
    order, sizes = np.argsort(owner, kind="stable"), np.bincount(owner)
    starts = np.cumsum(sizes) - sizes
    taken = rng.integers(0, len(voices), len(voices))
    rows = chosen[np.concatenate([order[starts[voice] : starts[voice] + sizes[voice]] for voice in taken])]
    names = np.repeat(rng.integers(0, 2**64, len(taken), dtype=np.uint64), sizes[taken])
    share = float((each.truth[chosen] == 0).mean())
    return World(share, confusion, each.answered[rows], each.truth[rows], names, np.ones(len(rows)))


@dataclass(frozen=True)
class Estimates:
    """The estimator that the written rule chooses, with an error of labels."""

    error: LabelError | None

    def __call__(self, counts: Counts, labels: Labels | None, confusion: Confusion | None) -> Estimate:
        return predicted_share(counts, confusion, (labels,) if labels else (), self.error)


def tell(title: str, numbers: Sequence[int], found: Sequence[Coverage]) -> None:
    print(f"\n{title}\nlabels  covered         MAE raw  MAE  width  (median)")
    for number, each in zip(numbers, found, strict=True):
        print(
            f"{number:6}  {each.covered:.3f} ± {1.96 * each.doubt:.3f}  {each.raw:.3f}   {each.corrected:.3f}"
            f"  {each.width:.3f}  ({each.median:.3f})  n = {each.worlds}"
        )
    widths = np.array([each.width for each in found])
    under = np.flatnonzero(widths <= widths[0] / 2)
    if len(under):
        last = under[0]
        halving = np.interp(-widths[0] / 2, -widths[last - 1 : last + 1], numbers[last - 1 : last + 1])
        print(f"half the width with about {halving:.0f} labels", flush=True)


def simulated(worlds: int, numbers: Sequence[int], asides: Sequence[float]) -> None:
    for neither in asides:
        rng = np.random.default_rng(7)
        drawn = [draw_world(rng, neither) for _ in range(worlds)]
        found = [coverage(drawn, number, Estimates(None), np.random.default_rng(number)) for number in numbers]
        tell(f"simulated worlds, {neither:.0%} of posts take no side, labels wrong at 10 %", numbers, found)


def real(shared: Path, kept: Path, repeats: int) -> None:
    numbers = (0, 50, 200, 1000)
    both = [read_consultation(name, shared, kept) for name in ("repnum", "rua")]
    for each, other in zip(both, reversed(both), strict=True):
        confusion = other.confusion()
        print(f"\n{each.name}: rates of {confusion.name}, worth {confusion.rows}, together {confusion.together:.2f}")
        rng = np.random.default_rng(11)
        everything = np.arange(len(each.truth))
        pooled = [drawn_again(each, everything, confusion, rng) for _ in range(5 * repeats)]
        found = [coverage(pooled, number, Estimates(EXACT), np.random.default_rng(number)) for number in numbers]
        tell(f"{each.name}, all proposals pooled", numbers, found)
        worlds = list(_proposals(each, confusion, repeats, rng))
        # Labels are spread over all arguments: a proposal gets its part of them.
        parts = [number / len(each.truth) for number in numbers]
        found = [_spread_over(worlds, part, np.random.default_rng(number)) for number, part in enumerate(parts)]
        tell(f"{each.name}, each proposal of {LEAST_VOICES} voices or more; labels over all", numbers, found)


def _proposals(each: Consultation, confusion: Confusion, repeats: int, rng: Generator) -> Iterator[World]:
    for proposal in np.unique(each.proposal):
        chosen = np.flatnonzero(each.proposal == proposal)
        if len(np.unique(each.author[chosen])) >= LEAST_VOICES:
            for _ in range(repeats):
                yield drawn_again(each, chosen, confusion, rng)


def _spread_over(worlds: Sequence[World], part: float, rng: Generator) -> Coverage:
    return summary([judged(world, part * len(world.names), Estimates(EXACT), rng) for world in worlds])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--labels", type=int, nargs="+", default=[0, 10, 25, 50, 100, 200, 400, 1000])
    parser.add_argument("--neither", type=float, nargs="+", default=[0.0, 0.2], help="shares of posts without a side")
    parser.add_argument("--shared", type=Path, help="folder with consultations/")
    parser.add_argument("--probabilities", type=Path, default=Path("build/coverage"))
    parser.add_argument("--repeats", type=int, default=40, help="draws of each proposal; five times as many pooled")
    options = parser.parse_args()
    if options.shared:
        real(options.shared, options.probabilities, options.repeats)
    else:
        simulated(options.worlds, options.labels, options.neither)


if __name__ == "__main__":
    main()
