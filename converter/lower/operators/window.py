"""Kernel, stride, padding and dilation of sliding-window operators."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.converter.lower.source import SourceNode
from snnc.ir.arrays import Shape
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
