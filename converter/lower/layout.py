"""Bring operations that stand between rearrangements into one layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, ElementOp, Pending, ViewOp, Wire
from snnc.ir.arrays import IntArray, Shape


@dataclass(frozen=True, eq=False)
class FlatStep:
    """An elementwise operation in the layout of the chain's end.

    Attributes:
        op: with its constants in that layout.
        origin: the pending operation that it is.
    """

    op: ElementOp
    origin: Pending


@dataclass(frozen=True, eq=False)
class FlatChain:
    """Operations without rearrangements in between: first `index`, then `steps`.

    Attributes:
        index: element j of the layout is element index[j] of the base; None: in order.
        shape: of the layout.
        steps: elementwise operations.
    """

    index: IntArray | None
    shape: Shape
    steps: tuple[FlatStep, ...]


def flatten(base_shape: Shape, steps: Sequence[Pending]) -> FlatChain:
    """Move all rearrangements of a chain in front of its elementwise operations."""
    layouts, index = [], None
    for step in steps:
        if isinstance(step.op, ViewOp):
            index = compose(index, step.op.index)
        layouts.append(index)
    index = in_order(index)
    shape = steps[-1].shape if steps else base_shape
    flat = tuple(
        FlatStep(_relaid(step.op, layout, base_shape, index, shape), step)
        for step, layout in zip(steps, layouts, strict=True)
        if isinstance(step.op, ElementOp)
    )
    return FlatChain(index, shape, flat)


def _relaid(
    op: ElementOp, layout: IntArray | None, base: Shape, index: IntArray | None, shape: Shape
) -> ElementOp:
    def relay(arg: Spread) -> Spread:
        if layout is index:
            return arg.reshape(shape)
        return arg.put(layout, base).take(index, shape)

    return replace(op, args=tuple(relay(a) for a in op.args))


def compose(outer: IntArray | None, inner: IntArray | None) -> IntArray | None:
    """The index of taking `outer` first and `inner` of its result; -1 stays -1."""
    if inner is None:
        return outer
    if outer is None:
        return inner
    return np.where(inner >= 0, outer[np.maximum(inner, 0)], -1)


def in_order(index: IntArray | None, size: int | None = None) -> IntArray | None:
    """None for an index that changes nothing (of a source of `size` elements), else itself."""
    if index is None or (size is not None and size != len(index)):
        return index
    return None if np.array_equal(index, np.arange(len(index))) else index


def repeats(index: IntArray | None) -> bool:
    """Does an index take an element twice?"""
    if index is None:
        return False
    taken = index[index >= 0]
    return bool(np.bincount(taken).max(initial=0) > 1)


def rearranged(value: Affine, index: IntArray | None, shape: Shape, tensor: str | None) -> Affine:
    """A value made of wires in another layout; -1 in `index` leaves an element at 0."""
    if index is None:
        return value.with_shape(shape, tensor)
    terms = tuple(
        replace(wire, gather=compose(wire.gather, index), scale=_scale(wire, index, shape))
        for wire in value.wires
    )
    return replace(
        value,
        shape=shape,
        terms=terms,
        offset=value.offset.take(index, shape),
        magnitude=value.magnitude.take(index, shape),
        tensor=tensor,
    )


def _scale(wire: Wire, index: IntArray, shape: Shape) -> Spread:
    # a missing element is 0 whatever its scale, so that what is one for each channel can stay so
    if wire.scale.is_scalar:
        return Spread.of(wire.scale.values.reshape(()), shape)
    taken = wire.scale.take(index, shape)
    missing = (index < 0).reshape(shape)
    if not missing.any():
        return taken
    full = taken.full()
    for axis, n in enumerate(shape):
        others = tuple(a for a in range(len(shape)) if a != axis)
        low = np.where(missing, np.inf, full).min(axis=others, keepdims=True)
        high = np.where(missing, -np.inf, full).max(axis=others, keepdims=True)
        if n > 1 and (low >= high).all():  # equal, or nothing there
            return Spread(np.where(np.isfinite(low), low, 1.0), shape)
    return taken
