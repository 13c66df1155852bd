"""Array aliases and helpers: read-only arrays, channel broadcasting."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
Shape: TypeAlias = tuple[int, ...]

INT64_MIN = int(np.iinfo(np.int64).min)
INT64_MAX = int(np.iinfo(np.int64).max)


def readonly(a: ArrayLike, dtype: Any = None) -> Array:
    """A C-contiguous, read-only array; copies only where it must.

    A view of a writeable array is copied: otherwise its owner could change it behind our back.
    """
    array = np.asarray(a, dtype=dtype)
    if array.flags.writeable or not array.flags.c_contiguous:
        array = np.array(array, order="C", copy=True)
        array.flags.writeable = False
    return array


def size_of(shape: Shape) -> int:
    """Number of elements of `shape`."""
    return math.prod(shape)


def along(values: Array, ndim: int, axis: int) -> Array:
    """Broadcast per-channel `values` against arrays of `ndim` axes plus leading batch axes.

    Args:
        values: shape (..., C) or (...): the last axis is the channel where there is one; a
            0-d array or one of shape (ndim axes) passes unchanged.
        ndim: number of axes of the population's shape.
        axis: channel axis within that shape, may be negative.

    Returns:
        values with C placed at `axis` and ones elsewhere, shape (..., 1, C, 1).
    """
    if values.ndim == 0 or values.ndim == ndim > 1:
        return values
    axis = axis % ndim
    return values.reshape(values.shape + (1,) * (ndim - 1 - axis))


def bits(lo: int, hi: int) -> int:
    """Two's complement width that holds every integer from `lo` to `hi`."""
    return max(int(lo) if lo >= 0 else ~int(lo), int(hi) if hi >= 0 else ~int(hi)).bit_length() + 1
