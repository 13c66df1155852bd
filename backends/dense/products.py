"""Products of bytes whose sums are wanted exactly: MatMulIntegerToFloat.

What QLinearConv gives is rounded to bytes, so it stands in for a convolution only where a
staircase follows. Sums that travel on as they are (residual streams) come from float32, or from a
matrix product of bytes, of which all sums are exact: float32(sum) * 2^exponent + bias. A
convolution of several taps is one such product with the inputs of every output position side by
side. One tap needs none of that, and joins those that it is added to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from snnc.backends.dense.builder import CONTRIB, Builder, last_order
from snnc.backends.dense.compiler import Compiler
from snnc.backends.dense.quantised import LARGEST_BYTE, as_bytes, channels_last, narrow_enough
from snnc.ir.arrays import Array, IntArray
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense

FEWEST_INPUTS = 64
"""Input channels from which on bytes are quicker than float32."""


def suits_bytes(c: Compiler, p: Projection, beside: Sequence[Projection] = ()) -> bool:
    """Are a projection's sums those of a quick and exact product of bytes?

    Args:
        beside: what its sums are added to.
    """
    if not _can_be_bytes(c, p):
        return False
    wide = p.map.weight.shape[1] >= FEWEST_INPUTS
    return wide or (
        _is_one_tap(p) and any(isinstance(q.map, Conv) and suits_bytes(c, q) for q in beside)
    )


def _can_be_bytes(c: Compiler, p: Projection) -> bool:
    map_, r = p.map, c.ranges[p.source]
    if not c.quantised or p.gather is not None:
        return False
    if c.graph.nodes[p.source].shape != map_.in_shape and not _flattens(c, p):
        return False
    if int(r.out_lo.min()) < 0:
        return False
    if p.frames and not (isinstance(map_, Dense) and int(r.out_hi.max()) <= LARGEST_BYTE):
        return False  # to put the inputs of a convolution side by side in every frame is slow
    if not (isinstance(map_, Dense) or (isinstance(map_, Conv) and map_.groups == 1)):
        return False
    return narrow_enough(c, p, map_.weight, 0)


def _flattens(c: Compiler, p: Projection) -> bool:
    """Does a matrix take all that there is of several axes?"""
    return isinstance(p.map, Dense) and p.map.in_shape == (c.graph.nodes[p.source].size,)


def _is_one_tap(p: Projection) -> bool:
    return isinstance(p.map, Conv) and max(p.map.kernel) == 1 and not np.any(p.map.padding)


def late_bytes(c: Compiler) -> set[str]:
    """Nodes whose counts of earlier frames go into products of bytes."""
    late = [p for p in c.graph.projections.values() if p.frames and c.graph.is_event(p)]
    return {p.source for p in late if suits_bytes(c, p)}


def byte_sums(
    c: Compiler, p: Projection, bias: Array | None, beside: Sequence[Projection]
) -> str | None:
    """A projection's sums, float32 (rows, *map.out_shape), or None where bytes do not suit.

    Args:
        bias: by output channel.
        beside: what the sums are added to.
    """
    if not suits_bytes(c, p, beside):
        return None
    map_, shape = p.map, c.graph.nodes[p.source].shape
    flat = not isinstance(map_, Conv)
    in_order = flat and (p.frames > 0 or shape == map_.in_shape or p.source not in c.last)
    if p.frames:
        found: tuple[str, int] | None = (c.brought(p).name, 0)
    else:
        found = (as_bytes if in_order else channels_last)(c, p.source)
    if found is None or found[1]:
        return None
    weight, unit = map_.weight, 2.0**p.exponent
    if not isinstance(map_, Conv):
        x = c.reshaped(found[0], shape, map_.in_shape)
        if not in_order:
            weight = weight[:, last_order(shape).reshape(-1)]
        return _product(c.builder, x, weight, unit, bias)
    weight = np.moveaxis(weight, 1, -1).reshape(len(weight), -1)
    y = _product(c.builder, _side_by_side(c.builder, found[0], map_), weight, unit, bias)
    return c.builder.turned(y, len(map_.out_shape), last=False)


def thinned(c: Compiler, p: Projection) -> tuple[str, Conv] | None:
    """What a strided convolution of one tap reads, float32, and the convolution of that alone.

    Where there are bytes, these are fewer to turn into floats. None where it reads something else.
    """
    map_ = p.map
    known = p.source in c.bytes or p.source in c.last
    if not (known and isinstance(map_, Conv) and _is_one_tap(p) and max(map_.stride) > 1):
        return None
    if p.frames or p.gather is not None or c.wires[p.source].shape != map_.in_shape:
        return None
    found = channels_last(c, p.source)
    if found is None or found[1]:
        return None
    b, n = c.builder, len(map_.kernel)
    read = b.cast(_side_by_side(b, found[0], map_), "f4")
    shape = map_.in_shape[0], *map_.out_shape[1:]
    plain = replace(map_, in_shape=shape, stride=(1,) * n)
    return b.turned(read, len(shape), last=False), plain


def _side_by_side(b: Builder, x: str, map_: Conv) -> str:
    """The inputs of every output position, (rows, *positions, taps * channels)."""
    index, n = positions(map_), int(np.prod(map_.in_shape[1:]))
    if np.array_equal(index[:, 0], np.arange(n)) and index.shape[1] == 1:
        return x
    x = b.reshape(x, (n, map_.in_shape[0]))
    if index.max() == n:
        pads = b.constant(np.array([0, 0, 0, 0, 1, 0]))
        x = b.op("Pad", [x, pads, b.constant(0, "u1")], "u1")
    taken = b.op("Gather", [x, b.constant(index.reshape(-1), "i4")], "u1", axis=1)
    return b.reshape(taken, (*map_.out_shape[1:], index.shape[1] * map_.in_shape[0]))


def positions(map_: Conv) -> IntArray:
    """The input position of every output position's taps, (positions, taps).

    Those of the padding are one behind the last.
    """
    spatial = map_.in_shape[1:]
    n = int(np.prod(spatial))
    grid = np.pad(np.arange(n).reshape(spatial), map_.padding, constant_values=n)
    taps = []
    for tap in product(*(range(k) for k in map_.kernel)):
        spans = zip(tap, map_.dilation, map_.out_shape[1:], map_.stride, strict=True)
        at = tuple(slice(t * d, t * d + (o - 1) * s + 1, s) for t, d, o, s in spans)
        taps.append(grid[at].reshape(-1))
    return np.stack(taps, axis=1)


def _product(b: Builder, x: str, weight: IntArray, unit: float, bias: Array | None) -> str:
    inputs = [x, b.constant(weight.T, "s1"), b.constant(1, "f4"), b.constant(unit, "f4")]
    if bias is not None and np.any(bias):
        inputs += ["", "", b.constant(np.broadcast_to(bias, len(weight)), "f4")]
    return b.op("MatMulIntegerToFloat", inputs, "f4", domain=CONTRIB)
