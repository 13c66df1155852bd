"""A compiled graph: the ONNX builder, what to feed, what to fetch, how to count."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from snnc.backends.dense.builder import Builder, Wire
from snnc.backends.dense.compiler import Compiler, Foreign
from snnc.backends.dense.counting import (
    Emitted,
    Inside,
    NodeTally,
    ProductTally,
    emitted,
    emitted_bytes,
    emitted_last,
    needs_of,
    tally_inside,
    tally_product,
    tally_seen,
)
from snnc.backends.dense.nodes import lower_population, lower_product, lower_source
from snnc.backends.dense.products import late_bytes
from snnc.backends.dense.quantised import as_bytes
from snnc.backends.dense.seen import Seen, fits
from snnc.backends.feeds import check_graph
from snnc.ir.arrays import Shape
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Output, Population, Product

MOST_SEEN = 2**27
"""Bytes up to which what nodes emit is kept until it is counted."""


@dataclass(frozen=True)
class Program:
    """One frame of every row, as ONNX; or several (see `stretch`).

    Attributes:
        wires: by emitting node, in topological order.
        states: by name: the output that is its next value, and its shape.
        foreign: populations that run between sessions, in topological order.
        tallies: how what nodes emit is counted.
        products: what reads them off row by row.
        n_frames: that are computed at once.
    """

    builder: Builder
    wires: dict[str, Wire]
    states: dict[str, tuple[str, Shape]]
    foreign: tuple[Foreign, ...]
    tallies: tuple[NodeTally, ...]
    products: tuple[ProductTally, ...]
    n_frames: int = 1

    def entry(self, state: str) -> str:
        """The graph input that holds a state before the first frame."""
        return state if self.n_frames == 1 else f"first {state}"

    @property
    def seen(self) -> tuple[Seen, ...]:
        """What is counted outside of the graph."""
        return tuple(t.where for t in self.tallies if isinstance(t.where, Seen))

    @cached_property
    def sums(self) -> list[str]:
        """Tensors that add up over rows."""
        inside = [t.where for t in self.tallies if isinstance(t.where, Inside)]
        return [tensor for each in inside for tensor in each.tensors]

    @cached_property
    def by_row(self) -> list[str]:
        """Tensors of counters that are read row by row."""
        return [tensor for product in self.products for tensor in product.tensors]

    @property
    def read(self) -> set[str]:
        """Tensors that may be asked for."""
        wires = (wire.name for wire in self.wires.values())
        states = (new for new, _ in self.states.values())
        seen = (seen.tensor for seen in self.seen)
        foreign = (f.membrane for f in self.foreign)
        return {*wires, *states, *seen, *foreign, *self.sums, *self.by_row}


def compile_graph(
    graph: Graph, settings: RunSettings, n_frames: int, *, rows: int = 1, on_cpu: bool = True
) -> Program:
    """Lower every node of an integer graph.

    Args:
        rows: most rows that are computed at once: sums over them have to be exact.
        on_cpu: may convolutions of bytes be used, which have no kernel elsewhere, and is what nodes
            emit at hand, so that it can be counted outside?

    Raises:
        NotExecutable: a node without a lowering.
        WidthExceeded: a bound passes int64.
    """
    c = Compiler(graph, settings, check_graph(graph, settings, n_frames), on_cpu)
    c.late_bytes = late_bytes(c)
    tally = _Tally(c, rows, outside=on_cpu and _has_room(graph, rows))
    products = list[ProductTally]()
    for name, node in graph.nodes.items():
        if isinstance(node, Input | HostOp):
            if node in graph.sources:
                lower_source(c, node)
        elif isinstance(node, Population):
            lower_population(c, node)
        elif isinstance(node, Product):
            operands = lower_product(c, node)
            r = c.ranges[name]
            largest = max(-r.membrane_lo, r.membrane_hi)
            products.append(tally_product(c.builder, node, operands, largest))
        elif not isinstance(node, Output):
            raise NotExecutable(f"the dense engine does not know {node.kind} nodes", where=name)
        if name in c.wires and not tally.outside:
            tally.add(name, 0)  # counted next to where it is made, while it is at hand
    for name in c.late_bytes:
        as_bytes(c, name)
    tally.add_others()
    c.remember()
    tallies = tuple(tally.found)
    program = Program(c.builder, c.wires, c.states, tuple(c.foreign), tallies, tuple(products))
    c.builder.prune(program.read)  # of what was tried on the way; weights among it
    return program


def _has_room(graph: Graph, rows: int) -> bool:
    """Can all that is emitted be kept until it is counted?"""
    neurons = sum(node.size for node in graph.nodes.values())
    return neurons * rows * np.dtype(np.float32).itemsize <= MOST_SEEN


@dataclass
class _Tally:
    """Adds the counting of nodes.

    Attributes:
        rows: most rows.
        outside: of the graph, where a tensor's type allows it?
    """

    c: Compiler
    rows: int
    outside: bool
    found: list[NodeTally] = field(default_factory=list)

    def add(self, name: str, frames: int) -> None:
        """Count what a node emitted some frames ago, where it arrives in this frame."""
        c, graph = self.c, self.c.graph
        fires = graph.emits(name) == "count"
        x = self._emitted(name, frames)
        only_units = (c.settings.unit_spikes and fires) or x.largest <= 1
        needs = needs_of(graph, name, frames, only_units=only_units)
        size, dtype = graph.nodes[name].size, c.builder.types[x.tensor]
        outside = self.outside and fits(dtype, x.largest, size, self.rows)
        where = tally_seen(needs, x, dtype) if outside else tally_inside(c.builder, needs, x)
        self.found.append(NodeTally(name, needs, fires, where, frames))

    def add_others(self) -> None:
        """Count what has not been counted where it was made."""
        graph = self.c.graph
        for name in self.c.wires:
            ago = {p.frames for p in graph.outgoing(name) if graph.is_event(p)}
            now = {0} if self.outside else set()  # known last: which form of it others asked for
            for frames in sorted(ago - {0} | now):
                self.add(name, frames)

    def _emitted(self, name: str, frames: int) -> Emitted:
        c = self.c
        wire = c.emitted(name, frames)
        fed = name in {source.name for source in c.graph.sources}  # its own bytes are at hand
        for known in (c.bytes,) if fed else (c.last, c.bytes):
            tensor, zero = known.get(name, ("", 0))
            if tensor and not (zero or frames or c.settings.sends_changes):
                return emitted_bytes(tensor, wire, self.rows, last=known is c.last)
        turned = c.builder.unturned(wire.name, len(wire.shape))
        return emitted_last(turned, wire, self.rows) if turned else emitted(wire, self.rows)
