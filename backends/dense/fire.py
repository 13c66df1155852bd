"""Staircases as ONNX operators: the cheapest form that is proved to have the same steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.dense.builder import EXACT, Builder, DType
from snnc.backends.dense.compiler import Compiler, folds
from snnc.backends.dense.products import suits_bytes
from snnc.backends.dense.quantised import byte_fire, quantised_fire
from snnc.backends.dense.staircase import (
    Rounded,
    Scaled,
    Shifted,
    Steps,
    fit_rounded,
    fit_scaled,
    fit_shifted,
    steps_of,
)
from snnc.backends.dense.summing import can_scale, convolutions_first, summed
from snnc.ir.arrays import Array, IntArray, along
from snnc.ir.graph import Projection
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Population

TABLE_LIMIT = 2**20
"""Entries up to which irregular steps are looked up in a table."""
MANY_LEVELS = 8
"""From here on a table is quicker than a comparison for each level."""

Line: TypeAlias = "Shifted | Rounded"


@dataclass(frozen=True)
class Stairs:
    """A staircase over a known range, by channel.

    Attributes:
        thresholds: (C, L).
        lo: smallest count.
        i_lo, i_hi: reachable range of i, shape (C,).
        ndim, axis: of the population.
    """

    thresholds: IntArray
    lo: int
    i_lo: IntArray
    i_hi: IntArray
    ndim: int
    axis: int

    @property
    def hi(self) -> int:
        """Largest count."""
        return self.lo + self.thresholds.shape[1]

    def steps(self) -> list[Steps]:
        """Steps of every channel."""
        return [
            steps_of(theta, self.lo, int(low), int(high))
            for theta, low, high in zip(self.thresholds, self.i_lo, self.i_hi, strict=True)
        ]


def lower_fire(c: Compiler, node: Population, model: IntegerFire, dtype: DType) -> str:
    """An integer-fire population, (rows, *shape) in float32."""
    incoming = c.graph.incoming(node.name)
    stairs = _stairs_of(c, node, model)
    if dtype != "f4":
        i = add_bias(c.builder, summed(c, incoming, node.shape, dtype), node, node.bias)
        return _wide_fire(c.builder, i, dtype, stairs)
    quick = len(incoming) == 1 and byte_fire(
        c, node, incoming[0], stairs.steps(), stairs.lo, stairs.hi
    )
    if quick:
        return quick
    into = c.arriving(incoming, node.n_channels)
    largest = np.maximum(into.partial_hi, -into.partial_lo)
    bias = np.abs(node.bias_map()).max(axis=_other_axes(node))
    in_float = not any(suits_bytes(c, p) for p in incoming)
    if in_float and all(can_scale(p, node) for p in incoming):
        scaled = fit_scaled(stairs.steps(), largest, bias)
        if scaled is not None:
            return _scaled_fire(c, node, incoming, stairs, scaled)
    if incoming:
        i = biased(c, node, incoming, None, np.zeros(node.n_channels))
        top = int((largest + bias).max())
        quick = quantised_fire(c, node, i, stairs.steps(), top, stairs.lo, stairs.hi)
        if quick:
            return quick
    line = fit_line(stairs, largest + bias)
    offset = line.offset if line is not None else np.zeros(node.n_channels)
    i = biased(c, node, incoming, None, offset)
    return step_count(c.builder, i, stairs, line)


def fit_line(stairs: Stairs, largest: IntArray) -> Line | None:
    """Any line of `staircase` that meets every step."""
    steps = stairs.steps()
    return fit_shifted(steps, largest) or fit_rounded(steps, largest)


def step_count(b: Builder, i: str, stairs: Stairs, line: Line | None) -> str:
    """Counts from float32 integers, to which the line's offset has been added."""
    if line is None:
        return _irregular(b, i, stairs)
    if isinstance(line, Rounded):
        step = b.constant(along(line.step, stairs.ndim, stairs.axis), "f4")
        y = b.op("Div", [i, step], "f4")
        return b.op("Round", [_clip(b, y, stairs.lo, stairs.hi)], "f4")
    if (line.slope != 1).any():
        slope = b.constant(along(line.slope, stairs.ndim, stairs.axis), "f4")
        i = b.op("Mul", [i, slope], "f4")
    return b.op("Floor", [_clip(b, i, stairs.lo, stairs.hi + 0.5)], "f4")


def add_bias(b: Builder, i: str, node: Population, bias: Array) -> str:
    """The sum of i and a bias of shape (), (C,) or the node's."""
    if not np.any(bias):
        return i
    spread = along(bias, len(node.shape), node.channel_axis)
    return b.op("Add", [i, b.constant(spread, b.types[i])], b.types[i])


def _stairs_of(c: Compiler, node: Population, model: IntegerFire) -> Stairs:
    r, n = c.ranges[node.name], node.n_channels
    return Stairs(
        thresholds=np.broadcast_to(model.thresholds, (n, model.thresholds.shape[1])),
        lo=model.lo,
        i_lo=np.broadcast_to(r.i_lo, (n,)),
        i_hi=np.broadcast_to(r.i_hi, (n,)),
        ndim=len(node.shape),
        axis=node.channel_axis,
    )


def _other_axes(node: Population) -> tuple[int, ...]:
    return tuple(a for a in range(len(node.shape)) if a != node.channel_axis)


def biased(
    c: Compiler,
    node: Population,
    incoming: list[Projection],
    scale: Array | None,
    offset: Array,
) -> str:
    """Scale * (input + bias) + offset in float32, by channel within the map where that goes."""
    factor = np.ones(node.n_channels) if scale is None else scale
    incoming = convolutions_first(incoming)
    if node.bias.ndim <= 1 and incoming and folds(incoming[0], node):
        bias = node.bias * factor + offset
        return summed(c, incoming, node.shape, "f4", scale, bias)
    bias = node.bias_map() * along(factor, len(node.shape), node.channel_axis)
    bias = bias + along(offset, len(node.shape), node.channel_axis)
    return add_bias(c.builder, summed(c, incoming, node.shape, "f4", scale), node, bias)


def _scaled_fire(
    c: Compiler, node: Population, incoming: list[Projection], stairs: Stairs, scaled: Scaled
) -> str:
    unit = 2.0**scaled.shift
    x = biased(c, node, incoming, scaled.factor / unit, scaled.offset / unit)
    if not scaled.shift:
        return _clip(c.builder, x, stairs.lo, stairs.hi)
    return c.builder.op("Floor", [_clip(c.builder, x, stairs.lo, stairs.hi + 0.5)], "f4")


def _clip(b: Builder, x: str, lo: float, hi: float) -> str:
    bounds = [b.constant(v, "f4") for v in (lo, hi)]
    return b.op("Clip", [x, *bounds], "f4")


def _wide_fire(b: Builder, i: str, dtype: DType, stairs: Stairs) -> str:
    """Bring i next to the steps, where float32 holds it, if they lie close enough together."""
    theta = np.clip(stairs.thresholds, stairs.i_lo[:, None], stairs.i_hi[:, None])
    if not theta.size:  # one level: any i is as near as another
        theta = stairs.i_lo[:, None]
    low = np.maximum(theta.min(axis=1) - 1, stairs.i_lo)
    high = np.minimum(theta.max(axis=1) + 1, stairs.i_hi)
    if (high - low).max() >= EXACT["f4"]:
        return _compare(b, i, dtype, stairs)
    low_, high_ = (b.constant(along(v, stairs.ndim, stairs.axis), dtype) for v in (low, high))
    near = b.op("Min", [b.op("Max", [i, low_], dtype), high_], dtype)
    near = b.cast(b.op("Sub", [near, low_], dtype), "f4")
    thresholds = np.where(
        stairs.thresholds > stairs.i_hi[:, None],
        np.iinfo(np.int64).max,
        np.maximum(stairs.thresholds, low[:, None]) - low[:, None],
    )
    moved = Stairs(thresholds, stairs.lo, np.zeros_like(low), high - low, stairs.ndim, stairs.axis)
    line = fit_line(moved, high - low)
    if line is not None and np.any(line.offset):
        offset = b.constant(along(line.offset, stairs.ndim, stairs.axis), "f4")
        near = b.op("Add", [near, offset], "f4")
    return step_count(b, near, moved, line)


def _irregular(b: Builder, i: str, stairs: Stairs) -> str:
    """Steps that no line meets: a table where there are many, else one comparison each."""
    span = int((stairs.i_hi - stairs.i_lo).max()) + 1
    n_levels = stairs.thresholds.shape[1]
    if n_levels < MANY_LEVELS or span * len(stairs.thresholds) > TABLE_LIMIT:
        return _compare(b, i, "f4", stairs)
    levels = np.stack(
        [
            np.searchsorted(theta, low + np.arange(span), side="right")
            for theta, low in zip(stairs.thresholds, stairs.i_lo, strict=True)
        ]
    )
    first = np.arange(len(levels)) * span - stairs.i_lo
    start = b.constant(along(first, stairs.ndim, stairs.axis))
    index = b.op("Add", [b.cast(i, "i8"), start], "i8")
    return b.op("Gather", [b.constant(stairs.lo + levels.reshape(-1), "f4"), index], "f4")


def _compare(b: Builder, i: str, dtype: DType, stairs: Stairs) -> str:
    """Lo + one comparison for each level; levels that no input reaches cost nothing."""
    above = np.minimum(stairs.thresholds, stairs.i_hi[:, None] + 1)
    always = (above <= stairs.i_lo[:, None]).all(axis=0)
    never = (above > stairs.i_hi[:, None]).all(axis=0)
    total = ""
    for theta in above[:, ~always & ~never].T:
        bound = b.constant(along(theta, stairs.ndim, stairs.axis), dtype)
        passed = b.op("GreaterOrEqual", [i, bound], "b1")
        level = b.cast(passed, "f4")
        total = b.op("Add", [total, level], "f4") if total else level
    base = stairs.lo + int(always.sum())
    if not total:
        total = b.op("Mul", [b.cast(i, "f4"), b.constant(0, "f4")], "f4")
    if base:
        total = b.op("Add", [total, b.constant(base, "f4")], "f4")
    return total
