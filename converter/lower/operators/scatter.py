"""Values written over a part of another value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.evaluate import elements_after, run_node
from snnc.converter.lower.fold import added
from snnc.converter.lower.layout import flatten, in_order
from snnc.converter.lower.move import picked, with_fill
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
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
from snnc.ir.arrays import Array, BoolArray, IntArray, size_of
from snnc.ir.errors import UnsupportedOperator


@lowers("ScatterND", "ScatterElements", fate="folded", why="other synapses at some positions")
def scatter(lowering: Lowering, node: SourceNode) -> Value:
    """Constants or another value, written over a part of a value; constants may be added."""
    indices, given = lowering.constant(node, 1), lowering.operand(node, 2)
    assert indices is not None
    value, reduction = lowering.operand(node, 0), node.get("reduction", "none")
    if not isinstance(given, Constant):
        return _placed(lowering, node, indices, given)
    updates = given.array
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


def _placed(lowering: Lowering, node: SourceNode, indices: IntArray, updates: Value) -> Value:
    """A value that depends on the data, written over another one or over constants."""
    if node.get("reduction", "none") != "none":
        raise UnsupportedOperator(
            f"{node.op_type} adds a value that depends on the data",
            where=node.where,
            hint="pad the value to the whole size and add it",
        )
    base, tensor = lowering.operand(node, 0), node.outputs[0]
    numbers = np.arange(1, size_of(updates.shape) + 1).reshape(updates.shape)
    empty = np.zeros(base.shape, dtype=np.int64)
    arrays = {node.inputs[0]: empty, node.inputs[1]: indices, node.inputs[2]: numbers}
    (at,) = (numbered - 1 for numbered in run_node(lowering.view, node, arrays))
    if in_order(at.reshape(-1), numbers.size) is None:
        return lowering.pend(node, updates, ViewOp(), base.shape)
    written = lowering.events(picked(lowering, updates, at, None))
    if isinstance(base, Constant):
        rest = with_fill(affine((), base.shape), np.where(at < 0, base.array, 0.0))
    else:
        own = np.where(at < 0, np.arange(at.size).reshape(at.shape), -1)
        rest = lowering.events(picked(lowering, base, own, None))
    return replace(added(rest, written, base.shape), tensor=tensor)


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
