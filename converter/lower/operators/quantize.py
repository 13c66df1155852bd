"""Quantised ONNX in QDQ form: QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.values import Value
from snnc.ir.arrays import Array
from snnc.ir.errors import UnsupportedOperator


def _scale_and_zero(lowering: Lowering, node: SourceNode, n_axes: int) -> tuple[Array, Array]:
    """Scale and zero point, ready to broadcast against a value of `n_axes` axes."""
    scale, zero = lowering.constant(node, 1), lowering.constant(node, 2)
    assert scale is not None
    zero = np.zeros((), np.uint8) if zero is None else zero
    if scale.size == 1:
        return scale.reshape(()), zero.reshape(())
    if scale.ndim != 1 or node.get("block_size", 0):
        raise UnsupportedOperator("blocked quantisation", where=node.where)
    axis = node.get("axis", 1) % n_axes
    along = (-1,) + (1,) * (n_axes - 1 - axis)
    return scale.reshape(along), zero.reshape(along) if zero.size > 1 else zero.reshape(())


@lowers("QuantizeLinear", fate="event", why="part of a neuron's fire rule", waits=True)
def quantize(lowering: Lowering, node: SourceNode) -> Value:
    """The stored integer saturate(round_half_even(x / scale) + zero_point)."""
    value = lowering.operand(node, 0)
    scale, zero = _scale_and_zero(lowering, node, len(value.shape))
    limits = np.iinfo(zero.dtype)
    value = with_constant(lowering, node, value, "div", scale, inner=True)
    value = with_constant(lowering, node, value, "round", inner=True)
    value = with_constant(lowering, node, value, "add", zero, inner=True)
    lo, hi = np.asarray(float(limits.min)), np.asarray(float(limits.max))
    return with_constant(lowering, node, value, "clip", lo, hi)


@lowers("DequantizeLinear", fate="folded", why="a step", waits=True)
def dequantize(lowering: Lowering, node: SourceNode) -> Value:
    """The real value (q - zero_point) * scale."""
    value = lowering.operand(node, 0)
    scale, zero = _scale_and_zero(lowering, node, len(value.shape))
    value = with_constant(lowering, node, value, "sub", zero, inner=True)
    return with_constant(lowering, node, value, "mul", scale)
