"""Operators that only move values: reshapes, transposes, slices, concatenations, padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.context import RESHAPES, Lowering
from snnc.converter.lower.evaluate import elements_after
from snnc.converter.lower.fold import added
from snnc.converter.lower.layout import in_order, rearranged
from snnc.converter.lower.move import picked, with_fill
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.through import apply_pointwise
from snnc.converter.lower.values import (
    Affine,
    Constant,
    Value,
    ViewOp,
    affine,
)
from snnc.ir.arrays import IntArray, Shape, size_of

_PARTS = (
    "CenterCropPad",
    "Gather",
    "GatherElements",
    "GatherND",
    "ReverseSequence",
    "Slice",
    "Split",
    "Trilu",
)
_REPEATS = ("Expand", "Tile")
_NO_ELEMENT = np.array(0)


@lowers(*RESHAPES, fate="folded", why="the neuron order does not change", waits=True)
def reshape(lowering: Lowering, node: SourceNode) -> Value:
    """The same elements in C order."""
    value = lowering.operand(node, 0)
    return lowering.pend(node, value, ViewOp(), lowering.view.shape(node.outputs[0]))


@lowers("Transpose", fate="folded", why="a permutation of synapses", waits=True)
def transpose(lowering: Lowering, node: SourceNode) -> Value:
    """A permutation of axes."""
    value = lowering.operand(node, 0)
    n = len(value.shape)
    perm = tuple(node.get("perm", range(n)[::-1]))
    index = np.arange(size_of(value.shape)).reshape(value.shape).transpose(perm)
    return lowering.pend(node, value, ViewOp(in_order(index.reshape(-1))), index.shape)


@lowers(*_PARTS, fate="folded", why="synapses from a part of the neurons")
@lowers(*_REPEATS, fate="folded", why="several synapses from one neuron")
def moved(lowering: Lowering, node: SourceNode) -> tuple[Value, ...]:
    """Whatever takes elements by constant index: run on the elements' numbers."""
    value = lowering.operand(node, 0)
    shared = lowering.view.uses[node.inputs[0]] > 1
    indices = elements_after(lowering, node)
    if in_order(indices[0].reshape(-1), size_of(value.shape)) is None:
        return (lowering.pend(node, value, ViewOp(), indices[0].shape),)
    taken = iter(indices)
    return tuple(
        picked(lowering, value, next(taken), out, shared=shared) if out else Constant(np.zeros(0))
        for out in node.outputs
    )


@lowers("Pad", fate="folded", why="synapses that do not exist, or several from one neuron")
def pad(lowering: Lowering, node: SourceNode) -> Value:
    """Zeros, another constant, or the value's own elements around it."""
    fill = lowering.constant(node, 2)
    (index,) = elements_after(lowering, node, **({} if fill is None else {"input_2": _NO_ELEMENT}))
    value = _padded(lowering, node, index)
    if fill is None or not np.any(fill) or not isinstance(value, Affine):
        return value
    return with_fill(value, np.where(index < 0, float(np.asarray(fill).reshape(())), 0.0))


def _padded(lowering: Lowering, node: SourceNode, index: IntArray) -> Value:
    """Padding goes in front of pointwise layers, which keep a zero a zero."""
    settled = lowering.settle(lowering.operand(node, 0))
    if isinstance(settled, Affine) and settled.synapses:
        moved = apply_pointwise(settled, index)
        if moved is not None:
            return replace(moved, tensor=node.outputs[0])
    shared = lowering.view.uses[node.inputs[0]] > 1
    return picked(lowering, settled, index, node.outputs[0], shared=shared)


@lowers("Concat", fate="folded", why="synapses from several populations")
def concat(lowering: Lowering, node: SourceNode) -> Value:
    """Values side by side; each part keeps its own wires."""
    values = [lowering.operand(node, i) for i in range(len(node.inputs))]
    axis = node.get("axis", 0)
    shape = lowering.view.shape(node.outputs[0])
    at = np.arange(size_of(shape)).reshape(shape)
    ends = np.cumsum([v.shape[axis] for v in values])
    total = affine((), shape)
    for value, part in zip(values, np.split(at, ends[:-1], axis=axis), strict=True):
        total = added(total, _placed(lowering, value, part, shape), shape)
    return replace(total, tensor=node.outputs[0])


def _placed(lowering: Lowering, value: Value, part: IntArray, shape: Shape) -> Affine:
    index = np.full(size_of(shape), -1)
    index[part.reshape(-1)] = np.arange(part.size)
    if isinstance(value, Constant):
        placed = np.zeros(shape)
        placed.reshape(-1)[part.reshape(-1)] = value.array.reshape(-1)
        return with_fill(affine((), shape), placed)
    return rearranged(lowering.wiring(value), in_order(index), shape, None)
