"""What projections bring to a node, summed exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from snnc.backends.dense.builder import EXACT, DType
from snnc.backends.dense.compiler import Compiler, folds
from snnc.backends.dense.maps import LOWERINGS, general, maximum
from snnc.backends.dense.products import byte_sums, thinned
from snnc.ir.arrays import Array, IntArray, Shape, along
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse
from snnc.ir.nodes import Population


def summed(
    c: Compiler,
    projections: list[Projection],
    shape: Shape,
    dtype: DType,
    scale: Array | None = None,
    bias: Array | None = None,
) -> str:
    """The sum of what projections bring, (rows, *shape), exact in `dtype`.

    Args:
        scale: float32 only: factor by output channel, folded into the weights.
        bias: float32 only: by output channel; goes with the first projection.
    """
    total = ""
    for n, p in enumerate(projections):
        first = bias if n == 0 else None
        on_bytes = dtype == "f4" and scale is None
        part = byte_sums(c, p, first, projections) if on_bytes else None
        part = part or (narrow(c, p, scale, first) if dtype == "f4" else wide(c, p, dtype))
        part = c.reshaped(part, p.map.out_shape, shape)
        total = c.builder.added([total, part], len(shape), dtype) if total else part
    return total


def convolutions_first(projections: list[Projection]) -> list[Projection]:
    """Convolutions add a bias for nothing."""
    return sorted(projections, key=lambda p: not isinstance(p.map, Conv))


def narrow(c: Compiler, p: Projection, scale: Array | None, bias: Array | None) -> str:
    """A projection in float32, exponent included."""
    weight = scaled_weight(p.map, scale) * 2.0**p.exponent
    lower = LOWERINGS.get(type(p.map))
    if lower is None:
        y = general(c.builder, c.operand(p, "f4"), p.map.with_weight(weight))
        bias_map = None if bias is None else along(bias, len(p.map.out_shape), p.map.channel_axis)
        return (
            y
            if bias_map is None
            else c.builder.op("Add", [y, c.builder.constant(bias_map, "f4")], "f4")
        )
    thin = thinned(c, p)
    read, map_ = thin if thin is not None else (c.operand(p, "f4"), p.map)
    return lower(c.builder, read, map_, weight, bias)


def scaled_weight(map_: LinearMap, scale: Array | None) -> Array:
    """Weights times a factor by output channel."""
    weight = map_.weight.astype(np.float64)
    if scale is None:
        return weight
    if isinstance(map_, Sparse):
        return weight * scale[map_.weight_channels()]
    if weight.ndim == 0:
        return weight * scale
    return weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))


def can_scale(p: Projection, node: Population) -> bool:
    """Can a factor by channel of the population be multiplied into the map's own weights?"""
    return folds(p, node) and type(p.map) in LOWERINGS and p.map.weight.ndim > 0


def wide(c: Compiler, p: Projection, dtype: DType) -> str:
    """A projection whose sums pass float32: in parts that do not, else in `dtype` throughout."""
    b = c.builder
    digits = narrow_digits(c, p)
    if not digits:
        y = wide_product(c, p, dtype)
    else:
        y = ""
        for n, digit in enumerate(digits):
            part = b.cast(narrow(c, digit, None, None), dtype)
            if n:
                part = b.op("Mul", [part, b.constant(np.array(256**n), dtype)], dtype)
            y = b.op("Add", [y, part], dtype) if y else part
    if p.exponent:
        y = b.op("Mul", [y, b.constant(np.array(2**p.exponent), dtype)], dtype)
    return y


def narrow_digits(c: Compiler, p: Projection) -> list[Projection]:
    """Projections with the weights' base-256 digits whose sums fit float32; [] if none do."""
    if c.brought(p).dtype not in ("f4", "u1"):
        return []
    plain = replace(p, exponent=0)
    if largest_sum(c, plain) <= EXACT["f4"]:
        return [plain]
    digits, weight = [], p.map.weight
    while weight.any():
        digit: IntArray = (weight + 128) % 256 - 128
        weight = (weight - digit) // 256
        digits.append(replace(plain, map=p.map.with_weight(digit)))
    return digits if all(largest_sum(c, d) <= EXACT["f4"] for d in digits) else []


def largest_sum(c: Compiler, p: Projection) -> int:
    """Largest |partial sum| that a projection can bring, in whatever order."""
    into = c.arriving([p])
    return max(int(into.partial_hi[0]), -int(into.partial_lo[0]))


def wide_product(c: Compiler, p: Projection, dtype: DType) -> str:
    """A projection in float64 or int64."""
    x = c.operand(p, dtype)
    if isinstance(p.map, Dense | Identity):
        return LOWERINGS[type(p.map)](c.builder, x, p.map, p.map.weight, None)
    return general(c.builder, x, p.map)


def pooled(c: Compiler, p: Projection, shape: Shape) -> str:
    """The maximum that a projection brings, (rows, *shape)."""
    dtype = c.wires[p.source].dtype
    exists = None if p.gather is None or (p.gather >= 0).all() else p.gather >= 0
    y = maximum(c.builder, c.operand(p, dtype), p.map, exists)
    return c.reshaped(y, p.map.out_shape, shape)
