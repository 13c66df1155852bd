"""How large a value from the host can get: what width analysis starts from.

A sound bound on |value|, one number for each tensor, so that it stays cheap whatever the host
computes. It need not be tight: integers that enter beyond it are refused at run time.
"""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.ir.arrays import FloatArray

ANALOG_LIMIT = 256.0
"""Largest magnitude taken for analog input: raw pixels; normalised data are far below."""

_UNKNOWN_LIMIT = 2.0**24
_KEEPING = frozenset(
    {
        "AveragePool",
        "Cast",
        "Flatten",
        "GlobalAveragePool",
        "Identity",
        "MaxPool",
        "Neg",
        "Pad",
        "ReduceMean",
        "Relu",
        "Reshape",
        "Slice",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)


def largest_magnitude(view: SourceView, tensor: str) -> float:
    """A bound on the absolute value of any element of a tensor."""
    bounds = {name: float(np.abs(a).max(initial=0.0)) for name, a in _numbers(view).items()}
    for declared in view.source.inputs:
        grid = declared.grid
        ends = (ANALOG_LIMIT,) if grid is None else (c * grid.step for c in grid.count_range)
        bounds[declared.name] = max(abs(end) for end in ends)
    for node in view.nodes:
        known = [bounds.get(name, _UNKNOWN_LIMIT) for name in node.inputs if name]
        for out in node.outputs:
            bounds[out] = _bound(view, node, known)
        if tensor in node.outputs:
            break
    return bounds[tensor]


def _numbers(view: SourceView) -> dict[str, FloatArray]:
    return {name: a for name, a in view.constants.items() if a.dtype.kind in "fiu"}


def _bound(view: SourceView, node: SourceNode, inputs: list[float]) -> float:
    kind = node.op_type
    if kind in _KEEPING:
        return inputs[0]
    if kind in ("Add", "Sub"):
        return sum(inputs)
    if kind == "Mul":
        return inputs[0] * inputs[1]
    if kind in ("Round", "Floor", "Ceil"):
        return inputs[0] + 1
    if kind in ("Clip", "Concat", "Max", "Min"):
        return max(inputs)
    constants = [view.constants.get(name) for name in node.inputs[1:]]
    if any(c is None for c in constants):
        return _UNKNOWN_LIMIT
    weights = [np.asarray(c, dtype=np.float64) for c in constants]
    if kind in ("Conv", "Gemm", "MatMul"):
        return _linear(node, weights, inputs[0])
    if kind == "BatchNormalization":
        weight, bias, mean, var = weights
        scale = weight / np.sqrt(var + node.get("epsilon", 1e-5))
        return float((np.abs(scale) * (inputs[0] + np.abs(mean)) + np.abs(bias)).max())
    if kind == "Div":
        return inputs[0] / float(np.abs(weights[0]).min())
    return _UNKNOWN_LIMIT


def _linear(node: SourceNode, weights: list[FloatArray], largest: float) -> float:
    weight = np.abs(weights[0])
    if node.op_type == "Conv" or node.get("transB", 0):
        sums = weight.reshape(len(weight), -1).sum(axis=1)
    else:
        sums = weight.sum(axis=-2)
    bias = np.abs(weights[1]).max() if len(weights) > 1 else 0.0
    factor = max(abs(node.get("alpha", 1.0)), abs(node.get("beta", 1.0)))
    return float(sums.max() * largest + bias) * factor
