"""Memory traffic: what a network reads and writes where nothing is kept at hand between operations.

Spiking: an event reads, for each synapse that it reaches, the stored weight, and reads and writes
the membrane of the neuron behind it; a latch reads and clears every membrane of its population.
Non-spiking: a multiply-accumulate reads a weight and an activation, sums stay in a register, and
each result is written once. Caches and reuse would lower both; neither is assumed for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snnc.backends.base import EngineResult, Sums
from snnc.ir.arrays import bits
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.ranges import NodeRange, analyse

WEIGHTED_MAPS = frozenset({"dense", "conv", "sparse"})
"""Maps with a weight for each synapse; the others only add (skips, sum-pools)."""
FLOAT_BITS = 32


@dataclass(frozen=True)
class MemoryCounters(Sums):
    """Bits read and written by what leads into one node, summed over samples and frames.

    Attributes:
        weight_bits: of weights (of a product: of the other operand) read.
        state_bits: of membranes read and written; of activations in a non-spiking network.
    """

    weight_bits: int = 0
    state_bits: int = 0


@dataclass(frozen=True)
class Widths:
    """Bits of what is stored.

    Attributes:
        membrane: by node, of one neuron's membrane in the worst case.
        count: by node, of one count or value.
        weight: by projection, of one weight; 0 where nothing is stored.
    """

    membrane: Mapping[str, int]
    count: Mapping[str, int]
    weight: Mapping[str, int]


def stored_widths(graph: Graph, settings: RunSettings | None = None, n_frames: int = 1) -> Widths:
    """Two's complement widths of an integer graph, from its worst cases.

    Args:
        graph: integer form.
        settings, n_frames: as of `ir.ranges.analyse`.
    """
    ranges = analyse(graph, settings, n_frames)
    return Widths(
        membrane={name: found.membrane_bits for name, found in ranges.items()},
        count={name: _count_bits(found) for name, found in ranges.items()},
        weight={name: weight_width(p) for name, p in graph.projections.items()},
    )


def _count_bits(found: NodeRange) -> int:
    return bits(int(found.out_lo.min()), int(found.out_hi.max()))


def weight_width(projection: Projection) -> int:
    """Two's complement width that holds every stored weight; 0 for maps that only add."""
    if projection.map.kind not in WEIGHTED_MAPS:
        return 0
    weight = projection.map.weight
    return bits(int(weight.min()), int(weight.max())) if weight.size else 0


def memory_counters(
    graph: Graph, result: EngineResult, widths: Widths
) -> dict[str, MemoryCounters]:
    """Bits by node that a spiking run moves.

    Args:
        graph: that was run.
        result: of the run, with counters.
        widths: of the same graph.
    """
    found: dict[str, MemoryCounters] = {}

    def add(name: str, weight_bits: int, accesses: int) -> None:
        moved = MemoryCounters(weight_bits, 2 * accesses * widths.membrane.get(name, 0))
        found[name] = found.get(name, MemoryCounters()) + moved

    for name, counters in result.counters.items():
        events = counters.synaptic_events
        if name in graph.projections:
            p = graph.projections[name]
            add(p.target, events * widths.weight[name], events)
        elif name in graph.nodes:  # a product reads the operand that is already there
            operand = max(widths.count.get(p.source, 0) for p in graph.incoming(name))
            add(name, events * operand, events)
    for name, node in result.node_counters.items():
        add(name, 0, node.neuron_latches + node.max_pool_inputs)
    return found
