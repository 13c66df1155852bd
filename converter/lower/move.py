"""Take some elements of a value, in any order and as often as wanted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order, rearranged
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.through import select_channels
from snnc.converter.lower.values import Affine, Constant, Host, Pending, Value, ViewOp
from snnc.ir.arrays import FloatArray, IntArray, Shape, size_of


def picked(
    lowering: Lowering, value: Value, index: IntArray, tensor: str | None, *, shared: bool = True
) -> Affine | Host:
    """Element index[j] of a value at place j of the result; `index` has its shape, -1 leaves a 0.

    Args:
        lowering: where an accumulator goes if a layer cannot be taken apart.
        value: what is taken from.
        index: elements by place.
        tensor: the source's tensor that holds the result.
        shared: others read the value as well, so that no layer may be taken apart for this one.
    """
    settled = lowering.settle(value)
    if isinstance(settled, Host):
        assert tensor is not None
        return Host(shape=index.shape, tensor=tensor)
    affine = lowering.events(settled)
    if affine.synapses:
        # read once, so no layer is computed twice: parts of a split are different channels
        part = None if shared else select_channels(affine, index, tensor)
        if part is not None:
            return part
        affine = lowering.collect(affine)
    return rearranged(affine, in_order(index.reshape(-1), affine.size), index.shape, tensor)


def expanded(lowering: Lowering, value: Value, shape: Shape) -> Value:
    """A value that is repeated along axes of length 1, as numpy broadcasts."""
    if value.shape == shape:
        return value
    if isinstance(value, Constant):
        return Constant(np.broadcast_to(value.array, shape))
    if size_of(value.shape) == size_of(shape):
        return reshaped(value, shape)
    at = np.arange(size_of(value.shape)).reshape(value.shape)
    return picked(lowering, value, np.broadcast_to(at, shape), None)


def reshaped(value: Value, shape: Shape) -> Value:
    """The same elements in C order under another shape."""
    if isinstance(value, Affine):
        return value.with_shape(shape, value.tensor)
    tensor = getattr(value, "tensor", None)
    return Pending(parent=value, op=ViewOp(), shape=shape, tensor=tensor, module_path="")


def with_fill(value: Affine, fill: FloatArray) -> Affine:
    """A value plus constants at the places where it has nothing."""
    spread = Spread.of(fill, value.shape)
    return replace(value, offset=value.offset + spread, magnitude=value.magnitude + abs(spread))
