"""The grid of a float input that the model itself quantises before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.quantised import integer_limits
from snnc.ir.arrays import Array

if TYPE_CHECKING:
    import onnx

_VIEWS = frozenset({"Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})


def leading_grid(model: onnx.ModelProto, name: str) -> InputGrid | None:
    """The grid of the QuantizeLinear that all readers of an input start with.

    count = clip(round_half_even(x / scale) + zero_point) - zero_point, the division in float32
    as the operator defines it.

    Returns:
        None where something else reads the input, or with other scales.
    """
    found: set[InputGrid] = set()
    open_tensors = [name]
    while open_tensors:
        tensor = open_tensors.pop()
        for node in model.graph.node:
            if tensor not in node.input:
                continue
            if node.op_type in _VIEWS and node.input[0] == tensor:
                open_tensors.append(node.output[0])
                continue
            grid = _grid_of(model, node) if node.op_type == "QuantizeLinear" else None
            if grid is None:
                return None
            found.add(grid)
    return found.pop() if len(found) == 1 else None


def _grid_of(model: onnx.ModelProto, node: onnx.NodeProto) -> InputGrid | None:
    from onnx import helper, numpy_helper

    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    scale = constants.get(node.input[1])
    named = node.input[2] if len(node.input) > 2 else ""
    zero = constants.get(named, np.zeros((), dtype=np.uint8))
    types = {v.name: v.type.tensor_type.elem_type for v in model.graph.value_info}
    elem_type = types.get(node.output[0])
    limits = None
    if elem_type:
        limits = integer_limits(helper.tensor_dtype_to_np_dtype(elem_type).name)
    if scale is None or scale.size != 1 or zero.size != 1 or limits is None:
        return None
    if (named and named not in constants) or scale.dtype != np.float32:
        return None
    lo, hi = _clipped(model, node.output[0], constants, limits)
    return InputGrid(
        lo=lo,
        hi=hi,
        step=float(scale.reshape(())),
        zero_point=int(zero.reshape(())),
        arithmetic="float32",
    )


def _clipped(
    model: onnx.ModelProto, tensor: str, constants: dict[str, Array], limits: tuple[int, int]
) -> tuple[int, int]:
    """The bounds of a stored integer whose only reader clips it to fewer bits."""
    readers = [node for node in model.graph.node if tensor in node.input]
    if len(readers) != 1 or readers[0].op_type != "Clip":
        return limits
    bounds = [constants.get(name) for name in readers[0].input[1:3]]
    if len(bounds) != len(limits) or bounds[0] is None or bounds[1] is None:
        return limits
    return max(limits[0], int(bounds[0])), min(limits[1], int(bounds[1]))
