"""Reads whether a text is for or against a proposal: probabilities, and the sentence that decided."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nlp.calibration import UNCALIBRATED, Calibration, Family, read_calibration
from nlp.models import resolve
from nlp.models.backends import FILE, Backend, Evidence, open_classifier, open_onnx, open_torch
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
    """A reader, whatever runs it. Probabilities do not depend on which pairs are read together.

    `families` says, for each pair, what its text comes from: the calibration differs (None: all social).
    """

    backend: Backend
    calibration: Calibration = UNCALIBRATED

    @property
    def version(self) -> str:
        return self.backend.version

    def predict(self, pairs: Sequence[Pair], families: Sequence[Family] | None = None) -> NDArray[np.float32]:
        """(n, 3) calibrated probabilities of favour, against and unclear (order of STANCES), rows as the pairs."""
        return self._calibrated(self.backend.logits(pairs), families)

    def _calibrated(self, logits: NDArray[np.float32], families: Sequence[Family] | None) -> NDArray[np.float32]:
        return self.calibration.apply(softmax(logits / self.backend.temperature), families)

    def read(
        self, pairs: Sequence[Pair], families: Sequence[Family] | None = None
    ) -> tuple[NDArray[np.float32], list[int]]:
        """What `predict` says, and the rank, in `sentences(text)`, of the sentence that decided.

        The head is linear over the mean of the tokens, so each token's part in the answer is known exactly; the
        sentence whose tokens pull most towards the answer decided. A model that is not ours reads each sentence
        alone instead.
        """
        if self.backend.evidence is None:
            probabilities = self.predict(pairs, families)
            return probabilities, self._read_alone(pairs, probabilities)
        logits, evidence = self.backend.evidence(pairs)
        probabilities = self._calibrated(logits, families)
        answers = probabilities.argmax(axis=1).tolist()
        ranks = [_strongest(*found) for found in zip(pairs, evidence, answers, strict=True)]
        return probabilities, ranks

    def span(self, pair: Pair) -> str:
        """The deciding sentence of one text, or the whole text where it is one sentence."""
        pieces = sentences(pair.text)
        return pieces[self.read([pair])[1][0]] if len(pieces) > 1 else pair.text

    def _read_alone(self, pairs: Sequence[Pair], probabilities: NDArray[np.float32]) -> list[int]:
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


def _strongest(pair: Pair, evidence: Evidence, answer: int) -> int:
    """Rank of the sentence that gives most to `answer` over the other two, summed over its tokens."""
    pieces = sentences(pair.text)
    if len(pieces) < 2 or not len(evidence.starts):
        return 0
    ends, end = [], 0
    for piece in pieces:
        end = pair.text.index(piece.split()[0], end) + len(piece)
        ends.append(end)
    pull = evidence.given[:, answer] - evidence.given.mean(axis=1)
    owner = np.minimum(np.searchsorted(ends, evidence.starts, side="right"), len(pieces) - 1)
    return int(np.bincount(owner, pull, len(pieces)).argmax())


def digest_of_reader(folder: Path) -> str:
    """`sha256:` and the digest of our file: a calibration is of one file, not of a name."""
    with (folder / FILE).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def load_stance(name: str, backend: Literal["onnx", "torch"], cache: Path, threads: int) -> StanceModel:
    """The stance model `name` (see `nlp.models.resolve`), run by `backend` on `threads` threads (0: every core).

    A folder that holds our `stance.onnx` runs on both backends. Any other is a transformers classifier, which only
    torch runs. Raises ModelUnavailable, or ConfigurationError when the backend or the labels do not fit.
    """
    folder = resolve(name, cache)
    if (folder / FILE).is_file():
        opened = open_onnx(folder, threads) if backend == "onnx" else open_torch(folder, threads)
        return StanceModel(opened, read_calibration(digest_of_reader(folder)))
    if backend == "onnx":
        raise ConfigurationError(
            f"nlp.stance_backend: {name} holds no {FILE}; set the backend to torch to run a transformers classifier"
        )
    return StanceModel(open_classifier(folder, threads))
