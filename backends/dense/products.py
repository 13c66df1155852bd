"""Products of bytes whose sums are wanted exactly: MatMulIntegerToFloat.

What QLinearConv gives is rounded to bytes, so it stands in for a convolution only where a
staircase follows. Sums that travel on as they are (residual streams) come from float32, or from a
matrix product of bytes, of which all sums are exact: float32(sum) * 2^exponent + bias. A
convolution of several taps is one such product with the inputs of every output position side by
side.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from snnc.backends.dense.builder import CONTRIB, Builder
from snnc.backends.dense.compiler import Compiler
from snnc.backends.dense.quantised import as_bytes, channels_last, narrow_enough
from snnc.ir.arrays import Array, IntArray
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense

FEWEST_INPUTS = 64
"""Input channels from which on bytes are quicker than float32."""


def suits_bytes(c: Compiler, p: Projection) -> bool:
    """Are a projection's sums those of a quick and exact product of bytes?"""
    map_, r = p.map, c.ranges[p.source]
    if not c.quantised or p.frames or p.gather is not None:
        return False
    if c.wires[p.source].shape != map_.in_shape or int(r.out_lo.min()) < 0:
        return False
    if not (isinstance(map_, Dense) or (isinstance(map_, Conv) and map_.groups == 1)):
        return False
    wide = map_.weight.shape[1] >= FEWEST_INPUTS
    return wide and narrow_enough(c, p, map_.weight, 0)


def byte_sums(c: Compiler, p: Projection, bias: Array | None) -> str | None:
    """A projection's sums, float32 (rows, *map.out_shape), or None where bytes do not suit.

    Args:
        bias: by output channel.
    """
    if not suits_bytes(c, p):
        return None
    map_ = p.map
    found = (channels_last if isinstance(map_, Conv) else as_bytes)(c, p.source)
    if found is None or found[1]:
        return None
    weight, unit = map_.weight, 2.0**p.exponent
    if not isinstance(map_, Conv):
        return _product(c.builder, found[0], weight, unit, bias)
    weight = np.moveaxis(weight, 1, -1).reshape(len(weight), -1)
    y = _product(c.builder, _side_by_side(c.builder, found[0], map_), weight, unit, bias)
    return c.builder.turned(y, len(map_.out_shape), last=False)


def _side_by_side(b: Builder, x: str, map_: Conv) -> str:
    """The inputs of every output position, (rows, *positions, taps * channels)."""
    n = len(map_.kernel)
    if any(any(pair) for pair in map_.padding):
        before, after = ([pair[side] for pair in map_.padding] for side in (0, 1))
        pads = b.constant(np.array([0, *before, 0, 0, *after, 0]))
        x = b.op("Pad", [x, pads, b.constant(0, "u1")], "u1")
    axes = b.constant(np.arange(1, n + 1))
    steps = b.constant(np.array(map_.stride))
    if max(map_.kernel) == 1 and max(map_.stride) == 1:
        return x
    taken = []
    for tap in product(*(range(k) for k in map_.kernel)):
        start = np.array(tap) * map_.dilation
        end = start + (np.array(map_.out_shape[1:]) - 1) * map_.stride + 1
        ends = [b.constant(start), b.constant(end), axes, steps]
        taken.append(b.op("Slice", [x, *ends], "u1"))
    return taken[0] if len(taken) == 1 else b.op("Concat", taken, "u1", axis=n + 1)


def _product(b: Builder, x: str, weight: IntArray, unit: float, bias: Array | None) -> str:
    inputs = [x, b.constant(weight.T, "s1"), b.constant(1, "f4"), b.constant(unit, "f4")]
    if bias is not None and np.any(bias):
        inputs += ["", "", b.constant(np.broadcast_to(bias, len(weight)), "f4")]
    return b.op("MatMulIntegerToFloat", inputs, "f4", domain=CONTRIB)
