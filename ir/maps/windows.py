"""Sliding windows of convolutions and pools: which input position meets which kernel tap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from snnc.ir.arrays import BoolArray, IntArray, Shape
from snnc.ir.errors import GraphError

Padding: TypeAlias = tuple[tuple[int, int], ...]
Tap: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]
"""One kernel tap: its index, and the input and output slices that meet there."""


def window_shape(
    spatial: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> Shape:
    """Output positions along each spatial axis."""
    return tuple(
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(spatial, kernel, stride, padding, dilation, strict=True)
    )


def check_window(
    spatial: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> None:
    """Raise `GraphError` unless the window makes sense and has at least one position."""
    lengths = {len(spatial), len(kernel), len(stride), len(padding), len(dilation)}
    if len(lengths) != 1:
        raise GraphError(
            f"kernel {kernel}, stride {stride}, padding {padding} and dilation {dilation} "
            f"do not have one entry for each of the {len(spatial)} spatial axes"
        )
    if min(*kernel, *stride, *dilation, 1) < 1 or any(min(p) < 0 for p in padding):
        raise GraphError("kernel, stride and dilation are positive, padding is not negative")
    if min(window_shape(spatial, kernel, stride, padding, dilation)) < 1:
        raise GraphError(f"kernel {kernel} is larger than the padded input {spatial}")


def reach(n: int, n_out: int, kernel: int, stride: int, pad: int, dilation: int) -> BoolArray:
    """reach[k, i]: does input position i meet kernel tap k at a valid output position?

    Shape (kernel, n). Each (k, i) meets at most one output position.
    """
    at = np.arange(n)[None, :] + pad - dilation * np.arange(kernel)[:, None]
    meets: BoolArray = (at % stride == 0) & (at >= 0) & (at // stride < n_out)
    return meets


def count_window(
    taps: IntArray, spatial: Shape, out: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> IntArray:
    """Synapses that leave each input position.

    Args:
        taps: shape (C_in, *kernel): synapses that one input channel has at each kernel tap.

    Returns:
        shape (C_in, *spatial).
    """
    counts = taps.astype(np.int64)
    for axis, n in enumerate(spatial):
        mask = reach(
            n, out[axis], taps.shape[1 + axis], stride[axis], padding[axis][0], dilation[axis]
        )
        # contract the axis that is now first among the taps, append the input axis at the end
        counts = np.tensordot(counts, mask.astype(np.int64), axes=(1, 0))
    return counts


def tap_slices(
    spatial: Shape, out: Shape, kernel: Shape, stride: Shape, padding: Padding, dilation: Shape
) -> Iterator[Tap]:
    """For each kernel tap: its index, the input slice and the output slice that meet there.

    Padding is left out, so nothing is ever copied to make room for it. Taps that meet nothing
    are skipped.
    """
    for tap in product(*(range(k) for k in kernel)):
        ins: list[Any] = []
        outs: list[Any] = []
        for axis, k in enumerate(tap):
            s, offset = stride[axis], k * dilation[axis] - padding[axis][0]
            first = max(0, -(offset // s))
            last = min(out[axis] - 1, (spatial[axis] - 1 - offset) // s)
            if last < first:
                break
            start = first * s + offset
            ins.append(slice(start, start + (last - first) * s + 1, s))
            outs.append(slice(first, last + 1))
        else:
            yield tap, tuple(ins), tuple(outs)
