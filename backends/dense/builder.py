"""A thin hand on ONNX: nodes, constants, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

from snnc.ir.arrays import Shape

DType: TypeAlias = Literal["f4", "f8", "i8", "u1", "s1", "i4"]
"""What carries integers: float32 up to 2^24, float64 up to 2^53, int64 beyond; and the bytes,
signed bytes and int32 of quantised convolutions."""

EXACT: dict[DType, int] = {"f4": 2**24, "f8": 2**53, "i8": 2**63 - 1}
_NUMPY: dict[DType, str] = {"s1": "i1"}

_ONNX: dict[DType, int] = {
    "f4": onnx.TensorProto.FLOAT,
    "f8": onnx.TensorProto.DOUBLE,
    "i8": onnx.TensorProto.INT64,
    "u1": onnx.TensorProto.UINT8,
    "s1": onnx.TensorProto.INT8,
    "i4": onnx.TensorProto.INT32,
}
OPSET = 20


def dtype_for(largest: int) -> DType:
    """The narrowest type that holds every integer up to ±largest exactly."""
    return next((d for d in ("f4", "f8") if largest <= EXACT[d]), "i8")


@dataclass(frozen=True)
class Wire:
    """An integer-valued tensor of the ONNX graph.

    Attributes:
        name: of the tensor, whose shape is (rows, *shape).
        shape: of one row.
        dtype: what carries the integers.
        largest: largest |value|.
        signed: can values be negative?
    """

    name: str
    shape: Shape
    dtype: DType
    largest: int
    signed: bool


@dataclass
class Builder:
    """Collects the nodes of an ONNX graph. Every operator's output gets a fresh name."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)
    types: dict[str, DType] = field(default_factory=dict)
    _maker: dict[str, onnx.NodeProto] = field(default_factory=dict)

    def input(self, name: str, dtype: DType, shape: Shape) -> str:
        """A graph input of shape (rows, *shape)."""
        self.inputs[name] = helper.make_tensor_value_info(name, _ONNX[dtype], ["rows", *shape])
        self.types[name] = dtype
        return name

    def constant(self, value: ArrayLike, dtype: DType | None = None) -> str:
        """An initializer; equal ones are not merged, the graph optimiser does not mind."""
        name = f"c{len(self.constants)}"
        numpy_type: Any = np.dtype(_NUMPY.get(dtype or "i8", dtype or "i8"))
        self.constants[name] = numpy_helper.from_array(np.asarray(value, dtype=numpy_type), name)
        return name

    def op(self, kind: str, inputs: Sequence[str], dtype: DType, **attributes: Any) -> str:
        """Add an operator; returns the name of its output, which carries `dtype`."""
        name = f"t{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], **attributes)
        self.nodes.append(node)
        self._maker[name] = node
        self.types[name] = dtype
        return name

    def floored(self, name: str) -> str | None:
        """What a tensor was floored from, if that is how it was made."""
        node = self._maker.get(name)
        return node.input[0] if node is not None and node.op_type == "Floor" else None

    def onnx_type(self, dtype: DType) -> int:
        """ONNX's number for a type."""
        return _ONNX[dtype]

    def cast(self, name: str, to: DType) -> str:
        """The tensor in another type; itself where it has that type."""
        if self.types[name] == to:
            return name
        return self.op("Cast", [name], to, to=_ONNX[to])

    def reshape(self, name: str, shape: Shape) -> str:
        """Rows of another shape."""
        target = self.constant(np.array([0, *shape] if shape else [0]))
        return self.op("Reshape", [name, target], self.types[name])

    def flat(self, wire: Wire) -> str:
        """(rows, size)."""
        if len(wire.shape) == 1:
            return wire.name
        target = self.constant(np.array([0, -1]))
        return self.op("Reshape", [wire.name, target], wire.dtype)

    def model(self, outputs: Sequence[str]) -> bytes:
        """The serialised model with these outputs; what they do not need is left out."""
        nodes = self._needed(outputs)
        used = {name for node in nodes for name in node.input}
        infos = [helper.make_tensor_value_info(n, _ONNX[self.types[n]], None) for n in outputs]
        graph = helper.make_graph(
            nodes,
            "snnc",
            [info for name, info in self.inputs.items() if name in used],
            infos,
            [tensor for name, tensor in self.constants.items() if name in used],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        return model.SerializeToString()

    def _needed(self, outputs: Sequence[str]) -> list[onnx.NodeProto]:
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(node.input)
        return kept[::-1]
