"""Linear maps as ONNX operators, one function for each kind of map.

Each takes a tensor (rows, *map.in_shape) and gives (rows, *map.out_shape) in the same type.
Float32 is for maps whose partial sums stay below 2^24 in whatever order; the general form at
the end works in every type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from snnc.backends.dense.builder import CONTRIB, Builder
from snnc.ir.arrays import Array, IntArray, Shape, along
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool

Lowering: TypeAlias = Callable[[Builder, str, Any, Array, "Array | None"], str]
"""Builder, input, map, weights in place of the map's own, bias by output channel or None."""

MATRIX_LIMIT = 2**22
"""Entries up to which sparse synapses are held as a full matrix."""


def conv(b: Builder, x: str, map_: Conv, weight: Array, bias: Array | None) -> str:
    """Convolution in float32."""
    before = [pair[0] for pair in map_.padding]
    after = [pair[1] for pair in map_.padding]
    inputs = [x, b.constant(weight, "f4")]
    if bias is not None:
        inputs.append(b.constant(bias, "f4"))
    return b.op(
        "Conv",
        inputs,
        "f4",
        kernel_shape=list(map_.kernel),
        strides=list(map_.stride),
        dilations=list(map_.dilation),
        pads=before + after,
        group=map_.groups,
    )


def dense(b: Builder, x: str, map_: Dense, weight: Array, bias: Array | None) -> str:
    """Matrix product over the last axis."""
    dtype = b.types[x]
    y = b.op("MatMul", [x, b.constant(weight.T, dtype)], dtype)
    return y if bias is None else b.op("Add", [y, b.constant(bias, dtype)], dtype)


def sum_pool(b: Builder, x: str, map_: SumPool, weight: Array, bias: Array | None) -> str:
    """A depthwise convolution; over everything a plain sum."""
    spatial = map_.in_shape[1:]
    if map_.kernel == spatial and not any(any(pair) for pair in map_.padding):
        axes = b.constant(np.arange(2, 2 + len(spatial)))
        y = b.op("ReduceSum", [x, axes], b.types[x], keepdims=1)
        return scale_and_add(b, y, weight, bias, len(map_.out_shape), 0)
    n = map_.in_shape[0]
    taps = np.broadcast_to(along(np.broadcast_to(weight, (n,)), len(spatial) + 2, 0),
                           (n, 1, *map_.kernel))  # fmt: skip
    depthwise = Conv(
        weight=np.zeros(taps.shape, dtype=np.int64),
        in_shape=map_.in_shape,
        stride=map_.stride,
        padding=map_.padding,
        dilation=map_.dilation,
        groups=n,
    )
    return conv(b, x, depthwise, taps, bias)


def identity(b: Builder, x: str, map_: Identity, weight: Array, bias: Array | None) -> str:
    """A product by channel, left out where it changes nothing."""
    return scale_and_add(b, x, weight, bias, len(map_.shape), map_.channel_axis)


def sparse(b: Builder, x: str, map_: Sparse, weight: Array, bias: Array | None) -> str:
    """A full matrix where that is small enough, else the general form."""
    if map_.in_size * map_.out_size > MATRIX_LIMIT:
        y = general(b, x, map_.with_weight(weight))
    else:
        source = np.repeat(np.arange(map_.in_size), np.diff(map_.indptr))
        matrix = np.zeros((map_.in_size, map_.out_size))
        matrix[source, map_.targets] = weight
        flat = b.reshape(x, (map_.in_size,))
        y = b.op("MatMul", [flat, b.constant(matrix, b.types[x])], b.types[x])
        y = b.reshape(y, map_.out_shape)
    return scale_and_add(b, y, np.array(1), bias, len(map_.out_shape), map_.channel_axis)


LOWERINGS: dict[type[LinearMap], Lowering] = {
    Conv: conv,
    Dense: dense,
    SumPool: sum_pool,
    Identity: identity,
    Sparse: sparse,
}


def scale_and_add(
    b: Builder, x: str, weight: Array, bias: Array | None, ndim: int, axis: int
) -> str:
    """X * weight + bias by channel; factors of 1 and offsets of 0 cost nothing."""
    dtype, last = b.types[x], b.unturned(x, ndim) if axis % ndim == 0 else None
    if last is not None:
        y = scale_and_add(b, last, weight, bias, ndim, ndim - 1)
        return x if y == last else b.turned(y, ndim, last=False)
    if (np.asarray(weight) != 1).any():
        x = b.op("Mul", [x, b.constant(along(np.asarray(weight), ndim, axis), dtype)], dtype)
    if bias is not None and np.any(bias):
        x = b.op("Add", [x, b.constant(along(bias, ndim, axis), dtype)], dtype)
    return x


def general(b: Builder, x: str, map_: LinearMap) -> str:
    """Any map in any type: each output gathers its inputs, multiplies and sums."""
    dtype = b.types[x]
    inputs, weights = padded_rows(map_)
    taken = gather_padded(b, b.reshape(x, (map_.in_size,)), inputs)
    terms = b.op("Mul", [taken, b.constant(weights, dtype)], dtype)
    summed = b.op("ReduceSum", [terms, b.constant(np.array([2]))], dtype, keepdims=0)
    return b.reshape(summed, map_.out_shape)


def maximum(b: Builder, x: str, map_: LinearMap, exists: Array | None) -> str:
    """Maximum over each output's existing inputs, 0 where it has none.

    Args:
        exists: shape (map.in_size,): which inputs there are; None: all.
    """
    if exists is None and b.types[x] in ("f4", "u1") and is_window(map_):
        assert isinstance(map_, SumPool)
        return b.op("MaxPool", [x], b.types[x], **_window(map_))
    inputs, weights = padded_rows(map_, exists)
    # repeat an existing input in place of the padding; an output without inputs keeps the zero
    inputs = np.where(weights != 0, inputs, inputs[:, :1])
    taken = gather_padded(b, b.reshape(x, (map_.in_size,)), inputs)
    return b.reshape(b.largest(taken, 2, inputs.shape[1]), map_.out_shape)


def maximum_last(b: Builder, x: str, map_: LinearMap) -> str:
    """As `maximum` of windows, of bytes with the channels last."""
    assert isinstance(map_, SumPool)
    return b.op("NhwcMaxPool", [x], "u1", domain=CONTRIB, **_window(map_))


def _window(map_: SumPool) -> dict[str, Any]:
    return {
        "kernel_shape": list(map_.kernel),
        "strides": list(map_.stride),
        "dilations": list(map_.dilation),
        "pads": [pair[0] for pair in map_.padding] + [pair[1] for pair in map_.padding],
    }


def is_window(map_: LinearMap) -> bool:
    """Is this a pool whose windows each hold at least one input, as MaxPool wants it?"""
    return isinstance(map_, SumPool) and all(
        max(pair) < k for pair, k in zip(map_.padding, map_.kernel, strict=True)
    )


def gather_padded(b: Builder, flat: str, index: IntArray) -> str:
    """Elements of (rows, n) by index, where index n gives 0; (rows, *index.shape)."""
    dtype = b.types[flat]
    pads, zero = b.constant(np.array([0, 0, 0, 1])), b.constant(np.array(0), dtype)
    padded = b.op("Pad", [flat, pads, zero], dtype)
    return b.op("Gather", [padded, b.constant(index)], dtype, axis=1)


def padded_rows(map_: LinearMap, exists: Array | None = None) -> tuple[IntArray, Array]:
    """Inputs and weights of every output as rectangles (out_size, largest fan-in).

    Short rows end in input number `in_size` with weight 0.
    """
    indptr, targets, weights = map_.to_csr()
    sources = np.repeat(np.arange(map_.in_size, dtype=np.int64), np.diff(indptr))
    if exists is not None:
        there = exists[sources]
        sources, targets, weights = sources[there], targets[there], weights[there]
    order = np.argsort(targets, kind="stable")
    sources, targets, weights = sources[order], targets[order], weights[order]
    fan_in = np.bincount(targets, minlength=map_.out_size)
    place = np.arange(len(targets)) - np.repeat(np.cumsum(fan_in) - fan_in, fan_in)
    shape = (map_.out_size, max(1, int(fan_in.max(initial=0))))
    inputs = np.full(shape, map_.in_size, dtype=np.int64)
    padded = np.zeros(shape, dtype=weights.dtype)
    inputs[targets, place], padded[targets, place] = sources, weights
    return inputs, padded


def gather(b: Builder, flat: str, index: IntArray, n: int) -> str:
    """(rows, n) rearranged to (rows, len(index)); -1 gives 0."""
    axes = as_transposition(index) if len(index) == n else None
    if axes is not None:
        shape, order = axes
        dtype = b.types[flat]
        turned = b.op("Transpose", [b.reshape(flat, shape)], dtype, perm=[0, *order])
        return b.reshape(turned, (n,))
    if (index >= 0).all():
        return b.op("Gather", [flat, b.constant(index)], b.types[flat], axis=1)
    return gather_padded(b, flat, np.where(index >= 0, index, n))


def as_transposition(index: IntArray) -> tuple[Shape, tuple[int, ...]] | None:
    """Shape and order of axes, counted from 1, for which a permutation is a transposition.

    index == arange(n).reshape(shape).transpose(order - 1).ravel(); None where there is none.
    """
    lengths, strides, block = [], [], 1
    while block < len(index):
        if len(index) % block:
            return None
        blocks = index.reshape(-1, block)
        step = int(blocks[1, 0] - blocks[0, 0])
        regular = (blocks[:, 0] == index[0] + step * np.arange(len(blocks))).tolist()
        length = regular.index(False) if False in regular else len(blocks)
        lengths.append(length)
        strides.append(step)
        block *= length
    lengths, strides = lengths[::-1], strides[::-1]  # outermost first, as the result has them
    axes = sorted(range(len(lengths)), key=lambda axis: -strides[axis])
    shape = tuple(lengths[axis] for axis in axes)
    order = tuple(axes.index(axis) + 1 for axis in range(len(lengths)))
    if int(np.prod(shape)) != len(index) or not lengths:
        return None
    found = np.arange(len(index)).reshape(shape).transpose([axis - 1 for axis in order])
    return (shape, order) if (found.reshape(-1) == index).all() else None
