"""Energy on one chip: every counter times its published figure, summed by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.ir.graph import Graph
from snnc.runtime.energy.figures import SYNAPTIC_COUNTERS, Figure, Hardware

_AS_ONE_EVENT = {"unit_spike_operations": "synaptic_events", "spikes": "events"}
"""What stands for a counter of unit spikes where a chip without graded events meets a sum."""


@dataclass(frozen=True, kw_only=True)
class EnergyEstimate:
    """Energy of one sample on one chip, in picojoules.

    Attributes:
        hardware: the chip and its figures.
        picojoule: of one sample; None where no figure is published.
        by_figure: by key of the figure.
        by_layer: by node: its own counters and those of the projections into it.
        assumptions: what was assumed for this network and run.
    """

    hardware: Hardware
    picojoule: float | None
    by_figure: Mapping[str, float]
    by_layer: Mapping[str, float]
    assumptions: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values; energies in picojoules for one sample."""
        return {
            "hardware": self.hardware.to_json(),
            "picojoule": self.picojoule,
            "by_figure": dict(self.by_figure),
            "by_layer": dict(self.by_layer),
            "assumptions": list(self.assumptions),
        }


def estimate(
    graph: Graph, result: EngineResult, hardware: Hardware, *, code: str
) -> EnergyEstimate:
    """Multiply the counters of a run with the figures of a chip.

    Args:
        graph: the integer graph that was run.
        result: of the run, with counters of projections.
        hardware: the chip.
        code: event code of the run.
    """
    by_figure = {figure.key: 0.0 for figure in hardware.figures}
    by_layer: dict[str, float] = {}
    for figure in hardware.figures:
        for layer, operations in _operations(graph, result, hardware, figure):
            picojoule = operations * figure.picojoule / result.n_samples
            by_figure[figure.key] += picojoule
            by_layer[layer] = by_layer.get(layer, 0.0) + picojoule
    return EnergyEstimate(
        hardware=hardware,
        picojoule=sum(by_figure.values()) if hardware.figures else None,
        by_figure=by_figure,
        by_layer={name: by_layer[name] for name in graph.nodes if name in by_layer},
        assumptions=tuple(_assumptions(graph, result, hardware, code)),
    )


def _operations(
    graph: Graph, result: EngineResult, hardware: Hardware, figure: Figure
) -> Iterator[tuple[str, int]]:
    """(layer, operations that the figure is paid for) of every projection or node."""
    synaptic = figure.counter in SYNAPTIC_COUNTERS
    items: Mapping[str, Counters | NodeCounters] = (
        result.counters if synaptic else result.node_counters
    )
    for name, counters in items.items():
        projection = graph.projections.get(name) if synaptic else None
        if projection is None and name not in graph.nodes:
            continue  # of the non-spiking network alone
        emitter, layer = (projection.source, projection.target) if projection else (name, name)
        counter = figure.counter
        if hardware.payload == "unit" and passes_sums(graph, emitter):
            counter = _AS_ONE_EVENT.get(counter, counter)
        yield layer, getattr(counters, counter)


def passes_sums(graph: Graph, name: str) -> bool:
    """Do a node's events carry whole sums, in every event code?"""
    return any(graph.is_event(p) for p in graph.outgoing(name)) and graph.emits(name) == "value"


def _assumptions(graph: Graph, result: EngineResult, hardware: Hardware, code: str) -> list[str]:
    if not hardware.figures:
        return ["no energy per operation is published for this chip"]
    assumed = []
    if hardware.payload == "unit":
        values = [name for name in graph.nodes if passes_sums(graph, name)]
        if values:
            assumed.append(
                f"{_populations(values)} sums on as graded events ({_some(values)}); the chip "
                "has unit spikes only, and each such event is counted as one"
            )
        if code != "burst":
            assumed.append(
                f"the run used the code {code}: operations are counted as unit spikes, but neuron "
                "updates are those of its few ticks; run with the code burst for this chip's ticks"
            )
    pooled = sum(c.max_pool_inputs for c in result.node_counters.values()) / result.n_samples
    if pooled:
        assumed.append(f"{pooled:,.0f} inputs of max-pools a sample are not in any figure")
    return assumed


def _populations(names: list[str]) -> str:
    return "1 population passes" if len(names) == 1 else f"{len(names)} populations pass"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
