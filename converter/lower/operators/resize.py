"""Resizing: nearest neighbours repeat, linear and cubic interpolation are small weights."""

from __future__ import annotations

import numpy as np
import onnx

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.evaluate import run_node
from snnc.converter.lower.move import picked
from snnc.converter.lower.operators.linear import apply_layer
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.sparse import axis_by_axis
from snnc.converter.lower.values import Value
from snnc.ir.arrays import Array, FloatArray
from snnc.ir.errors import UnsupportedOperator


@lowers(
    "Resize", fate="folded", why="several synapses from one neuron, weighted if it interpolates"
)
def resize(lowering: Lowering, node: SourceNode) -> Value:
    """Every axis apart: the operator itself, run on a unit matrix, says what it does to one."""
    value = lowering.operand(node, 0)
    if (
        node.get("antialias", 0)
        or node.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    ):
        raise UnsupportedOperator(
            "a resize with antialiasing or a region of interest",
            where=node.where,
            hint="resize without antialias; crop before or after it",
        )
    out = lowering.view.shape(node.outputs[0])
    matrices = [_matrix(lowering, node, axis, m) for axis, m in enumerate(out)]
    if all(m is None or _picks(m) for m in matrices):
        at = np.arange(np.prod(value.shape)).reshape(value.shape)
        for axis, m in enumerate(matrices):
            at = at if m is None else np.take(at, m.argmax(axis=1), axis=axis)
        shared = lowering.view.uses[node.inputs[0]] > 1
        return picked(lowering, value, at, node.outputs[0], shared=shared)
    wires = lowering.wiring(value)
    start = min(i for i, m in enumerate(matrices) if m is not None)
    lead = value.shape[1:start] if value.shape[0] == 1 else value.shape[:start]
    long = [
        np.eye(n) if m is None else m
        for n, m in zip(value.shape[start:], matrices[start:], strict=True)
    ]
    return apply_layer(lowering, node, wires, axis_by_axis(lead or (1,), long), out, None)


def _picks(matrix: FloatArray) -> bool:
    """Is every row one element as it is?"""
    return bool(((matrix != 0).sum(axis=1) == 1).all() and (matrix.sum(axis=1) == 1).all())


def _matrix(lowering: Lowering, node: SourceNode, axis: int, n_out: int) -> FloatArray | None:
    """What the operator does along one axis, shape (out, in); None where that is nothing."""
    n_axes = len(lowering.operand(node, 0).shape)
    n_in = lowering.operand(node, 0).shape[axis]
    axes = [a % n_axes for a in node.get("axes", range(n_axes))]
    scales = lowering.constant(node, 2)
    scales = None if scales is None or not scales.size else scales
    if axis not in axes or (n_in == n_out and (scales is None or scales[axes.index(axis)] == 1)):
        return None
    arrays: dict[str, Array] = {"unit": np.eye(n_in, dtype=np.float32)[None, None]}
    if scales is not None:
        arrays["scales"] = np.array([1, 1, 1, scales[axes.index(axis)]], dtype=np.float32)
    else:
        arrays["sizes"] = np.array([1, 1, n_in, n_out])
    proto = onnx.NodeProto()
    proto.CopyFrom(node.proto)
    names = ["unit", "", *(n if n in arrays else "" for n in ("scales", "sizes"))]
    proto.input[:] = names
    kept = [a for a in proto.attribute if a.name not in ("axes", "keep_aspect_ratio_policy")]
    del proto.attribute[:]
    proto.attribute.extend(kept)
    (rows,) = run_node(lowering.view, SourceNode(proto, node.module_path), arrays)
    return np.asarray(rows[0, 0].T, dtype=np.float64)
