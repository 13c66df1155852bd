"""Run one operator of the source on arrays: on constants, or on the numbers of its elements."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.source import SourceNode, SourceView
from snnc.converter.lower.values import Constant
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Array, IntArray, size_of
from snnc.ir.errors import UnsupportedOperator

_ANY_TYPE = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})
"""Operators that keep a constant of float64 exact."""


def run_node(view: SourceView, node: SourceNode, arrays: Mapping[str, Array]) -> list[Array]:
    """The node's outputs, those that are left out aside.

    Args:
        view: the source, for its opset.
        node: the operator.
        arrays: its inputs, by the names that the node has for them.

    Raises:
        CannotLoad: ONNX Runtime has no such operator for these types.
    """
    if node.op_type not in _ANY_TYPE:
        arrays = {name: _as_stored(view, name, array) for name, array in arrays.items()}
    graph = onnx.helper.make_graph(
        [node.proto],
        "one",
        [],
        [onnx.ValueInfoProto(name=out) for out in node.outputs if out],
        initializer=[numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=list(view.model.opset_import))
    model.ir_version = view.model.ir_version
    return [np.asarray(result) for result in OnnxRunner(model).outputs({})]


def _as_stored(view: SourceView, tensor: str, array: Array) -> Array:
    """In the source's own type: what was dequantised exactly is wider."""
    if tensor in view.constants or array.dtype != np.float64:
        return array
    return array.astype(view.dtype(tensor))


def elements_after(lowering: Lowering, node: SourceNode, **instead: Array) -> tuple[IntArray, ...]:
    """Which element of its first input stands at each place of a node that only moves values.

    The operator itself runs on the elements' numbers, so that its attributes mean what they mean.

    Args:
        lowering: the lowering.
        node: the operator; its other inputs are constants.
        instead: `input_2=array` runs it with another constant there.

    Returns:
        for each output: int64, its shape; -1 where the operator puts in a zero.

    Raises:
        UnsupportedOperator: where values go depends on the data, or one input comes twice.
    """
    if node.inputs[0] in node.inputs[1:]:
        raise UnsupportedOperator(f"{node.op_type} reads one value twice", where=node.where)
    shape = lowering.operand(node, 0).shape
    arrays: dict[str, Array] = {}
    for i, name in enumerate(node.inputs[1:], start=1):
        constant = instead.get(f"input_{i}", lowering.constant(node, i))
        if constant is not None:
            arrays[name] = constant
    arrays[node.inputs[0]] = np.arange(1, size_of(shape) + 1).reshape(shape)
    return tuple(at - 1 for at in run_node(lowering.view, node, arrays))


def known_operands(lowering: Lowering, node: SourceNode) -> dict[str, Array]:
    """A node's inputs that are constants, by name."""
    values = {name: lowering.values[name] for name in node.inputs if name}
    return {name: v.array for name, v in values.items() if isinstance(v, Constant)}
