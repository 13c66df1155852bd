"""Operators that only move values: reshapes, transposes, slices, concatenations, padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.context import RESHAPES, Lowering
from snnc.converter.lower.evaluate import elements_after, run_node
from snnc.converter.lower.fold import added
from snnc.converter.lower.layout import flatten, in_order, rearranged
from snnc.converter.lower.move import picked, with_fill
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.through import apply_pointwise
from snnc.converter.lower.values import (
    Affine,
    Constant,
    Synapses,
    Value,
    ViewOp,
    affine,
    chain_of,
    replay,
)
from snnc.ir.arrays import Array, BoolArray, IntArray, Shape, size_of
from snnc.ir.errors import UnsupportedOperator

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


@lowers("ScatterND", "ScatterElements", fate="folded", why="constants at some positions")
def scatter(lowering: Lowering, node: SourceNode) -> Value:
    """Constants written over a part of a value, or added to it."""
    indices, updates = lowering.constant(node, 1), lowering.constant(node, 2)
    assert indices is not None
    assert updates is not None
    value, reduction = lowering.operand(node, 0), node.get("reduction", "none")
    constants = {node.inputs[1]: indices, node.inputs[2]: updates}
    empty = np.zeros(value.shape, dtype=updates.dtype)
    (written,) = run_node(lowering.view, node, {**constants, node.inputs[0]: empty})
    if reduction == "add":
        return with_constant(lowering, node, value, "add", written)
    if reduction != "none":
        raise UnsupportedOperator(
            f"{node.op_type} with reduction `{reduction}`", where=node.where, hint="use `add`"
        )
    (index,) = elements_after(lowering, node, input_2=np.zeros(updates.shape, dtype=np.int64))
    return _written_over(lowering, node, index < 0, written)


def _written_over(lowering: Lowering, node: SourceNode, region: BoolArray, written: Array) -> Value:
    """Constants in a region; layers are not computed for it, or only padding was there before."""
    chain = chain_of(lowering.operand(node, 0))
    if isinstance(chain.base, Affine) and all(isinstance(s.op, ViewOp) for s in chain.steps):
        value, steps = chain.base, chain.steps
    else:
        value, steps = lowering.events(lowering.operand(node, 0)), ()
    index = flatten(value.shape, steps).index
    places = Spread.of(region, region.shape).put(index, value.shape).full() > 0
    if _carries(value, places):
        at = np.where(region, -1, np.arange(region.size).reshape(region.shape))
        rest = picked(lowering, lowering.operand(node, 0), at, node.outputs[0])
        assert isinstance(rest, Affine)
        return with_fill(rest, np.where(region, written, 0.0))
    constants = Spread.of(written, region.shape).put(index, value.shape)
    result = _overwritten(value, constants, places)
    if not steps:
        return replace(result, tensor=node.outputs[0])
    return lowering.pend(node, replay(result, steps), ViewOp(), region.shape)


def _overwritten(value: Affine, written: Spread, region: BoolArray) -> Affine:
    constants = written.full()
    offset = np.where(region, constants, value.offset.full())
    magnitude = np.where(region, np.abs(constants), value.magnitude.full())
    return replace(
        value,
        offset=Spread.of(offset, value.shape),
        magnitude=Spread.of(magnitude, value.shape),
        tensor=None,
    )


def _carries(value: Affine, region: BoolArray) -> bool:
    """Does any synapse or wire reach the region?"""
    flat = region.reshape(-1)
    for term in value.terms:
        if isinstance(term, Synapses):
            map_ = term.map
            ones = map_.with_weight(np.ones(map_.weight.shape))
            present = np.ones(map_.in_size)
            if term.gather is not None:
                present = (term.gather >= 0).astype(float)
            reached = ones.apply(present.reshape(1, *map_.in_shape)).reshape(-1)
            if (reached[flat] != 0).any():
                return True
        elif term.gather is None or (term.gather[flat] >= 0).any():
            return True
    return False


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
