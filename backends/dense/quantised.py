"""Convolutions of bytes: QLinearConv where it is proved to give the staircase.

QLinearConv computes saturate(round_half_even(float32(sum + bias) * scale) + zero) in one pass, on
8-bit weights and inputs. It stands in for a convolution and its staircase where that function
meets every step, and where no sum of two products can pass the 16 bits that x86 kernels keep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.dense.builder import CONTRIB
from snnc.backends.dense.compiler import Compiler, folds
from snnc.backends.dense.maps import is_window, maximum, maximum_last
from snnc.backends.dense.staircase import EXACT_F4, Steps, slopes
from snnc.ir.arrays import FloatArray, IntArray, along
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv
from snnc.ir.nodes import Population

LARGEST_BYTE = 255
LARGEST_PAIR = 32767
"""u8 x s8 kernels without VNNI add two products in saturating 16 bits."""
SHORTEST_RUN = 16
"""Neurons of a channel side by side from which on a QuantizeLinear by channel is quick."""
ROOM = 2.0**-20
"""Relative: float32 rounds a scale, its inverse and a product each by at most 2^-24."""


@dataclass(frozen=True)
class ByteLine:
    """k = round_half_even((i + offset) * scale), float32; arrays of shape (C,)."""

    scale: FloatArray
    offset: IntArray


def as_bytes(c: Compiler, name: str) -> tuple[str, int] | None:
    """A node's counts as unsigned bytes, tensor and zero point, if they fit."""
    if name in c.bytes:
        return c.bytes[name]
    wire, r = c.wires[name], c.ranges[name]
    low, high = min(0, int(r.out_lo.min())), max(0, int(r.out_hi.max()))
    if wire.dtype != "f4" or high - low > LARGEST_BYTE:
        return None
    b, tensor = c.builder, wire.name
    if low == 0:
        # the cast truncates, which is a floor here
        tensor = b.floored(tensor) or b.truth(tensor) or tensor
    else:
        tensor = b.op("Sub", [tensor, b.constant(low, "f4")], "f4")
    c.bytes[name] = b.cast(tensor, "u1"), -low
    return c.bytes[name]


def channels_last(c: Compiler, name: str) -> tuple[str, int] | None:
    """As `as_bytes`, in the order in which kernels of bytes work."""
    if name not in c.last:
        found = as_bytes(c, name)
        if found is None:
            return None
        ndim = len(c.wires[name].shape)
        c.last[name] = c.builder.turned(found[0], ndim, last=True), found[1]
    return c.last[name]


def from_bytes(c: Compiler, name: str, tensor: str, zero: int) -> str:
    """Note bytes as a node's counts, and give them as float32."""
    c.bytes[name] = tensor, zero
    return _as_float(c, tensor, zero)


def from_last(c: Compiler, name: str, tensor: str, zero: int) -> str:
    """As `from_bytes`, of bytes with the channels last."""
    ndim = len(c.graph.nodes[name].shape)
    c.last[name] = tensor, zero
    c.bytes[name] = c.builder.turned(tensor, ndim, last=False), zero
    return c.builder.turned(_as_float(c, tensor, zero), ndim, last=False)


def _as_float(c: Compiler, tensor: str, zero: int) -> str:
    k = c.builder.cast(tensor, "f4")
    return c.builder.op("Sub", [k, c.builder.constant(zero, "f4")], "f4") if zero else k


def byte_fire(
    c: Compiler, node: Population, p: Projection, steps: list[Steps], lo: int, hi: int
) -> str | None:
    """A convolution and its staircase as one QLinearConv, or None where that is not proved.

    Args:
        lo, hi: range of the staircase.
    """
    source = _suits(c, node, p, lo, hi) and channels_last(c, p.source)
    if not source:
        return None
    map_, (x, zero) = p.map, source
    assert isinstance(map_, Conv)
    weight = map_.weight << p.exponent
    if not narrow_enough(c, p, weight, zero):
        return None
    line = fit_bytes(steps)
    if line is None:
        return None
    b, n = c.builder, node.n_channels
    one = b.constant(1, "f4")
    y = b.op(
        "QLinearConv",
        [
            x,
            one,
            b.constant(zero, "u1"),
            b.constant(weight, "s1"),
            b.constant(line.scale, "f4"),
            b.constant(np.zeros(n), "s1"),
            one,
            b.constant(-lo, "u1"),
            b.constant(node.bias + line.offset, "i4"),
        ],
        "u1",
        kernel_shape=list(map_.kernel),
        strides=list(map_.stride),
        dilations=list(map_.dilation),
        pads=[pair[0] for pair in map_.padding] + [pair[1] for pair in map_.padding],
        group=map_.groups,
        channels_last=1,
        domain=CONTRIB,
    )
    return from_last(c, node.name, _capped(c, y, hi - lo), -lo)


def _capped(c: Compiler, y: str, largest: int) -> str:
    """Bytes that were saturated at 255, saturated where the staircase ends."""
    if largest == LARGEST_BYTE:
        return y
    return c.builder.op("Min", [y, c.builder.constant(largest, "u1")], "u1")


def quantised_fire(
    c: Compiler, node: Population, i: str, steps: list[Steps], largest: int, lo: int, hi: int
) -> str | None:
    """Counts of float32 integers by one QuantizeLinear, or None where that is not proved.

    QuantizeLinear computes saturate(round_half_even(i / scale) + zero). The steps are met with
    room for a division that rounds otherwise: kernels may multiply by the reciprocal.

    Args:
        i: the membrane, (rows, *shape).
        largest: largest |partial sum| of any channel.
        lo, hi: range of the staircase.
    """
    if not c.quantised or not lo <= 0 <= hi or hi - lo > LARGEST_BYTE:
        return None
    b, n = c.builder, len(node.shape)
    last = b.unturned(i, n) if node.channel_axis % n == 0 else None
    inner = int(np.prod(node.shape[node.channel_axis :][1:]))
    if last is None and inner < SHORTEST_RUN:
        return None
    line = fit_bytes(steps, divides=True)
    if line is None or largest + np.abs(line.offset).max() > EXACT_F4:
        return None
    if last is not None:
        return _quantised_last(c, node, last, line, lo, hi)
    if line.offset.any():
        offset = b.constant(along(line.offset, n, node.channel_axis), "f4")
        i = b.op("Add", [i, offset], "f4")
    scale, zero = 1 / line.scale.astype(np.float64), np.full(node.n_channels, -lo)
    inputs = [i, b.constant(scale, "f4"), b.constant(zero, "u1")]
    y = b.op("QuantizeLinear", inputs, "u1", axis=1 + node.channel_axis % n)
    return from_bytes(c, node.name, _capped(c, y, hi - lo), -lo)


def _quantised_last(c: Compiler, node: Population, i: str, line: ByteLine, lo: int, hi: int) -> str:
    """Likewise of sums with the channels last.

    There a QuantizeLinear by channel would take each number for itself, so scales are multiplied
    before one that has none. They are repeated along an axis: short rows are slow to multiply.
    """
    b, row = c.builder, (*node.shape[-1:], node.n_channels)
    if line.offset.any():
        i = b.op("Add", [i, b.constant(np.broadcast_to(line.offset, row), "f4")], "f4")
    i = b.op("Mul", [i, b.constant(np.broadcast_to(line.scale, row), "f4")], "f4")
    y = b.op("QuantizeLinear", [i, b.constant(1, "f4"), b.constant(-lo, "u1")], "u1")
    return from_last(c, node.name, _capped(c, y, hi - lo), -lo)


def byte_pool(c: Compiler, node: Population, p: Projection) -> str | None:
    """A maximum over windows of bytes, where the source has them."""
    fits = c.wires[p.source].shape == p.map.in_shape and p.map.out_shape == node.shape
    if p.source not in c.bytes or p.gather is not None or not fits or not is_window(p.map):
        return None
    if p.source in c.last:
        tensor, zero = c.last[p.source]
        return from_last(c, node.name, maximum_last(c.builder, tensor, p.map), zero)
    tensor, zero = c.bytes[p.source]
    return from_bytes(c, node.name, maximum(c.builder, tensor, p.map, None), zero)


def _suits(c: Compiler, node: Population, p: Projection, lo: int, hi: int) -> bool:
    """Is this one convolution with a bias by channel and counts that fit a byte?"""
    return (
        c.quantised
        and not p.frames
        and isinstance(p.map, Conv)
        and p.gather is None
        and c.wires[p.source].shape == p.map.in_shape
        and folds(p, node)
        and node.bias.ndim <= 1
        and lo <= 0 <= hi
        and hi - lo <= LARGEST_BYTE
    )


def narrow_enough(c: Compiler, p: Projection, weight: IntArray, zero: int) -> bool:
    """8-bit weights whose pairs of products fit 16 bits, and sums that fit 32."""
    largest = max(int(weight.max()), -int(weight.min()))
    byte = zero + int(c.ranges[p.source].out_hi.max())
    sums = byte * np.abs(weight).reshape(len(weight), -1).sum(axis=1).max()
    in_range = weight.min() >= -128 and weight.max() <= 127
    return bool(in_range and 2 * byte * largest <= LARGEST_PAIR and sums < 2**30)


def fit_bytes(all_steps: list[Steps], *, divides: bool = False) -> ByteLine | None:
    """Scales and offsets for which rounding meets every step; None if a channel has none.

    Args:
        divides: by the scale's inverse, in whatever way that rounds, instead of a product.
    """
    lines = [_byte_line(steps, divides) for steps in all_steps]
    if any(line is None for line in lines):
        return None
    scale, offset = zip(*(line for line in lines if line is not None), strict=True)
    return ByteLine(np.array(scale), np.array(offset, dtype=np.int64))


def _byte_line(steps: Steps, divides: bool) -> tuple[float, int] | None:
    middle = _rough_slope(steps)
    if middle is None:
        return None
    low = ((steps.above - 0.5) / middle - steps.on).max(initial=-EXACT_F4)
    high = ((steps.under - 0.5) / middle - steps.below).min(initial=EXACT_F4)
    near = int(np.clip(0, np.floor(low), np.ceil(high)))
    for offset in (near, near - 1, near + 1, near - 2, near + 2):
        scale = _scale_for(steps, offset)
        meets = _rounds_with_room if divides else _rounds
        if scale is not None and meets(steps, scale, offset):
            return scale, offset
    return None


def _rough_slope(steps: Steps) -> float | None:
    """About how steep the steps are."""
    interval = slopes(steps)
    if interval is not None:
        first, last = interval
        return (first + last) / 2 if last < np.inf else max(1.0, 2 * first)
    if len(steps.on) < 2 or steps.on[-1] == steps.on[0]:
        return None
    return float((steps.above[-1] - steps.above[0]) / (steps.on[-1] - steps.on[0]))


def _scale_for(steps: Steps, offset: int) -> float | None:
    """The middle of the scales that take (i + offset) to the right side of every half."""
    at = np.concatenate([steps.on, steps.below]) + offset
    half = np.concatenate([steps.above, steps.under]) - 0.5
    is_floor = np.arange(len(at)) < len(steps.on)  # bounds from below; the others from above
    with np.errstate(divide="ignore"):
        ratio = half / at
    rising = is_floor == (at > 0)
    low = float(ratio[rising & (at != 0)].max(initial=0.0))
    high = float(ratio[~rising & (at != 0)].min(initial=np.inf))
    scale = np.float32((low + high) / 2 if high < np.inf else max(1.0, 2 * low))
    return float(scale) if scale > 0 and low <= high else None


def _rounds(steps: Steps, scale: float, offset: int) -> bool:
    def line(i: IntArray) -> FloatArray:
        return np.rint((i + offset).astype(np.float32) * np.float32(scale))

    on, below = line(steps.on) >= steps.above, line(steps.below) < steps.under
    return bool(on.all() and below.all())


def _rounds_with_room(steps: Steps, scale: float, offset: int) -> bool:
    """As `_rounds`, for a quotient that may be off by some units in the last place."""

    def line(i: IntArray) -> FloatArray:
        return np.asarray((i + offset) * scale)

    on, below = line(steps.on), line(steps.below)
    above = on - (steps.above - 0.5) > np.abs(on) * ROOM
    under = (steps.under - 0.5) - below > np.abs(below) * ROOM
    return bool(above.all() and under.all())
