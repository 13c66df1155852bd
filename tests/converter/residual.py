"""ONNX of a residual network of any depth, written node by node."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.numpy_helper import from_array


class _Writer:
    """Collects nodes and constants; every method returns the name of what it adds."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(0)

    def constant(self, name: str, value: Any, dtype: type = np.float32) -> str:
        self.constants.append(from_array(np.asarray(value, dtype=dtype), name))
        return name

    def op(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def activation(self, x: str, name: str) -> str:
        x = self.op("Clip", [x, "zero", "levels"], f"{name}.clip")
        return self.op("Mul", [self.op("Round", [x], f"{name}.round"), "step"], name)

    def conv(self, x: str, name: str, inputs: int) -> str:
        weight = self.constant(f"{name}.w", self._random.normal(size=(self.channels, inputs, 3, 3)))
        bias = self.constant(f"{name}.b", self._random.normal(size=self.channels))
        return self.op("Conv", [x, weight, bias], name, pads=[1] * 4, kernel_shape=[3, 3])


def residual_onnx(n_blocks: int, *, channels: int = 4, side: int = 4) -> onnx.ModelProto:
    """A stem, blocks of two convolutions around which the stream passes, a pool and a head.

    Every block has nine nodes: two activations (Clip, Round, Mul), two convolutions, a sum.
    """
    w = _Writer(channels)
    for name, value in (("zero", 0), ("levels", 4), ("step", 0.25)):
        w.constant(name, value)
    x = w.conv(w.activation("x", "encode"), "stem", 1)
    for n in range(n_blocks):
        y = w.conv(w.activation(x, f"block{n}.act1"), f"block{n}.conv1", channels)
        y = w.conv(w.activation(y, f"block{n}.act2"), f"block{n}.conv2", channels)
        x = w.op("Add", [x, y], f"block{n}.add")
    axes = w.constant("axes", [2, 3], np.int64)
    x = w.op("ReduceMean", [w.activation(x, "last"), axes], "pool", keepdims=0)
    w.op("Gemm", [x, w.constant("head.w", np.eye(10, channels))], "y", transB=1)
    graph = helper.make_graph(
        w.nodes,
        "residual",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 1, side, side])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 10])],
        w.constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
