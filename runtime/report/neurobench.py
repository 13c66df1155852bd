"""NeuroBench's metrics, under its names and by its rules (neurobench 2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.backends.base import NodeCounters
from snnc.ir.arrays import bits as width
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population
from snnc.runtime.energy.memory import WEIGHTED_MAPS, weight_width
from snnc.runtime.run import RunResult


@dataclass(frozen=True, kw_only=True)
class NeuroBench:
    """NeuroBench's names; counts are of one sample.

    Attributes:
        footprint: bytes of weights and biases, each tensor in the smallest integer type (1, 2, 4
            or 8 bytes) that holds it.
        connection_sparsity: share of zeros among the weights, four decimals.
        activation_sparsity: share of neurons and ticks of their windows without an event, over the
            populations that fire.
        effective_macs, effective_acs, dense: synaptic operations of weighted layers.
    """

    footprint: int
    connection_sparsity: float
    activation_sparsity: float | None
    effective_macs: float
    effective_acs: float
    dense: float

    def to_json(self) -> dict[str, Any]:
        """As NeuroBench prints them."""
        return {
            "Footprint": self.footprint,
            "ConnectionSparsity": self.connection_sparsity,
            "ActivationSparsity": self.activation_sparsity,
            "SynapticOperations": {
                "Effective_MACs": self.effective_macs,
                "Effective_ACs": self.effective_acs,
                "Dense": self.dense,
            },
        }


def neurobench(graph: Graph, run: RunResult, window: int) -> NeuroBench:
    """NeuroBench's metrics of a run.

    Layers whose synapses only add (skips, pools) have no weights and are none of its layers. What
    it calls a call of a layer is one tick here, so that each tick of a window counts as one.

    Args:
        graph: the integer graph that was run.
        run: with counters of projections.
        window: ticks in which one frame's counts travel.
    """
    weighted = [p for p in graph.projections.values() if p.map.kind in WEIGHTED_MAPS]
    n_weights = sum(p.map.weight.size for p in weighted)
    zeros = sum(int((p.map.weight == 0).sum()) for p in weighted)
    counted = run.projection_counters
    own = [counted[p.name] for p in weighted if p.name in counted]
    n, calls = run.n_samples, run.n_samples * run.n_frames * window
    return NeuroBench(
        footprint=_footprint(graph),
        connection_sparsity=round(zeros / n_weights, 4) if n_weights else 0.0,
        activation_sparsity=_activation_sparsity(graph, run.node_counters, calls),
        effective_macs=sum(c.effective_macs for c in own) / n,
        effective_acs=sum(c.effective_acs for c in own) / n,
        dense=sum(c.dense_macs for c in own) * window / n,
    )


def _footprint(graph: Graph) -> int:
    total = sum(
        _bytes(weight_width(p)) * p.map.weight.size
        for p in graph.projections.values()
        if p.map.kind in WEIGHTED_MAPS
    )
    for node in graph.populations:
        if node.bias.any():
            total += _bytes(width(int(node.bias.min()), int(node.bias.max()))) * node.bias.size
    return total


def _bytes(n_bits: int) -> int:
    """The smallest integer type that holds them."""
    return next((each for each in (1, 2, 4) if n_bits <= 8 * each), 8)


def _activation_sparsity(
    graph: Graph, counters: Mapping[str, NodeCounters], calls: int
) -> float | None:
    firing = [
        node.name
        for node in graph.nodes.values()
        if isinstance(node, Population) and graph.emits(node.name) == "count"
    ]
    outputs = sum(graph.nodes[name].size for name in firing) * calls
    events = sum(counters[name].events for name in firing if name in counters)
    return 1 - events / outputs if outputs else None
