"""The energy formula that papers on spiking networks print, to compare with their tables.

    E = 4.6 pJ x MACs(first layer) + 0.9 pJ x sum over the other layers of k x MACs(layer)

k is the mean count of the neurons that feed the layer. It is D times the mean firing rate of the
papers, so that no further factor of D or T stands in front.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from snnc.backends.base import EngineResult
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input
from snnc.runtime.energy.loader import load_hardware
from snnc.runtime.energy.memory import WEIGHTED_MAPS


@dataclass(frozen=True, kw_only=True)
class PapersEstimate:
    """One sample by the papers' formula.

    Attributes:
        first_layer: what was taken as the first layer.
        first_layer_macs: its multiply-accumulates.
        synaptic_operations: sum over the other weighted layers of k x MACs.
        left_out: weighted projections that the formula has no term for, as no counts feed them.
        picojoule: energy of one sample.
    """

    first_layer: tuple[str, ...]
    first_layer_macs: float
    synaptic_operations: float
    left_out: tuple[str, ...]
    picojoule: float

    def to_json(self) -> dict[str, Any]:
        """All attributes by name."""
        return {**asdict(self), "first_layer": [*self.first_layer], "left_out": [*self.left_out]}


def papers_formula(graph: Graph, result: EngineResult, host_macs: int) -> PapersEstimate:
    """Energy of one sample by the papers' formula.

    Args:
        graph: the integer graph that was run.
        result: of the run, with counters of projections and nodes.
        host_macs: multiply-accumulates on the host, all samples together; where there are some,
            the host part is the first layer.
    """
    first: list[str] = ["host part"] if host_macs else []
    macs, operations = float(host_macs), 0.0
    left_out: list[str] = []
    for name in result.counters:
        projection = graph.projections.get(name)
        if projection is None or projection.map.kind not in WEIGHTED_MAPS:
            continue
        source = graph.nodes[projection.source]
        if not host_macs and isinstance(source, Input | HostOp):
            first.append(name)
            macs += result.counters[name].dense_macs
        elif graph.emits(projection.source) == "value":
            left_out.append(name)
        else:
            # k x MACs, as spikes x mean fan-out
            fan_out = projection.fan_out(source.size)
            operations += result.node_counters[source.name].spikes * float(fan_out.mean())
    figures = {f.counter: f.picojoule for f in load_hardware("45nm").figures}
    energy = macs * figures["effective_macs"] + operations * figures["effective_acs"]
    return PapersEstimate(
        first_layer=tuple(first),
        first_layer_macs=macs / result.n_samples,
        synaptic_operations=operations / result.n_samples,
        left_out=tuple(left_out),
        picojoule=energy / result.n_samples,
    )
