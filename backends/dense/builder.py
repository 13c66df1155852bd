"""A thin hand on ONNX: nodes, constants, names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

from snnc.ir.arrays import IntArray, Shape, size_of

DType: TypeAlias = Literal["f4", "f8", "i8", "u1", "s1", "i4", "b1"]
"""What carries integers: float32 up to 2^24, float64 up to 2^53, int64 beyond; the bytes, signed
bytes and int32 of quantised convolutions; and truth values."""

EXACT: dict[DType, int] = {"f4": 2**24, "f8": 2**53, "i8": 2**63 - 1}
_NUMPY: dict[DType, str] = {"s1": "i1", "b1": "?"}
COMPARISONS = ("Equal", "Greater", "GreaterOrEqual", "LessOrEqual")
CHOICES = {"Max": "GreaterOrEqual", "Min": "LessOrEqual"}
"""What the first of two has to be to the second, to be taken. ONNX Runtime 1.31.1 takes the wrong
int64 in Max, Min and ReduceMax where the upper 32 bits are equal: it compares the lower ones as
signed. Its comparisons are right."""

_ONNX: dict[DType, int] = {
    "f4": onnx.TensorProto.FLOAT,
    "f8": onnx.TensorProto.DOUBLE,
    "i8": onnx.TensorProto.INT64,
    "u1": onnx.TensorProto.UINT8,
    "s1": onnx.TensorProto.INT8,
    "i4": onnx.TensorProto.INT32,
    "b1": onnx.TensorProto.BOOL,
}
OPSET = 20
CONTRIB = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""


def dtype_for(largest: int) -> DType:
    """The narrowest type that holds every integer up to ±largest exactly."""
    return next((d for d in ("f4", "f8") if largest <= EXACT[d]), "i8")


def last_order(shape: Shape) -> IntArray:
    """Numbers of neurons in C order of their shape, the first axis, the channels, moved last."""
    return np.moveaxis(np.arange(size_of(shape)).reshape(shape), 0, -1)


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


@dataclass(frozen=True)
class Part:
    """A part of a graph: its serialised model and what that gives."""

    model: bytes
    outputs: tuple[str, ...]


@dataclass
class Builder:
    """Collects the nodes of an ONNX graph. Every operator's output gets a fresh name."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)
    input_shapes: dict[str, Shape] = field(default_factory=dict)
    types: dict[str, DType] = field(default_factory=dict)
    _maker: dict[str, onnx.NodeProto] = field(default_factory=dict)
    _ones: str = ""

    def input(self, name: str, dtype: DType, shape: Shape, rows: str = "rows") -> str:
        """A graph input of shape (rows, *shape).

        Args:
            rows: ONNX's name for their number; graph inputs of one name have as many.
        """
        self.inputs[name] = helper.make_tensor_value_info(name, _ONNX[dtype], [rows, *shape])
        self.input_shapes[name], self.types[name] = shape, dtype
        return name

    def constant(self, value: ArrayLike, dtype: DType | None = None) -> str:
        """An initializer; equal ones are not merged, the graph optimiser does not mind."""
        name = f"c{len(self.constants)}"
        numpy_type: Any = np.dtype(_NUMPY.get(dtype or "i8", dtype or "i8"))
        self.constants[name] = numpy_helper.from_array(np.asarray(value, dtype=numpy_type), name)
        return name

    def op(self, kind: str, inputs: Sequence[str], dtype: DType, **attributes: Any) -> str:
        """Add an operator; returns the name of its output, which carries `dtype`.

        Comparisons carry truth values, whatever they compare. A maximum or minimum of two int64 is
        chosen by a comparison.
        """
        if dtype == "i8" and kind in CHOICES:
            return self.op("Where", [self.op(CHOICES[kind], inputs, "b1"), *inputs], dtype)
        name = f"t{len(self.nodes)}"
        node = helper.make_node(kind, list(inputs), [name], **attributes)
        self.nodes.append(node)
        self._maker[name] = node
        self.types[name] = "b1" if kind in COMPARISONS else dtype
        return name

    def largest(self, name: str, axis: int, n: int) -> str:
        """The largest of n along an axis, which goes."""
        dtype, along = self.types[name], self.constant(np.array([axis]))
        if dtype != "i8":
            return self.op("ReduceMax", [name, along], dtype, keepdims=0)
        while n > 1:  # one half against the other; they share the middle one of an odd number
            half = -(-n // 2)
            spans = [[self.constant(np.array([at])) for at in (i, i + half)] for i in (0, n - half)]
            parts = [self.op("Slice", [name, *span, along], dtype) for span in spans]
            name, n = self.op("Max", parts, dtype), half
        return self.op("Squeeze", [name, along], dtype)

    def ones(self) -> str:
        """A 1 for every row, bytes (1, rows)."""
        if not self._ones:
            rows = self.op("Shape", [next(iter(self.inputs))], "i8", start=0, end=1)
            shape = self.op("Concat", [self.constant(np.array([1])), rows], "i8", axis=0)
            one = numpy_helper.from_array(np.ones(1, dtype=np.uint8))
            self._ones = self.op("ConstantOfShape", [shape], "u1", value=one)
        return self._ones

    def floored(self, name: str) -> str | None:
        """What a tensor was floored from, if that is how it was made."""
        node = self._maker.get(name)
        return node.input[0] if node is not None and node.op_type == "Floor" else None

    def truth(self, name: str) -> str | None:
        """The truth values that a tensor was cast from, if that is how it was made."""
        while self.types[name] != "b1":
            node = self._maker.get(name)
            if node is None or node.op_type != "Cast":
                return None
            name = node.input[0]
        return name

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

    def turned(self, name: str, ndim: int, *, last: bool) -> str:
        """Rows of `ndim` axes with their first axis, the channels, moved last, or back."""
        axes = list(range(1, ndim + 1))
        order = [*axes[1:], 1] if last else [ndim, *axes[:-1]]
        return self.op("Transpose", [name], self.types[name], perm=[0, *order])

    def unturned(self, name: str, ndim: int) -> str | None:
        """What has the channels last of a tensor that was turned from it, if it was."""
        node = self._maker.get(name)
        if node is None or node.op_type != "Transpose":
            return None
        back = [0, ndim, *range(1, ndim)]
        return node.input[0] if list(node.attribute[0].ints) == back else None

    def added(self, pair: Sequence[str], ndim: int, dtype: DType) -> str:
        """The sum of two tensors, in the order of axes that both were computed in."""
        last = [self.unturned(name, ndim) for name in pair]
        if None in last:
            return self.op("Add", pair, dtype)
        both = self.op("Add", [name for name in last if name], dtype)
        return self.turned(both, ndim, last=False)

    def flat(self, wire: Wire) -> str:
        """(rows, size)."""
        if len(wire.shape) == 1:
            return wire.name
        target = self.constant(np.array([0, -1]))
        return self.op("Reshape", [wire.name, target], wire.dtype)

    def model(self, outputs: Sequence[str]) -> bytes:
        """The serialised model with these outputs; what they do not need is left out."""
        return self._model(self._needed(outputs), outputs)

    def prune(self, outputs: Collection[str]) -> None:
        """Drop operators and constants that none of the outputs needs."""
        self.nodes = self._needed(outputs)
        used = {name for node in self.nodes for name in node.input}.union(outputs)
        self.constants = {name: x for name, x in self.constants.items() if name in used}

    def parts(self, outputs: Sequence[str], most: int) -> list[Part]:
        """The model as parts of at most so many nodes, each of which takes what others gave.

        A session takes longer than linear to prepare, parts of one size do not.
        """
        nodes = self._needed(outputs)
        spans = [nodes[at : at + most] for at in range(0, len(nodes), most)]
        wanted, parts = set(outputs), list[Part]()
        for span in reversed(spans):
            made = [name for node in span for name in node.output if name in wanted]
            parts.append(Part(self._model(span, made), tuple(made)))
            wanted.update(name for node in span for name in node.input)
        return parts[::-1]

    def _model(self, nodes: list[onnx.NodeProto], outputs: Sequence[str]) -> bytes:
        made = {name for node in nodes for name in node.output}
        used = list(dict.fromkeys(n for node in nodes for n in node.input if n not in made))
        graph = helper.make_graph(
            nodes,
            "snnc",
            [self._info(name) for name in used if name and name not in self.constants],
            [self._info(name) for name in outputs],
            [self.constants[name] for name in used if name in self.constants],
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        return model.SerializeToString()

    def _info(self, name: str) -> onnx.ValueInfoProto:
        """A tensor between this graph and others; of what a node makes the shape is not known."""
        known = self.inputs.get(name)
        return known or helper.make_tensor_value_info(name, _ONNX[self.types[name]], None)

    def _needed(self, outputs: Collection[str]) -> list[onnx.NodeProto]:
        wanted, kept = set(outputs), []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(node.input)
        return kept[::-1]
