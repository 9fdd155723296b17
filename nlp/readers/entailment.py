"""A Hugging Face classifier as a reader: a larger NLI model, or a stance model, run by transformers.

Three outputs (entailment, neutral, contradiction, or favour, against, unclear) are read as the stance model's are: the
text entails the statement, or contradicts it. Two outputs (entailment or not, as zero-shot models have) cannot tell an
opponent from somebody who speaks of something else, so two hypotheses are read: that the author is in favour, and that
the author is against. Taken as two answers that cannot both be yes, with probabilities f and a:
favour ~ f (1 - a), against ~ a (1 - f), neither ~ (1 - f) (1 - a), divided by their sum 1 - f a.
(Yin, Hay & Roth 2019, doi:10.18653/v1/D19-1404, for entailment as a classifier.)
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlp.models import resolve
from nlp.models.backends import BATCH, by_length, open_classifier
from nlp.models.pairs import LIMIT, Pair, clean
from nlp.readers import Answer, Told
from nlp.stance import softmax
from polyphonie.errors import ConfigurationError, ModelUnavailable

IN_FAVOUR = "L'auteur de ce message est favorable à cette proposition : {}"
OPPOSED = "L'auteur de ce message est opposé à cette proposition : {}"
_TOLD: tuple[Told, ...] = ("favour", "against", "neither")
Odds = NDArray[np.float32]


@dataclass(frozen=True)
class EntailmentReader:
    """odds: (n, 3) probabilities of favour, against and neither, rows as the pairs."""

    name: str
    version: str
    odds: Callable[[Sequence[Pair]], Odds]
    together: int = BATCH

    def read(self, pairs: Sequence[Pair]) -> list[Answer]:
        """The likeliest of the three, and their probabilities."""
        if not pairs:
            return []
        rows = self.odds(pairs).tolist()
        return [Answer(_TOLD[int(np.argmax(row))], (row[0], row[1], row[2])) for row in rows]


def load_entailment(name: str, cache: Path, threads: int) -> EntailmentReader:
    """The classifier `name` (see `nlp.models.resolve`), run by torch on `threads` threads (0: every core).

    Raises ModelUnavailable, or ConfigurationError when its outputs are not those that are known here.
    """
    folder = resolve(name, cache)
    # Not its path, which says where somebody keeps their files.
    short = folder.name if Path(name).expanduser().is_dir() else name
    try:
        described = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{name} is not a classifier that transformers can open: {error}") from error
    return EntailmentReader(short, f"{short}.{_digest(folder)}", _odds(name, folder, described, threads))


def both(favour: Odds, against: Odds) -> Odds:
    """(n, 3) probabilities from two answers, each (n,): that the author is in favour, and is against."""
    joint = np.stack([favour * (1 - against), against * (1 - favour), (1 - favour) * (1 - against)], axis=1)
    total = joint.sum(axis=1, keepdims=True)
    # A reader that is sure of both has said nothing.
    return np.asarray(np.where(total > 1e-6, joint / np.maximum(total, 1e-6), (0.0, 0.0, 1.0)), np.float32)


def _odds(
    name: str, folder: Path, described: dict[str, dict[str, str]], threads: int
) -> Callable[[Sequence[Pair]], Odds]:
    labels = [label.strip().lower() for _, label in sorted(described.get("id2label", {}).items(), key=_rank)]
    if len(labels) != 2:
        try:
            backend = open_classifier(folder, threads)
        except ConfigurationError as error:
            raise ConfigurationError(f"readers.nli: {name}: its outputs are {labels}; they must name sides") from error
        return lambda pairs: softmax(backend.logits(pairs))
    entails = [place for place, label in enumerate(labels) if label.startswith("entail")]
    if len(entails) != 1:
        raise ConfigurationError(f"readers.nli: {name}: two outputs, {labels}, of which one must be entailment")
    probability = _open_binary(folder, threads, entails[0])

    def odds(pairs: Sequence[Pair]) -> Odds:
        said = probability(pairs, IN_FAVOUR), probability(pairs, OPPOSED)
        return both(*said)

    return odds


def _rank(item: tuple[str, str]) -> int:
    return int(item[0])


def _open_binary(folder: Path, threads: int, entails: int) -> Callable[[Sequence[Pair], str], Odds]:
    import torch  # seconds to import, which other commands are spared
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(threads or os.cpu_count() or 1)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{folder.name} is not a classifier that transformers can open: {error}") from error

    @torch.inference_mode()
    def run(pairs: Sequence[Pair], hypothesis: str) -> Odds:
        texts = [clean(f"{pair.parent}\n{pair.text}" if pair.parent else pair.text) for pair in pairs]
        hypotheses = [hypothesis.format(clean(pair.proposal)) for pair in pairs]
        inputs = tokenizer(
            texts, hypotheses, truncation="only_first", max_length=2 * LIMIT, padding=True, return_tensors="pt"
        )
        found: Odds = model(**inputs).logits.softmax(dim=1)[:, [entails, 1 - entails]].float().numpy()
        return np.pad(found, ((0, 0), (0, 1)))

    def probability(pairs: Sequence[Pair], hypothesis: str) -> Odds:
        rows = by_length([len(pair.text) for pair in pairs], lambda chosen: run([pairs[i] for i in chosen], hypothesis))
        return np.asarray(rows[:, 0], np.float32)

    return probability


def _digest(folder: Path) -> str:
    """Of the configuration and of the sizes of the files: weights of a gigabyte are not read for a name."""
    files = sorted((path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file())
    told = (folder / "config.json").read_bytes() + json.dumps([files, IN_FAVOUR, OPPOSED, LIMIT]).encode()
    return blake2b(told, digest_size=4).hexdigest()
