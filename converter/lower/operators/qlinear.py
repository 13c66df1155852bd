"""Quantised operators: the floating-point operator on dequantised operands, rounded as they do.

Layers multiply their integer accumulator with one float32, so the rule is `requantise`; the
others mean dequantise, compute, quantise.
"""

from __future__ import annotations

import numpy as np
from onnx import helper

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.operators.quantize import along_axis, quantised, rounded, zero_point
from snnc.converter.lower.registry import RULES, lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.values import Constant, Value, named
from snnc.converter.sources.quantised import (
    QuantisedOperator,
    operand_name,
    quantised_operator,
    sum_name,
)
from snnc.ir.arrays import Array, FloatArray
from snnc.ir.errors import UnsupportedOperator

_LAYERS = {
    "QLinearConv": "Conv",
    "QLinearMatMul": "MatMul",
    "ConvInteger": "Conv",
    "MatMulInteger": "MatMul",
    "com.microsoft::QGemm": "Gemm",
    "com.microsoft::MatMulIntegerToFloat": "MatMul",
    "com.microsoft::QLinearMul": "Mul",
}
_MEANT = {
    "com.microsoft::QLinearAdd": "Add",
    "com.microsoft::QLinearAveragePool": "AveragePool",
    "com.microsoft::QLinearGlobalAveragePool": "GlobalAveragePool",
    "com.microsoft::QLinearConcat": "Concat",
}
_OWN_ATTRIBUTES = frozenset({"channels_last", "alpha"})


@lowers(
    "QLinearConv",
    "QLinearMatMul",
    "com.microsoft::QGemm",
    "com.microsoft::QLinearMul",
    fate="event",
    why="synapses and a fire rule",
)
def layer(lowering: Lowering, node: SourceNode) -> Value:
    """A layer of integers: float32(accumulator) * (scales / result's scale), rounded."""
    known = _known(node)
    names = [_operand(lowering, node, known, i) for i in range(len(known.operands))]
    unit = _unit(lowering, node, known)
    bias = None if known.bias is None else lowering.constant(node, known.bias)
    if bias is not None:
        spread = unit.reshape(-1) if unit.ndim else unit
        names.append(_bias(lowering, node, bias.astype(np.float64) * spread))
    value = _applied(lowering, node, _LAYERS[node.op_type], names)
    alpha = node.get("alpha", 1.0)
    scale = None if known.result is None else lowering.constant(node, known.result[0])
    if scale is None:
        value = with_constant(lowering, node, value, "mul", np.asarray(alpha))
        return named(value, node.outputs[0])
    assert known.result is not None
    multiplier = (unit * alpha).astype(np.float32) / scale.astype(np.float32).reshape(())
    value = with_constant(lowering, node, value, "requantise", unit, multiplier, inner=True)
    zero = zero_point(node, lowering.constant(node, known.result[1]), 1, 0)
    return rounded(lowering, node, value, zero)


@lowers(
    "ConvInteger",
    "MatMulInteger",
    "com.microsoft::MatMulIntegerToFloat",
    fate="event",
    why="synapses",
)
def integer_layer(lowering: Lowering, node: SourceNode) -> Value:
    """The accumulator itself; what scales it stands behind, or in the operator."""
    known = _known(node)
    names = [_operand(lowering, node, known, i) for i in range(len(known.operands))]
    value = _applied(lowering, node, _LAYERS[node.op_type], names)
    bias = lowering.constant(node, 6)
    if bias is not None:
        return with_constant(lowering, node, value, "add", bias)
    return named(value, node.outputs[0])


@lowers(
    *_MEANT,
    fate="event",
    why="synapses and a fire rule",
)
def meant(lowering: Lowering, node: SourceNode) -> Value:
    """Dequantise, compute, quantise."""
    known = _known(node)
    if node.get("channels_last", 0):
        raise UnsupportedOperator(
            "channels_last", where=node.where, hint="export with the channels first"
        )
    names = [_operand(lowering, node, known, i) for i in range(len(known.operands))]
    value = _applied(lowering, node, _MEANT[node.op_type], names)
    assert known.result is not None
    scale, zero = (lowering.constant(node, i) for i in known.result)
    assert scale is not None
    return quantised(
        lowering, node, value, scale.reshape(()), zero_point(node, zero, 1, 0), single=True
    )


def operand_of(lowering: Lowering, node: SourceNode, i: int) -> str:
    """The name of a dequantised operand, whose value is entered under it."""
    return _operand(lowering, node, _known(node), i)


def _known(node: SourceNode) -> QuantisedOperator:
    known = quantised_operator(node.proto)
    assert known is not None
    return known


def _operand(lowering: Lowering, node: SourceNode, known: QuantisedOperator, i: int) -> str:
    """Name of a dequantised operand, whose value is entered under it."""
    at, scale_at, zero_at = known.operands[i]
    q = lowering.operand(node, at)
    scale, zero = (_fixed(lowering, node, place) for place in (scale_at, zero_at))
    n_axes, axis = len(q.shape), _axis(node, i)
    spread = zero_point(node, zero, n_axes, axis)
    step = None if scale is None else along_axis(node, scale, n_axes, axis)
    name = operand_name(node.name, i)
    lowering.view.name_inner(name, like=node.inputs[at])
    if isinstance(q, Constant):
        exact = np.asarray(q.array.astype(np.int64) - spread, dtype=np.float64)
        exact = exact if step is None else exact * step.astype(np.float64)
        lowering.values[name] = Constant(exact)
        return name
    value = with_constant(lowering, node, q, "sub", spread, inner=step is not None)
    if step is not None:
        value = with_constant(lowering, node, value, "mul", step)
    lowering.values[name] = named(value, name)
    return name


def _fixed(lowering: Lowering, node: SourceNode, at: int | None) -> Array | None:
    """A scale or zero point, None where there is none."""
    if at is None:
        return None
    try:
        return lowering.constant(node, at)
    except UnsupportedOperator:
        raise UnsupportedOperator(
            f"{node.op_type} takes its scale or zero point from each input, so counts would have "
            "no fixed step",
            where=node.where,
            hint="quantise statically, with calibration data",
        ) from None


def _axis(node: SourceNode, i: int) -> int:
    """The axis along which an operand's scales lie."""
    is_rows = _LAYERS.get(node.op_type) == "Conv" or node.get("transB", 0)
    return 0 if i and is_rows else -1


def _unit(lowering: Lowering, node: SourceNode, known: QuantisedOperator) -> FloatArray:
    """Real value of accumulator 1, ready to broadcast against the result."""
    unit: FloatArray = np.ones(())
    for i, (_, scale_at, _) in enumerate(known.operands):
        scale = None if scale_at is None else lowering.constant(node, scale_at)
        if scale is None:
            continue
        if scale.size > 1 and (not i or scale.ndim > 1):
            raise UnsupportedOperator("scales that differ along the sum", where=node.where)
        unit = unit * scale.astype(np.float64).reshape(() if scale.size == 1 else (-1,))
    if unit.ndim and _LAYERS[node.op_type] == "Conv":
        unit = unit.reshape(-1, *(1,) * (len(lowering.view.shape(node.outputs[0])) - 2))
    return unit


def _bias(lowering: Lowering, node: SourceNode, bias: Array) -> str:
    name = f"{node.name}[bias]"
    lowering.values[name] = Constant(bias)
    return name


def _applied(lowering: Lowering, node: SourceNode, op_type: str, names: list[str]) -> Value:
    """The floating-point operator on the named values."""
    total = sum_name(node.name)
    lowering.view.name_inner(total, like=node.outputs[0])
    proto = helper.make_node(op_type, names, [total], name=node.name)
    proto.attribute.extend(a for a in node.proto.attribute if a.name not in _OWN_ATTRIBUTES)
    value = RULES[op_type].apply(lowering, SourceNode(proto, node.module_path))
    assert not isinstance(value, tuple)
    return value
