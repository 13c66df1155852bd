"""Operators that only move values: reshapes, transposes, slices, concatenations, padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from snnc.converter.lower.context import RESHAPES, Lowering
from snnc.converter.lower.fold import added
from snnc.converter.lower.layout import flatten, in_order, rearranged
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.through import apply_pointwise, select_channels
from snnc.converter.lower.values import (
    Affine,
    Constant,
    Host,
    Synapses,
    Value,
    ViewOp,
    affine,
    chain_of,
    replay,
)
from snnc.ir.arrays import FloatArray, IntArray, Shape, size_of
from snnc.ir.errors import UnsupportedOperator


@lowers(*RESHAPES, fate="folded", why="the neuron order does not change", waits=True)
def reshape(lowering: Lowering, node: SourceNode) -> Value:
    """The same elements in C order."""
    value = lowering.operand(node, 0)
    return lowering.pend(node, value, ViewOp(), lowering.view.shape(node.outputs[0]))


@lowers("Expand", "Tile", fate="folded", why="repeats nothing", waits=True)
def expand(lowering: Lowering, node: SourceNode) -> Value:
    """Only where it repeats nothing."""
    value = lowering.operand(node, 0)
    shape = lowering.view.shape(node.outputs[0])
    if size_of(shape) != size_of(value.shape):
        raise UnsupportedOperator(
            f"{node.op_type} repeats a value of shape {value.shape} to {shape}",
            where=node.where,
            hint="an event reaches a layer once; let the layer's weights do the repeating",
        )
    return lowering.pend(node, value, ViewOp(), shape)


@lowers("Transpose", fate="folded", why="a permutation of synapses", waits=True)
def transpose(lowering: Lowering, node: SourceNode) -> Value:
    """A permutation of axes."""
    value = lowering.operand(node, 0)
    n = len(value.shape)
    perm = tuple(node.get("perm", range(n)[::-1]))
    index = np.arange(size_of(value.shape)).reshape(value.shape).transpose(perm)
    return lowering.pend(node, value, ViewOp(in_order(index.reshape(-1))), index.shape)


def _picked(lowering: Lowering, node: SourceNode, index: IntArray, tensor: str) -> Value:
    """Some elements of the first operand; `index` has the result's shape, -1 leaves a 0."""
    settled = lowering.settle(lowering.operand(node, 0))
    if isinstance(settled, Host):
        return Host(shape=index.shape, tensor=tensor)
    value = lowering.events(settled)
    if value.synapses:
        # read once, so no layer is computed twice: parts of a split are different channels
        part = select_channels(value, index, tensor)
        if part is not None and lowering.view.uses[node.inputs[0]] == 1:
            return part
        value = lowering.collect(value)
    return rearranged(value, in_order(index.reshape(-1), value.size), index.shape, tensor)


def _positions(lowering: Lowering, node: SourceNode) -> IntArray:
    shape = lowering.operand(node, 0).shape
    return np.arange(size_of(shape)).reshape(shape)


@lowers("Slice", fate="folded", why="synapses from a part of the neurons")
def slice_(lowering: Lowering, node: SourceNode) -> Value:
    """A part along some axes."""
    at = _positions(lowering, node)
    starts, ends, axes, steps = (lowering.constant(node, i) for i in range(1, 5))
    assert starts is not None
    assert ends is not None
    axes = np.arange(len(starts)) if axes is None else axes
    steps = np.ones(len(starts), dtype=int) if steps is None else steps
    cut = [slice(None)] * at.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = at.shape[axis]
        # an end before the first element cannot be written as a Python slice end of -1
        stop = None if step < 0 and end < -n else int(end)
        cut[int(axis)] = slice(int(start), stop, int(step))
    return _picked(lowering, node, at[tuple(cut)], node.outputs[0])


@lowers("Split", fate="folded", why="synapses from a part of the neurons")
def split(lowering: Lowering, node: SourceNode) -> tuple[Value, ...]:
    """Parts along an axis."""
    at = _positions(lowering, node)
    axis = node.get("axis", 0)
    sizes = [lowering.view.shape(out)[axis] for out in node.outputs]
    parts = np.split(at, np.cumsum(sizes)[:-1], axis=axis)
    return tuple(
        _picked(lowering, node, part, out) for part, out in zip(parts, node.outputs, strict=True)
    )


@lowers("Gather", fate="folded", why="synapses from a part of the neurons")
def gather(lowering: Lowering, node: SourceNode) -> Value:
    """Elements by constant index, each at most once."""
    indices = lowering.constant(node, 1)
    assert indices is not None
    at = np.take(_positions(lowering, node), indices, axis=node.get("axis", 0))
    if len(np.unique(at)) != at.size:
        raise UnsupportedOperator("Gather takes an element twice", where=node.where)
    return _picked(lowering, node, at, node.outputs[0])


@lowers("Pad", fate="folded", why="synapses that do not exist")
def pad(lowering: Lowering, node: SourceNode) -> Value:
    """Zeros (or another constant) around a value."""
    mode = node.get("mode", "constant")
    at = _positions(lowering, node)
    amounts = np.asarray(lowering.constant(node, 1)).astype(int)
    axes = lowering.constant(node, 3)
    axes = np.arange(at.ndim) if axes is None else axes % at.ndim
    if mode != "constant" or amounts.min() < 0:
        raise UnsupportedOperator(
            f"padding of mode {mode} with amounts {amounts.tolist()}",
            where=node.where,
            hint="pad with a constant",
        )
    widths = [(0, 0)] * at.ndim
    for i, axis in enumerate(axes):
        widths[int(axis)] = (int(amounts[i]), int(amounts[i + len(axes)]))
    index = np.pad(at, widths, constant_values=-1)
    fill = lowering.constant(node, 2)
    value = _padded(lowering, node, index)
    if fill is None or not np.any(fill) or not isinstance(value, Affine):
        return value
    return _with_fill(value, np.where(index < 0, float(np.asarray(fill).reshape(())), 0.0))


def _padded(lowering: Lowering, node: SourceNode, index: IntArray) -> Value:
    """Padding goes in front of pointwise layers, which keep a zero a zero."""
    settled = lowering.settle(lowering.operand(node, 0))
    if isinstance(settled, Affine) and settled.synapses:
        moved = apply_pointwise(settled, index)
        if moved is not None:
            return replace(moved, tensor=node.outputs[0])
    return _picked(lowering, node, index, node.outputs[0])


def _with_fill(value: Affine, fill: FloatArray) -> Affine:
    spread = Spread.of(fill, value.shape)
    return replace(value, offset=value.offset + spread, magnitude=value.magnitude + abs(spread))


@lowers("ScatterND", fate="folded", why="constants at some positions")
def scatter(lowering: Lowering, node: SourceNode) -> Value:
    """Constants written over a part of a value that holds no signal there."""
    indices, updates = lowering.constant(node, 1), lowering.constant(node, 2)
    assert indices is not None
    assert updates is not None
    chain = chain_of(lowering.operand(node, 0))
    if isinstance(chain.base, Affine) and all(isinstance(s.op, ViewOp) for s in chain.steps):
        value, steps = chain.base, chain.steps
    else:
        value, steps = lowering.events(lowering.operand(node, 0)), ()
    shape = steps[-1].shape if steps else value.shape
    written, region = np.zeros(shape), np.zeros(shape)
    where = tuple(np.moveaxis(indices, -1, 0))
    written[where], region[where] = updates, 1.0
    index = flatten(value.shape, steps).index
    result = _overwritten(
        node,
        value,
        Spread.of(written, shape).put(index, value.shape),
        Spread.of(region, shape).put(index, value.shape).full() > 0,
    )
    if not steps:
        return replace(result, tensor=node.outputs[0])
    return lowering.pend(node, replay(result, steps), ViewOp(), shape)


def _overwritten(
    node: SourceNode, value: Affine, written: Spread, region: NDArray[np.bool_]
) -> Affine:
    if _carries(value, region):
        raise UnsupportedOperator(
            "constants are written over values that depend on the data",
            where=node.where,
            hint="only padding may be overwritten",
        )
    constants = written.full()
    offset = np.where(region, constants, value.offset.full())
    magnitude = np.where(region, np.abs(constants), value.magnitude.full())
    return replace(
        value,
        offset=Spread.of(offset, value.shape),
        magnitude=Spread.of(magnitude, value.shape),
        tensor=None,
    )


def _carries(value: Affine, region: NDArray[np.bool_]) -> bool:
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
        return _with_fill(affine((), shape), placed)
    return rearranged(lowering.wiring(value), in_order(index), shape, None)
