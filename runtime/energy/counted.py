"""What a run did, as far as figures are paid for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snnc.backends.base import EngineResult
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population, Product
from snnc.runtime.energy.figures import Hardware
from snnc.runtime.energy.memory import MemoryCounters


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What a placement on cores adds to the counters.

    Attributes:
        hardware: name of the chip that was mapped.
        n_chips: in use; None where that is not known.
        traffic: by counter of `MAPPING_COUNTERS`: by emitting node, of one sample.
        notes: what to mind about it, sentences without a full stop.
    """

    hardware: str
    n_chips: int | None
    traffic: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counted:
    """All that figures are multiplied with.

    Attributes:
        graph: the integer graph that was run.
        result: of the run, with counters of projections.
        code: event code of the run.
        memory: bits moved, by node; of the whole run.
        placed: on cores; None: nobody mapped it.
    """

    graph: Graph
    result: EngineResult
    code: str
    memory: Mapping[str, MemoryCounters] = field(default_factory=dict)
    placed: Placed | None = None

    def placed_on(self, hardware: Hardware) -> Placed | None:
        """The placement, if it is on this chip."""
        here = self.placed is not None and self.placed.hardware == hardware.name
        return self.placed if here else None

    def chips(self, hardware: Hardware) -> int:
        """Chips as placed, or else the least that hold all neurons."""
        placed = self.placed_on(hardware)
        if placed is not None and placed.n_chips is not None:
            return placed.n_chips
        neurons = sum(
            n.size for n in self.graph.nodes.values() if isinstance(n, Population | Product)
        )
        cores, each = hardware.chip.cores_per_chip, hardware.chip.limit("neurons_per_core")
        return max(1, -(-neurons // (cores * each))) if cores and each else 1


def passes_sums(graph: Graph, name: str) -> bool:
    """Do a node's events carry whole sums, in every event code?"""
    return any(graph.is_event(p) for p in graph.outgoing(name)) and graph.emits(name) == "value"
