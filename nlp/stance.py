"""Reads whether a text is for or against a proposal: probabilities, and the sentence that decided."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nlp.models import resolve
from nlp.models.backends import FILE, Backend, open_classifier, open_onnx, open_torch
from nlp.models.pairs import Pair
from polyphonie.errors import ConfigurationError

__all__ = ["STANCES", "Pair", "StanceModel", "load_stance", "sentences", "softmax"]

STANCES = ("favour", "against", "unclear")
_END = re.compile(r"(?<=[.!?…])[\"»’)\]]*\s+|\s*\n+\s*")
_MOST_SENTENCES = 12


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order, cut at ends of sentence and of line; pieces without a word join the last."""
    found: list[str] = []
    start = 0
    for cut in [*_END.finditer(text), None]:
        end = cut.end() if cut else len(text)
        piece = text[start:end].strip()
        start = end
        if not piece:
            continue
        if found and not re.search(r"\w", piece):
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 3) logits to probabilities."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


@dataclass(frozen=True)
class StanceModel:
    """A reader, whatever runs it. Probabilities do not depend on which pairs are read together."""

    backend: Backend

    @property
    def version(self) -> str:
        return self.backend.version

    def predict(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """(n, 3) calibrated probabilities of favour, against and unclear (order of STANCES), rows as the pairs."""
        return softmax(self.backend.logits(pairs) / self.backend.temperature)

    def deciding(self, pairs: Sequence[Pair], probabilities: NDArray[np.float32]) -> list[int]:
        """Rank, in `sentences(text)`, of the sentence that says most clearly, alone, what the whole text was read as.

        probabilities: (n, 3), what `predict` said of the pairs. Texts of one sentence cost nothing; in others the
        first twelve sentences are read, in one batch.
        """
        alone, owners = [], []
        for number, pair in enumerate(pairs):
            pieces = sentences(pair.text)[:_MOST_SENTENCES]
            if len(pieces) > 1:
                alone += [Pair(pair.proposal, piece, pair.parent) for piece in pieces]
                owners += [number] * len(pieces)
        ranks = [0] * len(pairs)
        if not alone:
            return ranks
        read_as = probabilities.argmax(axis=1)[owners]
        clear = self.predict(alone)[np.arange(len(alone)), read_as]
        for number in set(owners):
            ranks[number] = int(clear[np.array(owners) == number].argmax())
        return ranks

    def spans(self, pairs: Sequence[Pair], probabilities: NDArray[np.float32]) -> list[str]:
        """The deciding sentence of each pair's text (the whole text where it is one sentence)."""
        ranks = self.deciding(pairs, probabilities)
        return [
            pieces[rank] if len(pieces := sentences(pair.text)) > 1 else pair.text
            for pair, rank in zip(pairs, ranks, strict=True)
        ]

    def span(self, pair: Pair) -> str:
        """The deciding sentence of one text; `spans` is cheaper for many."""
        return self.spans([pair], self.predict([pair]))[0] if len(sentences(pair.text)) > 1 else pair.text


def load_stance(name: str, backend: Literal["onnx", "torch"], cache: Path, threads: int) -> StanceModel:
    """The stance model `name` (see `nlp.models.resolve`), run by `backend` on `threads` threads (0: every core).

    A folder that holds our `stance.onnx` runs on both backends. Any other is a transformers classifier, which only
    torch runs. Raises ModelUnavailable, or ConfigurationError when the backend or the labels do not fit.
    """
    folder = resolve(name, cache)
    if (folder / FILE).is_file():
        return StanceModel(open_onnx(folder, threads) if backend == "onnx" else open_torch(folder, threads))
    if backend == "onnx":
        raise ConfigurationError(
            f"nlp.stance_backend: {name} holds no {FILE}; set the backend to torch to run a transformers classifier"
        )
    return StanceModel(open_classifier(folder, threads))
