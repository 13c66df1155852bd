"""A compiled graph: the ONNX builder, what to feed, what to fetch, how to count."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.backends.dense.builder import Builder, Wire
from snnc.backends.dense.compiler import Compiler, Foreign
from snnc.backends.dense.counting import (
    NodeTally,
    ProductTally,
    emitted,
    emitted_bytes,
    tally_node,
    tally_product,
)
from snnc.backends.dense.nodes import lower_population, lower_product, lower_source
from snnc.backends.feeds import check_graph
from snnc.ir.arrays import Shape
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Output, Population, Product


@dataclass(frozen=True)
class Program:
    """One frame of every row, as ONNX.

    Attributes:
        wires: by emitting node, in topological order.
        states: by graph input: the output that is its next value, and its shape.
        foreign: populations that run between sessions, in topological order.
        tallies: what reads counters off sums over rows.
        products: what reads them off row by row.
    """

    builder: Builder
    wires: dict[str, Wire]
    states: dict[str, tuple[str, Shape]]
    foreign: tuple[Foreign, ...]
    tallies: tuple[NodeTally, ...]
    products: tuple[ProductTally, ...]

    @property
    def sums(self) -> list[str]:
        """Tensors that add up over rows."""
        return [tensor for tally in self.tallies for tensor in tally.tensors]

    @property
    def by_row(self) -> list[str]:
        """Tensors of counters that are read row by row."""
        return [tensor for product in self.products for tensor in product.tensors]


def compile_graph(
    graph: Graph, settings: RunSettings, n_frames: int, *, rows: int = 1, quantised: bool = True
) -> Program:
    """Lower every node of an integer graph.

    Args:
        rows: most rows that are computed at once: sums over them have to be exact.
        quantised: may convolutions of bytes be used? They are slow where there is no kernel.

    Raises:
        NotExecutable: a node without a lowering.
        WidthExceeded: a bound passes int64.
    """
    c = Compiler(graph, settings, check_graph(graph, settings, n_frames), quantised)
    tallies, products = list[NodeTally](), list[ProductTally]()
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
        if name in c.wires:  # counted next to where it is made, while it is at hand
            tallies.append(_tally(c, name, 0, rows))
    for name in c.wires:
        ago = {p.frames for p in graph.outgoing(name) if graph.is_event(p)}
        tallies += [_tally(c, name, frames, rows) for frames in sorted(ago - {0})]
    c.remember()
    return Program(c.builder, c.wires, c.states, tuple(c.foreign), tuple(tallies), tuple(products))


def _tally(c: Compiler, name: str, frames: int, rows: int) -> NodeTally:
    """Counts what a node emitted some frames ago, where it arrives in this frame."""
    unit_spikes = c.settings.unit_spikes and c.graph.emits(name) == "count"
    wire = c.emitted(name, frames)
    for known in (c.last, c.bytes):
        tensor, zero = known.get(name, ("", 0))
        if tensor and not (zero or frames or c.settings.sends_changes):
            last = known is c.last
            x = emitted_bytes(c.builder, tensor, wire.shape, wire.largest, rows, last=last)
            break
    else:
        x = emitted(c.builder, wire, rows)
    return tally_node(c.builder, c.graph, name, x, unit_spikes, frames)
