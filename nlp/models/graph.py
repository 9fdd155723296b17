"""Writes the stance reader as one small ONNX file, and reads its weights back for other backends.

The word embeddings are not in it: the graph takes word vectors. Weights are 7-bit integers with one scale an output;
activations are rounded to 8 bits with one scale a **token**. The usual dynamic quantisation takes one scale for the
whole batch, so that the posts of a batch change each other's logits (0.015 measured, against 1e-7 here) and twice as
much precision is lost; it is only a fifth faster (51 pairs a second and core against 43; float32 does 30).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# 7 bits: processors without VNNI add two 8-bit products in 16 bits, which overflow with full 8-bit weights.
_WEIGHT_LEVELS, _TOKEN_LEVELS, _TOKEN_ZERO = 63, 127, 128
Arrays = Mapping[str, NDArray[np.float32]]


def quantise(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """(out, in) weights to (in, out) integers between -63 and 63, and (out,) scales."""
    scales = (np.maximum(np.abs(weight).max(axis=1), 1e-12) / _WEIGHT_LEVELS).astype(np.float32)
    return np.rint(weight.T / scales).astype(np.int8), scales


def dequantise(levels: NDArray[np.int8], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (out, in) weights that `quantise` kept."""
    return np.ascontiguousarray((levels.astype(np.float32) * scales).T)


class _Graph:
    """Collects nodes and constants; every method returns the name of what it adds."""

    def __init__(self, state: Arrays) -> None:
        self.state = state
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self.known: set[str] = set()
        self.constant("levels", np.array(_TOKEN_LEVELS, np.float32))
        self.constant("centre", np.array(_TOKEN_ZERO, np.uint8))
        self.constant("unit", np.array(1, np.float32))
        self.constant("tiny", np.array(1e-9, np.float32))
        self.constant("last", np.array([-1], np.int64))

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def round_tokens(self, x: str) -> str:
        """Each token of x (b, t, in) as bytes around 128; its scale, (b, t, 1), is named `x.scale`."""
        rounded = f"{x}.rounded"
        if rounded not in self.known:
            self.known.add(rounded)
            largest = self.add("ReduceMax", [self.add("Abs", [x], f"{x}.size"), "last"], f"{x}.largest", keepdims=1)
            largest = self.add("Max", [largest, "tiny"], f"{x}.span")
            self.add("Div", [largest, "levels"], f"{x}.scale")
            stretched = self.add("Mul", [x, self.add("Div", ["levels", largest], f"{x}.stretch")], f"{x}.stretched")
            self.add("QuantizeLinear", [stretched, "unit", "centre"], rounded)
        return rounded

    def linear(self, x: str, name: str) -> str:
        levels, scales = quantise(self.state[f"{name}.weight"])
        operands = [
            self.round_tokens(x),
            self.constant(f"{name}.weight", levels),
            "unit",
            self.constant(f"{name}.scales", scales),
            "centre",
        ]
        product = self.add("MatMulIntegerToFloat", operands, f"{name}.product", "com.microsoft")
        product = self.add("Mul", [product, f"{x}.scale"], f"{name}.scaled")
        return self.add("Add", [product, self.constant(f"{name}.bias", self.state[f"{name}.bias"])], f"{name}.out")

    def norm(self, x: str, name: str) -> str:
        gain = self.constant(f"{name}.weight", self.state[f"{name}.weight"])
        shift = self.constant(f"{name}.bias", self.state[f"{name}.bias"])
        return self.add("LayerNormalization", [x, gain, shift], f"{name}.out", axis=-1, epsilon=1e-12)

    def layer(self, x: str, prefix: str, heads: int) -> str:
        query, key, value = (self.linear(x, f"{prefix}.attention.self.{part}") for part in ("query", "key", "value"))
        seen = self.add(
            "MultiHeadAttention",
            [query, key, value, "", "mask"],
            f"{prefix}.attention.out",
            "com.microsoft",
            num_heads=heads,
        )
        seen = self.linear(seen, f"{prefix}.attention.output.dense")
        x = self.norm(self.add("Add", [seen, x], f"{prefix}.attention.sum"), f"{prefix}.attention.output.LayerNorm")
        inner = self.add("Gelu", [self.linear(x, f"{prefix}.intermediate.dense")], f"{prefix}.gelu")
        inner = self.linear(inner, f"{prefix}.output.dense")
        return self.norm(self.add("Add", [inner, x], f"{prefix}.sum"), f"{prefix}.output.LayerNorm")


def build(state: Arrays, layers: int, heads: int, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The reader as ONNX: `vectors` (b, t, width) float32 and `mask` (b, t) int32 to `logits` (b, 3).

    `evidence` (b, t, 3) is what each token gives to the logits: without the bias, they are its mean over the tokens.

    state: tensors under the names of `transformers.BertModel`, plus `head.weight` (3, width) and `head.bias`.
    """
    graph = _Graph(state)
    # Only the first segment type is ever used: its row is added to the positions once and for all.
    places = state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
    graph.constant("places", places.astype(np.float32))
    graph.add("Shape", ["mask"], "length", start=1, end=2)
    graph.constant("zero", np.array([0], np.int64))
    graph.add("Slice", ["places", "zero", "length", "zero"], "placed")
    x = graph.norm(graph.add("Add", ["vectors", "placed"], "embedded"), "embeddings.LayerNorm")
    for number in range(layers):
        x = graph.layer(x, f"encoder.layer.{number}", heads)
    _add_head(graph, x)
    width = places.shape[1]
    spec = helper.make_graph(
        graph.nodes,
        "stance",
        [
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["batch", "tokens", width]),
            helper.make_tensor_value_info("mask", TensorProto.INT32, ["batch", "tokens"]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3]),
            helper.make_tensor_value_info("evidence", TensorProto.FLOAT, ["batch", "tokens", 3]),
        ],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(spec, opset_imports=opsets, ir_version=10, producer_name="polyphonie")
    helper.set_model_props(model, dict(metadata))
    return model


def _add_head(graph: _Graph, x: str) -> None:
    """Mean of the tokens that are not padding, then a linear layer kept in float32 (it is tiny)."""
    graph.constant("one", np.array([1], np.int64))
    graph.constant("two", np.array([2], np.int64))
    graph.add("Cast", ["mask"], "kept", to=TensorProto.FLOAT)
    graph.add("Unsqueeze", ["kept", "two"], "kept_column")
    graph.add("Mul", [x, "kept_column"], "kept_states")
    graph.add("ReduceSum", ["kept_states", "one"], "total", keepdims=0)
    graph.add("ReduceSum", ["kept_column", "one"], "count", keepdims=0)
    graph.add("Div", ["total", "count"], "mean")
    graph.constant("head.weight", graph.state["head.weight"])
    graph.constant("head.bias", graph.state["head.bias"])
    graph.add("MatMul", [x, graph.constant("head.columns", graph.state["head.weight"].T)], "evidence")
    graph.add("Gemm", ["mean", "head.weight", "head.bias"], "logits", transB=1)


def read_state(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """The tensors of a file written by `build`, as float32, under the names of `transformers.BertModel`."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    state = {
        name: dequantise(values, stored[name.removesuffix("weight") + "scales"]) if values.dtype == np.int8 else values
        for name, values in stored.items()
        if name.endswith((".weight", ".bias"))
    }
    places = stored["places"]
    state["embeddings.position_embeddings.weight"] = places
    state["embeddings.token_type_embeddings.weight"] = np.zeros((2, places.shape[1]), np.float32)
    return state


def read_metadata(model: onnx.ModelProto) -> dict[str, str]:
    """What was written beside the graph: version, temperature and so on."""
    return {prop.key: prop.value for prop in model.metadata_props}
