"""A compiled graph: the ONNX builder, what to feed, what to fetch, how to count."""

from __future__ import annotations

from dataclasses import dataclass

from snnc.backends.dense.builder import Builder, Wire
from snnc.backends.dense.compiler import Compiler, Foreign
from snnc.backends.dense.counting import NodeTally, ProductTally, tally_node, tally_product
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
        tallies: what reads the counters off.
    """

    builder: Builder
    wires: dict[str, Wire]
    states: dict[str, tuple[str, Shape]]
    foreign: tuple[Foreign, ...]
    tallies: tuple[NodeTally | ProductTally, ...]


def compile_graph(
    graph: Graph, settings: RunSettings, n_frames: int, *, quantised: bool = True
) -> Program:
    """Lower every node of an integer graph.

    Args:
        quantised: may convolutions of bytes be used? They are slow where there is no kernel.

    Raises:
        NotExecutable: a node without a lowering.
        WidthExceeded: a bound passes int64.
    """
    c = Compiler(graph, settings, check_graph(graph, settings, n_frames), quantised)
    tallies: list[NodeTally | ProductTally] = []
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
            tallies.append(tally_product(c.builder, node, operands, largest))
        elif not isinstance(node, Output):
            raise NotExecutable(f"the dense engine does not know {node.kind} nodes", where=name)
    for name in c.wires:
        ago = {p.frames for p in graph.outgoing(name) if graph.is_event(p)}
        tallies += [_tally(c, name, frames) for frames in sorted({0} | ago)]
    c.remember()
    return Program(c.builder, c.wires, c.states, tuple(c.foreign), tuple(tallies))


def _tally(c: Compiler, name: str, frames: int) -> NodeTally:
    """Counts what a node emitted some frames ago, where it arrives in this frame."""
    unit_spikes = c.settings.unit_spikes and c.graph.emits(name) == "count"
    as_bytes = None if frames or c.settings.sends_changes else c.bytes.get(name)
    wire = c.emitted(name, frames)
    return tally_node(c.builder, c.graph, name, wire, as_bytes, unit_spikes, frames)
