"""Kernel, stride, padding and dilation of sliding-window operators."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.converter.lower.source import SourceNode
from snnc.ir.arrays import IntArray, Shape, size_of
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps.windows import Padding


@dataclass(frozen=True)
class Window:
    """A sliding window over the spatial axes.

    Attributes:
        kernel, stride, dilation: one entry for each spatial axis.
        padding: (before, after) for each spatial axis, as the output's extent needs it.
        declared: the padding that the source names; where `padding` goes beyond it, the last
            window hangs over the edge (ceil_mode).
    """

    kernel: Shape
    stride: Shape
    padding: Padding
    dilation: Shape
    declared: Padding


def window_of(node: SourceNode, shape: Shape, kernel: Shape, out: Shape) -> Window:
    """The window of a convolution or pool.

    Args:
        node: the operator.
        shape: of its input, (1, C, *spatial).
        kernel: its extent.
        out: shape of its output.
    """
    spatial, out_spatial = shape[2:], out[2:]
    n = len(spatial)
    stride = tuple(node.get("strides", [1] * n))
    dilation = tuple(node.get("dilations", [1] * n))
    declared = _declared(node, spatial, kernel, stride, dilation, out_spatial)
    padding = tuple(
        (lo, (o - 1) * s + d * (k - 1) + 1 - size - lo)
        for size, o, k, s, d, (lo, _) in zip(
            spatial, out_spatial, kernel, stride, dilation, declared, strict=True
        )
    )
    # what the last window does not reach needs no padding, what it hangs over does
    padding = tuple((lo, max(hi, 0)) for lo, hi in padding)
    return Window(kernel, stride, padding, dilation, declared)


def _declared(
    node: SourceNode,
    spatial: Shape,
    kernel: Shape,
    stride: Shape,
    dilation: Shape,
    out: Shape,
) -> Padding:
    auto = node.get("auto_pad", "NOTSET")
    n = len(spatial)
    if auto == "NOTSET":
        pads = node.get("pads", [0] * (2 * n))
        if min(pads, default=0) < 0:
            raise UnsupportedOperator("negative padding", where=node.where)
        return tuple(zip(pads[:n], pads[n:], strict=True))
    if auto == "VALID":
        return ((0, 0),) * n
    totals = [
        max((o - 1) * s + d * (k - 1) + 1 - size, 0)
        for size, o, k, s, d in zip(spatial, out, kernel, stride, dilation, strict=True)
    ]
    upper = auto == "SAME_UPPER"
    return tuple((t // 2, t - t // 2) if upper else (t - t // 2, t // 2) for t in totals)


@dataclass(frozen=True)
class Spread:
    """How a transposed convolution lays out its input.

    Attributes:
        index: (1, C, *spatial): the input's element at each place, -1 between them.
        padding: around it, before and after for each spatial axis.
        dilation: of the kernel.
    """

    index: IntArray
    padding: Padding
    dilation: Shape


def spread_of(node: SourceNode, shape: Shape, kernel: Shape, out: Shape) -> Spread:
    """The layout of a transposed convolution.

    Args:
        node: the operator.
        shape: of its input, (1, C, *spatial).
        kernel: its extent.
        out: shape of its output.
    """
    n_axes = len(kernel)
    stride = tuple(node.get("strides", [1] * n_axes))
    dilation = tuple(node.get("dilations", [1] * n_axes))
    index = np.arange(size_of(shape)).reshape(shape)
    padding = []
    for axis, (n, k, s, d, m) in enumerate(
        zip(shape[2:], kernel, stride, dilation, out[2:], strict=True)
    ):
        reach, extent = d * (k - 1), (n - 1) * s + 1
        before = reach - _cut_in_front(node, axis, n_axes, extent + reach - m)
        after = m + reach - extent - before
        lines = np.full((extent, *np.delete(index.shape, axis + 2)), -1)
        lines[::s] = np.moveaxis(index, axis + 2, 0)
        # what is cut off beyond the kernel's reach is cut off the input
        lines = lines[max(0, -before) : extent - max(0, -after)]
        index = np.moveaxis(lines, 0, axis + 2)
        padding.append((max(0, before), max(0, after)))
    return Spread(index, tuple(padding), dilation)


def _cut_in_front(node: SourceNode, axis: int, n_axes: int, total: int) -> int:
    """How many of the full result's positions are cut off in front, of `total` on both sides."""
    auto = node.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return 0
    if auto == "NOTSET" and node.get("output_shape") is None:
        return int(node.get("pads", [0] * (2 * n_axes))[axis])
    total += _grown(node, axis)
    return total // 2 if auto == "SAME_UPPER" else total - total // 2


def _grown(node: SourceNode, axis: int) -> int:
    padding = node.get("output_padding")
    return int(padding[axis]) if padding else 0
