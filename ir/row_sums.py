"""What the linear maps can sum up, given bounds of their inputs."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.maps import Conv, Dense, LinearMap, Sparse


def row_sums(map_: LinearMap, lo: Array, hi: Array) -> tuple[Array, Array]:
    """Bounds of a map's outputs by output channel.

    Args:
        lo, hi: bounds of its inputs, float64, shape (map_.in_size,).

    Returns:
        Lowest and highest sum, float64, shape (output channels,).
    """
    if isinstance(map_, Dense):
        return _dense_sums(map_, lo, hi)
    if isinstance(map_, Sparse):
        return _sparse_sums(map_, lo, hi)
    return _window_sums(map_, lo, hi)


def _dense_sums(map_: Dense, lo: Array, hi: Array) -> tuple[Array, Array]:
    low = lo.reshape(-1, map_.in_shape[-1]).min(axis=0)
    high = hi.reshape(-1, map_.in_shape[-1]).max(axis=0)
    up, down = np.maximum(map_.weight, 0.0), np.minimum(map_.weight, 0.0)
    return up @ low + down @ high, up @ high + down @ low


def _window_sums(map_: LinearMap, lo: Array, hi: Array) -> tuple[Array, Array]:
    """Convolutions, pools and identities: bounds by input channel, then row sums."""
    axis = map_.channel_axis
    shape = map_.in_shape
    axes = tuple(a for a in range(len(shape)) if a != axis)
    low, high = lo.reshape(shape).min(axis=axes), hi.reshape(shape).max(axis=axes)
    if getattr(map_, "padding", None) and any(max(pair) for pair in map_.padding):  # type: ignore[attr-defined]
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    taps = float(np.prod(getattr(map_, "kernel", ())))
    if not isinstance(map_, Conv):
        weight = np.broadcast_to(map_.weight, (map_.n_channels,)) * taps
        pair = weight * low, weight * high
        return np.minimum(*pair), np.maximum(*pair)
    return _conv_sums(map_, low, high)


def _conv_sums(map_: Conv, low: Array, high: Array) -> tuple[Array, Array]:
    c_out, c_group = map_.weight.shape[:2]
    flat = map_.weight.reshape(map_.groups, c_out // map_.groups, c_group, -1)
    up = np.maximum(flat, 0).sum(axis=-1, dtype=np.float64)
    down = np.minimum(flat, 0).sum(axis=-1, dtype=np.float64)
    low, high = (b.reshape(map_.groups, c_group, 1) for b in (low, high))
    smallest, largest = up @ low + down @ high, up @ high + down @ low
    return smallest.reshape(-1), largest.reshape(-1)


def _sparse_sums(map_: Sparse, lo: Array, hi: Array) -> tuple[Array, Array]:
    source = np.repeat(np.arange(map_.in_size), np.diff(map_.indptr))
    pair = map_.weight * lo[source], map_.weight * hi[source]
    axes = tuple(a for a in range(len(map_.out_shape)) if a != map_.channel_axis)

    def reduce(values: Array, by: np.ufunc) -> Array:
        sums = np.bincount(map_.targets, weights=values, minlength=map_.out_size)
        return np.asarray(by.reduce(sums.reshape(map_.out_shape), axis=axes))

    return reduce(np.minimum(*pair), np.minimum), reduce(np.maximum(*pair), np.maximum)
