"""Host parts that may compute many frames at once: each number for itself, rounded correctly."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from snnc.ir.arrays import Shape

if TYPE_CHECKING:
    import onnx

_ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Neg", "Abs", "Min", "Max", "Clip", "Relu", "Sqrt"}
_ELEMENTWISE |= {"Round", "Floor", "Ceil", "Cast", "Identity"}
"""IEEE 754 rounds each of them correctly, so that a result does not depend on its place in an
array; the approximations of Exp and its kin may."""


def many_rows(model: bytes, shapes: Collection[Shape]) -> bytes:
    """The model with an open first axis, where each of its frames is computed as it is alone.

    Args:
        model: ONNX whose inputs have a first axis of 1.
        shapes: of one frame of what is read.
    """
    import onnx

    try:
        loaded = onnx.load_from_string(model)
    except Exception:  # whoever loads it next says what is wrong with it
        return model
    graph = loaded.graph
    if not _is_rowwise(graph, shapes):
        return model
    for value in (*graph.input, *graph.output, *graph.value_info):
        dims = value.type.tensor_type.shape.dim
        if dims:
            dims[0].dim_param = "rows"
    return loaded.SerializeToString()


def _is_rowwise(graph: onnx.GraphProto, shapes: Collection[Shape]) -> bool:
    held = {tensor.name for tensor in graph.initializer}
    taken = [value for value in graph.input if value.name not in held]
    dims = {tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in taken}
    if len(dims) != 1 or not all((1, *shape) in dims for shape in shapes):
        return False
    (shape,) = dims
    broadcast = all(len(t.dims) < len(shape) or t.dims[0] == 1 for t in graph.initializer)
    same = all(len(t.dims) <= len(shape) for t in graph.initializer)
    return (
        broadcast and same and all(n.op_type in _ELEMENTWISE and not n.domain for n in graph.node)
    )
