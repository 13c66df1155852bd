"""From an integer graph to one ONNX graph that computes one frame of every row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from snnc.backends.dense.builder import Builder, DType, Wire, dtype_for
from snnc.backends.dense.execute import past_input
from snnc.backends.dense.maps import gather
from snnc.ir.arrays import Shape
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
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
        late_bytes: nodes whose counts of earlier frames are wanted as unsigned bytes.
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
    late_bytes: Collection[str] = ()

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
            dtype = "u1" if name in self.late_bytes else dtype_for(largest)
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
            tensor = newer.name
            if name in self.late_bytes and frames == 1:
                known, zero = self.bytes[name]
                tensor = self.builder.cast(newer.name, "u1") if zero else known
            new = self.builder.op("Identity", [tensor], wire.dtype)
            self.states[wire.name] = new, wire.shape

    def wire(self, name: str, node: str, tensor: str, shape: Shape) -> Wire:
        """Note the value of a node, in the narrowest type that holds it."""
        low, high = self._emitted(node)
        largest = max(-low, high, 0)
        tensor = self.builder.cast(tensor, dtype_for(largest))
        wire = Wire(tensor, shape, dtype_for(largest), largest, low < 0)
        self.wires[name] = wire
        return wire


def folds(p: Projection, node: Population) -> bool:
    """Do the map's output channels coincide with the population's?"""
    axis = p.map.channel_axis % len(p.map.out_shape)
    return p.map.out_shape == node.shape and axis == node.channel_axis
