"""From an integer graph to one ONNX graph that computes one frame of every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snnc.backends.dense.builder import EXACT, Builder, DType, Wire, dtype_for
from snnc.backends.dense.execute import past_input
from snnc.backends.dense.maps import LOWERINGS, gather, general, maximum
from snnc.ir.arrays import Array, IntArray, Shape, along
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse
from snnc.ir.nodes import Population
from snnc.ir.ranges import Arriving, NodeRange, arriving_range


@dataclass(frozen=True)
class Foreign:
    """A population without a lowering: its model's own numpy kernel runs between two sessions.

    Attributes:
        membrane: tensor that holds what a frame integrated, bias included.
        count: graph input that takes what the model makes of it.
    """

    node: Population
    membrane: str
    count: str


@dataclass
class Compiler:
    """What the lowering of nodes shares.

    Attributes:
        quantised: may convolutions of bytes be used?
        wires: values of the nodes done so far.
        bytes: by node: its counts as unsigned bytes, tensor and zero point.
        last: likewise, with the channels, axis 0 of the node's shape, last.
        states: by graph input that holds state: the output that replaces it, and its shape.
        foreign: populations that run outside of ONNX Runtime, in topological order.
        past: what nodes emitted some frames ago, by name and number of frames.
    """

    graph: Graph
    settings: RunSettings
    ranges: Mapping[str, NodeRange]
    quantised: bool = True
    builder: Builder = field(default_factory=Builder)
    wires: dict[str, Wire] = field(default_factory=dict)
    bytes: dict[str, tuple[str, int]] = field(default_factory=dict)
    last: dict[str, tuple[str, int]] = field(default_factory=dict)
    states: dict[str, tuple[str, Shape]] = field(default_factory=dict)
    foreign: list[Foreign] = field(default_factory=list)
    past: dict[tuple[str, int], Wire] = field(default_factory=dict)

    def arriving(self, projections: list[Projection], n_channels: int = 1) -> Arriving:
        """Bounds of what projections bring, per channel of the target."""
        return arriving_range(self.graph, projections, self.ranges, self.settings, n_channels)

    def operand(self, p: Projection, dtype: DType) -> str:
        """What a projection's map takes, (rows, *map.in_shape)."""
        b, wire = self.builder, self.brought(p)
        if p.gather is None and wire.shape == p.map.in_shape:
            return b.cast(wire.name, dtype)
        flat = b.flat(wire)
        if p.gather is not None:
            flat = gather(b, flat, p.gather, self.graph.nodes[p.source].size)
        flat = b.cast(flat, dtype)
        return flat if len(p.map.in_shape) == 1 else b.reshape(flat, p.map.in_shape)

    def reshaped(self, name: str, shape: Shape, to: Shape) -> str:
        """(rows, *shape) as (rows, *to)."""
        return name if shape == to else self.builder.reshape(name, to)

    def brought(self, p: Projection) -> Wire:
        """What a projection takes from its source: of this frame, or of an earlier one."""
        return self._past(p.source, p.frames) if p.frames else self.wires[p.source]

    def _past(self, name: str, frames: int) -> Wire:
        """What a node emitted some frames ago: a graph input of its own."""
        if (name, frames) not in self.past:
            node = self.graph.nodes[name]
            low, high = self._emitted(name)
            largest = max(-low, high, 0)
            dtype = dtype_for(largest)
            tensor = self.builder.input(past_input(name, frames), dtype, node.shape)
            self.past[name, frames] = Wire(tensor, node.shape, dtype, largest, low < 0)
        return self.past[name, frames]

    def emitted(self, name: str, frames: int = 0) -> Wire:
        """What travels of a node's counts, those of some frames ago; in code `delta` the change.

        What it changed from is a state of its own, so frames are computed one after the other.
        """
        counts = self._past(name, frames) if frames else self.wires[name]
        if not self.settings.sends_changes:
            return counts
        r = self.ranges[name]
        largest = max(-r.sent_lo, r.sent_hi)
        pair = [w.name for w in (counts, self._past(name, frames + 1))]
        dtype = dtype_for(largest)
        change = self.builder.op("Sub", [self.builder.cast(x, dtype) for x in pair], dtype)
        return Wire(change, counts.shape, dtype, largest, signed=True)

    def _emitted(self, name: str) -> tuple[int, int]:
        r = self.ranges[name]
        return int(r.out_lo.min()), int(r.out_hi.max())

    def remember(self) -> None:
        """Hand what every node emits on to the frames that take it; all nodes are done."""
        for name, frames in list(self.past):
            for n in range(frames, 0, -1):
                self._past(name, n)
        for (name, frames), wire in self.past.items():
            newer = self.past[name, frames - 1] if frames > 1 else self.wires[name]
            new = self.builder.op("Identity", [newer.name], wire.dtype)
            self.states[wire.name] = new, wire.shape

    def wire(self, name: str, node: str, tensor: str, shape: Shape) -> Wire:
        """Note the value of a node, in the narrowest type that holds it."""
        low, high = self._emitted(node)
        largest = max(-low, high, 0)
        tensor = self.builder.cast(tensor, dtype_for(largest))
        wire = Wire(tensor, shape, dtype_for(largest), largest, low < 0)
        self.wires[name] = wire
        return wire


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
        part = narrow(c, p, scale, first) if dtype == "f4" else wide(c, p, dtype)
        part = c.reshaped(part, p.map.out_shape, shape)
        total = c.builder.op("Add", [total, part], dtype) if total else part
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
    return lower(c.builder, c.operand(p, "f4"), p.map, weight, bias)


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


def folds(p: Projection, node: Population) -> bool:
    """Do the map's output channels coincide with the population's?"""
    axis = p.map.channel_axis % len(p.map.out_shape)
    return p.map.out_shape == node.shape and axis == node.channel_axis


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
    if c.brought(p).dtype != "f4":
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
