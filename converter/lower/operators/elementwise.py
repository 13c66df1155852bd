"""Elementwise operators: arithmetic with constants, sums and products of two values, rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.activation import ROUNDING
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.fold import added, scaled
from snnc.converter.lower.move import expanded
from snnc.converter.lower.operators.levels import levels_of
from snnc.converter.lower.operators.product import multiplied
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import (
    Constant,
    Detour,
    ElementOp,
    Pending,
    Value,
    ViewOp,
    affine,
)
from snnc.ir.arrays import Array, size_of
from snnc.ir.errors import UnsupportedOperator

_FOLDS = "folds into weights and biases"
_MEET = "synapses of several branches meet in one population"
_OPS = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div"}
_SWAPPED = {"Add": "add", "Sub": "rsub", "Mul": "mul"}
_COMPARED = {"Greater": "greater", "GreaterOrEqual": "greater-equal"}
_MIRRORED = {"Less": "greater", "LessOrEqual": "greater-equal"}


@lowers("Mul", fate="folded", why=_FOLDS, waits=True, product="elementwise")
@lowers("Add", "Sub", "Div", fate="folded", why=_FOLDS, waits=True)
def arithmetic(lowering: Lowering, node: SourceNode) -> Value:
    """With a constant it waits; sums of two values join; products are `Product` nodes."""
    a, b = lowering.operand(node, 0), lowering.operand(node, 1)
    if isinstance(b, Constant):
        return with_constant(lowering, node, a, _OPS[node.op_type], b.array)
    if isinstance(a, Constant) and node.op_type in _SWAPPED:
        return with_constant(lowering, node, b, _SWAPPED[node.op_type], a.array)
    if node.op_type == "Mul" and not isinstance(a, Constant):
        return multiplied(lowering, node, "multiply", a, b, lowering.view.shape(node.outputs[0]))
    if node.op_type in ("Add", "Sub") and not isinstance(a, Constant):
        return _sum(lowering, node, a, b)
    raise UnsupportedOperator(
        "division by a value that depends on the data has no event form",
        where=node.where,
        hint="divide by a constant, or keep the division out of the converted part",
    )


def with_constant(
    lowering: Lowering,
    node: SourceNode,
    value: Value,
    name: str,
    *constants: Array,
    soft: bool = False,
    inner: bool = False,
) -> Value:
    """An elementwise operation by constants waits on a value.

    Args:
        lowering: the lowering.
        node: the source's operator.
        value: what it works on.
        name: a key of `snnc.ir.rules.RULE_OPS`.
        constants: the operation's arguments.
        soft: see `ElementOp`.
        inner: a step inside of the operator, whose result no tensor of the source holds.
    """
    shape = np.broadcast_shapes(value.shape, *(c.shape for c in constants))
    if size_of(shape) != size_of(value.shape):
        value = expanded(lowering, value, shape)
    if shape != value.shape:
        value = lowering.pend(node, value, ViewOp(), shape)
    args = tuple(Spread.of(c, shape) for c in constants)
    pending = lowering.pend(node, value, ElementOp(name, args, soft), shape)
    return replace(pending, tensor=None) if inner else pending


def _sum(lowering: Lowering, node: SourceNode, a: Value, b: Value) -> Value:
    straight = _straight_through(lowering, node, a, b) or levels_of(lowering, node, a, b)
    if straight is not None:
        return straight
    shape = np.broadcast_shapes(a.shape, b.shape)
    x, y = (lowering.events(expanded(lowering, v, shape)) for v in (a, b))
    if node.op_type == "Sub":
        negated = scaled(y, Spread.of(-1.0, y.shape))
        assert negated is not None
        y = negated
    lowering.mark(node.name, "event", _MEET)
    return replace(added(x, y, shape), tensor=node.outputs[0])


@lowers("Sum", "Mean", fate="event", why=_MEET)
def several(lowering: Lowering, node: SourceNode) -> Value:
    """The sum or the mean of any number of values."""
    values = [lowering.values[name] for name in node.inputs]
    shape = np.broadcast_shapes(*(v.shape for v in values))
    total = affine((), shape)
    for value in values:
        total = added(total, lowering.events(expanded(lowering, value, shape)), shape)
    if node.op_type == "Mean":
        mean = scaled(total, Spread.of(1.0 / len(values), shape))
        assert mean is not None
        total = mean
    return replace(total, tensor=node.outputs[0])


def _straight_through(lowering: Lowering, node: SourceNode, a: Value, b: Value) -> Value | None:
    """The straight-through estimator x + (round(x) - x): in value, round(x)."""
    if node.op_type == "Sub":
        if isinstance(a, Pending) and _rounds(a, b):
            return Detour(rounded=a, plain=b)
        return None
    for kept, detour in ((a, b), (b, a)):
        if isinstance(detour, Detour) and detour.plain is kept:
            return lowering.pend(node, detour.rounded, ViewOp(), detour.shape)
    return None


def _rounds(value: Value, plain: Value) -> bool:
    """Is `value` the rounding of `plain`: round(x), floor(x + 0.5) …?"""
    rounded, at = False, value
    while at is not plain:
        if not isinstance(at, Pending) or not isinstance(at.op, ElementOp):
            return False
        if at.op.name in ROUNDING:
            rounded = True
        elif at.op.name != "add":
            return False
        at = at.parent
    return rounded


_RULE = "part of a neuron's fire rule"


@lowers("Neg", "Relu", "Round", "Floor", "Ceil", "Sign", fate="event", why=_RULE, waits=True)
def unary(lowering: Lowering, node: SourceNode) -> Value:
    """Operators without constants."""
    value = lowering.operand(node, 0)
    if node.op_type == "Relu":
        return with_constant(lowering, node, value, "max", np.zeros(()))
    return lowering.pend(node, value, ElementOp(node.op_type.lower()), value.shape)


@lowers("LeakyRelu", "PRelu", fate="event", why=_RULE, waits=True)
def leaky(lowering: Lowering, node: SourceNode) -> Value:
    """Values below 0 are scaled; ONNX aligns PRelu's slope at the last axis."""
    value = lowering.operand(node, 0)
    if node.op_type == "PRelu":
        slope = lowering.constant(node, 1)
        assert slope is not None
    else:
        slope = np.asarray(node.get("alpha", 0.01), dtype=np.float32)
    return with_constant(lowering, node, value, "leaky", slope)


@lowers("HardSigmoid", fate="event", why=_RULE, waits=True)
def hard_sigmoid(lowering: Lowering, node: SourceNode) -> Value:
    """clip(alpha * x + beta, 0, 1)"""
    value = lowering.operand(node, 0)
    alpha, beta = (np.float32(node.get(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5)))
    value = with_constant(lowering, node, value, "mul", np.asarray(alpha), inner=True)
    value = with_constant(lowering, node, value, "add", np.asarray(beta), inner=True)
    return with_constant(lowering, node, value, "clip", np.zeros(()), np.ones(()))


@lowers("Clip", fate="event", why=_RULE, waits=True)
def clip(lowering: Lowering, node: SourceNode) -> Value:
    """Either bound may be left out; old files have them as attributes."""
    value = lowering.operand(node, 0)
    lo = lowering.constant(node, 1) if len(node.inputs) > 1 else node.get("min")
    hi = lowering.constant(node, 2) if len(node.inputs) > 2 else node.get("max")
    if lo is None and hi is None:
        return lowering.pend(node, value, ViewOp(), value.shape)
    if hi is None:
        return with_constant(lowering, node, value, "max", np.asarray(lo))
    if lo is None:
        return with_constant(lowering, node, value, "min", np.asarray(hi))
    return with_constant(lowering, node, value, "clip", np.asarray(lo), np.asarray(hi))


@lowers("Min", "Max", fate="event", why=_RULE, waits=True)
def bound(lowering: Lowering, node: SourceNode) -> Value:
    """The minimum or maximum with constants."""
    constants = [
        v for v in map(lowering.values.__getitem__, node.inputs) if isinstance(v, Constant)
    ]
    others = [v for v in map(lowering.values.__getitem__, node.inputs) if v not in constants]
    if len(others) != 1:
        raise UnsupportedOperator(
            f"{node.op_type} of two values that depend on the data has no event form",
            where=node.where,
            hint="compare with a constant",
        )
    value = others[0]
    for constant in constants:
        value = with_constant(lowering, node, value, node.op_type.lower(), constant.array)
    return value


@lowers("Greater", "GreaterOrEqual", "Less", "LessOrEqual", fate="event", why=_RULE, waits=True)
def compare(lowering: Lowering, node: SourceNode) -> Value:
    """A comparison with a constant: an integer activation of one level."""
    a, b = lowering.operand(node, 0), lowering.operand(node, 1)
    if isinstance(b, Constant) and node.op_type in _COMPARED:
        return with_constant(lowering, node, a, _COMPARED[node.op_type], b.array)
    if isinstance(a, Constant) and node.op_type in _MIRRORED:
        return with_constant(lowering, node, b, _MIRRORED[node.op_type], a.array)
    raise UnsupportedOperator(
        f"{node.op_type} is only supported as `value > constant` or `value >= constant`",
        where=node.where,
        hint="write the comparison that way round",
    )


@lowers("Where", fate="event", why=_RULE, waits=True)
def where(lowering: Lowering, node: SourceNode) -> Value:
    """One of two constants by a condition: b + (a - b) * condition."""
    condition = lowering.operand(node, 0)
    a, b = lowering.constant(node, 1), lowering.constant(node, 2)
    assert a is not None
    assert b is not None
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    value = with_constant(lowering, node, condition, "mul", difference, inner=bool(np.any(b)))
    return with_constant(lowering, node, value, "add", b) if np.any(b) else value


@lowers("Cast", "CastLike", fate="folded", why="changes no integer", waits=True)
def cast(lowering: Lowering, node: SourceNode) -> Value:
    """Between floats nothing changes; to integers a value is cut off behind the point."""
    value = lowering.operand(node, 0)
    kinds = [np.dtype(lowering.view.dtype(t)).kind for t in (node.inputs[0], node.outputs[0])]
    if kinds[0] == "f" and kinds[1] in "iu":
        return lowering.pend(node, value, ElementOp("trunc"), value.shape)
    return lowering.pend(node, value, ViewOp(), value.shape)


@lowers("Identity", "Dropout", fate="folded", why="changes nothing at inference", waits=True)
def identity(lowering: Lowering, node: SourceNode) -> tuple[Value, ...]:
    """Nothing happens; a dropout's mask is all ones."""
    value = lowering.operand(node, 0)
    passed = lowering.pend(node, value, ViewOp(), value.shape)
    return (passed, Constant(np.ones(value.shape, dtype=bool)))


@lowers("BatchNormalization", fate="folded", why=_FOLDS, waits=True)
def batch_normalization(lowering: Lowering, node: SourceNode) -> Value:
    """By channel: y = (x - mean) / sqrt(var + epsilon) * weight + bias, in float64."""
    value = lowering.operand(node, 0)
    constants = [lowering.constant(node, i) for i in range(1, 5)]
    weight, bias, mean, var = (np.asarray(c, dtype=np.float64) for c in constants)
    scale = weight / np.sqrt(var + node.get("epsilon", 1e-5))
    along = (1, -1) + (1,) * (len(value.shape) - 2)
    value = with_constant(lowering, node, value, "mul", scale.reshape(along), soft=True, inner=True)
    shift = (mean * scale).reshape(along)
    value = with_constant(lowering, node, value, "sub", shift, soft=True, inner=True)
    return with_constant(lowering, node, value, "add", bias.reshape(along), soft=True)
