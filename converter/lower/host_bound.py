"""How large a value from the host can get: what width analysis starts from.

A bound on |value| for each channel or tensor, sound for input within `ANALOG_LIMIT` (or within its
declared grid), and cheap whatever the host computes. Integers beyond it are refused at run time.
"""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.ir.arrays import FloatArray

ANALOG_LIMIT = 16.0
"""Largest magnitude taken for analog input without a declared range.

Standardised data stay far below; whoever feeds raw values declares their range.
"""

_UNKNOWN_LIMIT = 2.0**24
_BY_CHANNEL = frozenset(
    {"AveragePool", "Cast", "GlobalAveragePool", "Identity", "MaxPool", "Neg", "Relu"}
)
_MOVING = frozenset(
    {"DepthToSpace", "Flatten", "Pad", "ReduceMean", "Reshape", "Slice", "SpaceToDepth", "Squeeze"}
    | {"Transpose", "Unsqueeze"}
)


def largest_magnitude(view: SourceView, tensor: str) -> float:
    """A bound on the absolute value of any element of a tensor."""
    bounds: dict[str, FloatArray] = {}
    for declared in view.source.inputs:
        grid = declared.grid
        ends = (ANALOG_LIMIT,) if grid is None else (c * grid.step for c in grid.count_range)
        bounds[declared.name] = np.array(max(abs(end) for end in ends))
    for node in view.nodes:
        bound = _bound(view, node, [_input_bound(view, bounds, n) for n in node.inputs if n])
        bounds.update(dict.fromkeys(node.outputs, bound))
        if tensor in node.outputs:
            break
    return float(bounds[tensor].max())


def _input_bound(view: SourceView, bounds: dict[str, FloatArray], name: str) -> FloatArray:
    if name in bounds:
        return bounds[name]
    constant = view.constants.get(name)
    if constant is None or constant.dtype.kind not in "fiu":
        return np.array(_UNKNOWN_LIMIT)
    return np.array(np.abs(constant.astype(np.float64)).max(initial=0.0))


def _bound(view: SourceView, node: SourceNode, inputs: list[FloatArray]) -> FloatArray:
    kind = node.op_type
    if kind in _BY_CHANNEL:
        return inputs[0]
    if kind in _MOVING:
        return inputs[0].max()
    if kind in ("Add", "Sub"):
        return _same(inputs[0]) + _same(inputs[1], inputs[0])
    if kind == "Mul":
        return _same(inputs[0]) * _same(inputs[1], inputs[0])
    if kind in ("Round", "Floor", "Ceil"):
        return inputs[0] + 1
    if kind in ("Clip", "Concat", "Max", "Min"):
        return np.array(max(i.max() for i in inputs))
    return _layer_bound(view, node, inputs)


def _layer_bound(view: SourceView, node: SourceNode, inputs: list[FloatArray]) -> FloatArray:
    """Operators with constant parameters; a wide bound for what is not known."""
    kind = node.op_type
    constants = [view.constants.get(name) for name in node.inputs[1:]]
    if not constants or any(c is None for c in constants):
        return np.array(_UNKNOWN_LIMIT)
    weights = [np.asarray(c, dtype=np.float64) for c in constants]
    if kind in ("Conv", "Gemm", "MatMul"):
        return _linear(node, weights, inputs[0])
    if kind == "BatchNormalization":
        weight, bias, mean, var = weights
        scale = np.abs(weight / np.sqrt(var + node.get("epsilon", 1e-5)))
        return np.asarray(scale * (inputs[0] + np.abs(mean)) + np.abs(bias))
    if kind == "Div":
        return inputs[0] / np.abs(weights[0]).min()
    return np.array(_UNKNOWN_LIMIT)


def _same(bound: FloatArray, other: FloatArray | None = None) -> FloatArray:
    """Bounds by channel where the other operand has them too, else one for all."""
    if other is not None and bound.shape == other.shape:
        return bound
    return bound if other is None else np.asarray(bound.max())


def _linear(node: SourceNode, weights: list[FloatArray], largest: FloatArray) -> FloatArray:
    weight = np.abs(weights[0])
    if node.op_type == "Conv":
        by_input = weight.reshape(*weight.shape[:2], -1).sum(axis=2)
        matched = largest if largest.ndim and node.get("group", 1) == 1 else largest.max()
        sums = (by_input * matched).sum(axis=1)
    elif node.get("transB", 0):
        sums = weight.sum(axis=1).max() * largest.max()
    else:
        sums = weight.sum(axis=-2).max() * largest.max()
    bias = np.abs(weights[1]) if len(weights) > 1 else np.zeros(())
    if node.op_type != "Conv":
        factor = max(abs(node.get("alpha", 1.0)), abs(node.get("beta", 1.0)))
        return np.array((sums + bias.max()) * factor)
    return np.asarray(sums + bias)
