"""Quantised ONNX in QDQ form: QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.biases import bias_scale
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.values import Value
from snnc.converter.sources.quantised import integer_limits
from snnc.ir.arrays import Array
from snnc.ir.errors import UnsupportedOperator


def _scale_and_zero(lowering: Lowering, node: SourceNode, n_axes: int) -> tuple[Array, Array]:
    """Scale and zero point, ready to broadcast against a value of `n_axes` axes."""
    scale, zero = lowering.constant(node, 1), lowering.constant(node, 2)
    assert scale is not None
    if node.get("block_size", 0):
        raise UnsupportedOperator("blocked quantisation", where=node.where)
    axis = node.get("axis", 1)
    return along_axis(node, scale, n_axes, axis), zero_point(node, zero, n_axes, axis)


def along_axis(node: SourceNode, values: Array, n_axes: int, axis: int) -> Array:
    """One value for all, or one for each index of an axis, ready to broadcast."""
    if values.size == 1:
        return values.reshape(())
    if values.ndim != 1:
        raise UnsupportedOperator("blocked quantisation", where=node.where)
    return values.reshape((-1,) + (1,) * (n_axes - 1 - axis % n_axes))


def zero_point(node: SourceNode, zero: Array | None, n_axes: int, axis: int) -> Array:
    """A zero point in a type that holds differences; 0 where it is left out."""
    if zero is None:
        return np.zeros((), dtype=np.int64)
    return along_axis(node, zero.astype(np.int64), n_axes, axis)


@lowers("QuantizeLinear", fate="event", why="part of a neuron's fire rule", waits=True)
def quantize(lowering: Lowering, node: SourceNode) -> Value:
    """The stored integer saturate(round_half_even(x / scale) + zero_point)."""
    value = lowering.operand(node, 0)
    scale, zero = _scale_and_zero(lowering, node, len(value.shape))
    single = lowering.exact and scale.dtype == np.float32
    return quantised(lowering, node, value, scale, zero, single=single)


def quantised(
    lowering: Lowering,
    node: SourceNode,
    value: Value,
    scale: Array,
    zero: Array,
    *,
    single: bool,
) -> Value:
    """A real value divided by its scale, rounded, and saturated to the result's type.

    Args:
        lowering: the lowering.
        node: the operator whose first output is the stored integer.
        value: real.
        scale, zero: ready to broadcast against the value.
        single: the division is float32's whatever the rule works in.
    """
    if single:
        value = with_constant(lowering, node, value, "single", inner=True)
    value = with_constant(lowering, node, value, "div", scale, inner=True)
    if single:
        value = with_constant(lowering, node, value, "single", inner=True)
    return rounded(lowering, node, value, zero)


def rounded(lowering: Lowering, node: SourceNode, value: Value, zero: Array) -> Value:
    """A value rounded to the stored integers of the node's first output."""
    limits = integer_limits(lowering.view.dtype(node.outputs[0]))
    if limits is None:
        raise UnsupportedOperator(
            f"quantisation to {lowering.view.dtype(node.outputs[0])}",
            where=node.where,
            hint="quantise to integers",
        )
    value = with_constant(lowering, node, value, "round", inner=True)
    value = with_constant(lowering, node, value, "add", zero, inner=True)
    lo, hi = (np.asarray(float(limit)) for limit in limits)
    return with_constant(lowering, node, value, "clip", lo, hi)


@lowers("DequantizeLinear", fate="folded", why="a step", waits=True)
def dequantize(lowering: Lowering, node: SourceNode) -> Value:
    """The real value (q - zero_point) * scale."""
    value = lowering.operand(node, 0)
    scale, zero = _scale_and_zero(lowering, node, len(value.shape))
    value = with_constant(lowering, node, value, "sub", zero, inner=True)
    return with_constant(lowering, node, value, "mul", scale)


def dequantised_constant(
    lowering: Lowering, node: SourceNode, constants: dict[str, Array]
) -> Array:
    """What a DequantizeLinear of constants means, in float64: integers on an exact grid."""
    q, scale = constants[node.inputs[0]], constants[node.inputs[1]]
    axis = node.get("axis", 1)
    if node.get("block_size", 0):
        raise UnsupportedOperator("blocked quantisation", where=node.where)
    named = node.inputs[2] if len(node.inputs) > 2 else ""
    zero = zero_point(node, constants[named] if named else None, q.ndim, axis)
    step = along_axis(node, bias_scale(lowering.view, node, scale), q.ndim, axis)
    return np.asarray((q.astype(np.int64) - zero) * step)
