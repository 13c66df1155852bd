"""Energy on one chip: every counter times its published figure, summed by part and by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snnc.ir.graph import Graph
from snnc.runtime.energy.assume import assumptions
from snnc.runtime.energy.counted import Counted, passes_sums
from snnc.runtime.energy.figures import (
    CHIP_TICKS,
    MAPPING_COUNTERS,
    MEMORY_COUNTERS,
    SYNAPTIC_COUNTERS,
    Figure,
    Hardware,
    Part,
)

_AS_ONE_EVENT = {"unit_spike_operations": "synaptic_events", "spikes": "events"}
"""What stands for a counter of unit spikes where a chip without graded events meets a sum."""
CHIP = "(chip)"
"""Stands for a layer where an energy is the whole chip's."""


@dataclass(frozen=True, kw_only=True)
class Energy:
    """A figure with the range that publications leave, pJ."""

    picojoule: float = 0.0
    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Energy) -> Energy:
        return Energy(
            picojoule=self.picojoule + other.picojoule,
            low=self.low + other.low,
            high=self.high + other.high,
        )

    def to_json(self) -> dict[str, float]:
        """All three."""
        return {
            "picojoule": self.picojoule,
            "picojoule_low": self.low,
            "picojoule_high": self.high,
        }


@dataclass(frozen=True, kw_only=True)
class EnergyEstimate:
    """Energy of one sample on one chip, in picojoules.

    Attributes:
        hardware: the chip and its figures.
        total: of the parts that count; None where no figure is published.
        in_total: parts that the total adds up.
        by_part: each part that there is a figure for; None where it could not be counted.
        by_figure: by key of the figure.
        by_layer: by node, what is in the total: its own counters, those of the projections into
            it, and its own events.
        by_layer_figure: by node and figure, everything.
        assumptions: what was assumed for this network and run.
    """

    hardware: Hardware
    total: Energy | None
    in_total: tuple[Part, ...]
    by_part: Mapping[Part, Energy | None]
    by_figure: Mapping[str, float]
    by_layer: Mapping[str, float]
    by_layer_figure: Mapping[str, Mapping[str, float]]
    assumptions: tuple[str, ...]

    @property
    def picojoule(self) -> float | None:
        """The total, without its range."""
        return None if self.total is None else self.total.picojoule

    def to_json(self) -> dict[str, Any]:
        """JSON values; energies in picojoules for one sample."""
        nothing = dict.fromkeys(Energy().to_json())
        return {
            "hardware": self.hardware.to_json(),
            **(nothing if self.total is None else self.total.to_json()),
            "parts": {
                part: {
                    **(nothing if energy is None else energy.to_json()),
                    "in_total": part in self.in_total,
                }
                for part, energy in self.by_part.items()
            },
            "by_figure": dict(self.by_figure),
            "by_layer": dict(self.by_layer),
            "by_layer_figure": {name: dict(each) for name, each in self.by_layer_figure.items()},
            "assumptions": list(self.assumptions),
        }


def estimate(
    counted: Counted, hardware: Hardware, *, parts: Sequence[Part] | None = None
) -> EnergyEstimate:
    """Multiply the counters of a run with the figures of a chip.

    Args:
        counted: of the run.
        hardware: the chip.
        parts: that the total adds up; None: those that the hardware file names.
    """
    in_total = hardware.total if parts is None else tuple(parts)
    by_part: dict[Part, Energy | None] = {}
    by_figure: dict[str, float] = {}
    by_layer: dict[str, dict[str, float]] = {}
    for figure in hardware.figures:
        paid = _operations(counted, hardware, figure)
        if paid is None:
            by_part.setdefault(figure.part, None)
            continue
        amount = 0.0
        for layer, operations in paid:
            if not operations:
                continue
            amount += operations
            row = by_layer.setdefault(layer, {})
            row[figure.key] = row.get(figure.key, 0.0) + operations * figure.picojoule
        by_figure[figure.key] = amount * figure.picojoule
        by_part[figure.part] = (by_part.get(figure.part) or Energy()) + energy_of(figure, amount)
    known = [e for part, e in by_part.items() if part in in_total and e is not None]
    summed = {f.key for f in hardware.figures if f.part in in_total}
    ordered = {name: by_layer[name] for name in (*counted.graph.nodes, CHIP) if name in by_layer}
    return EnergyEstimate(
        hardware=hardware,
        total=sum(known, Energy()) if known else None,
        in_total=tuple(part for part in hardware.parts if part in in_total),
        by_part={part: by_part[part] for part in hardware.parts},
        by_figure=by_figure,
        by_layer={
            name: sum(each for key, each in row.items() if key in summed)
            for name, row in ordered.items()
            if summed & row.keys()
        },
        by_layer_figure=ordered,
        assumptions=tuple(assumptions(counted, hardware)),
    )


def energy_of(figure: Figure, amount: float) -> Energy:
    """What `amount` operations cost, with the range of the figure."""
    low, high = figure.bounds
    return Energy(picojoule=amount * figure.picojoule, low=amount * low, high=amount * high)


def _operations(
    counted: Counted, hardware: Hardware, figure: Figure
) -> Iterator[tuple[str, float]] | None:
    """(layer, operations of one sample that the figure is paid for); None: they are not known."""
    n, counter = counted.result.n_samples, figure.counter
    if counter in MAPPING_COUNTERS:
        placed = counted.placed_on(hardware)
        return None if placed is None else iter(placed.traffic.get(counter, {}).items())
    if counter == CHIP_TICKS:
        return iter([(CHIP, float(counted.chips(hardware) * counted.result.n_ticks))])
    if counter in MEMORY_COUNTERS:
        return ((name, getattr(each, counter) / n) for name, each in counted.memory.items())
    if counter in SYNAPTIC_COUNTERS:
        return _synaptic(counted, hardware, counter)
    return (
        (name, getattr(node, _taken(counted.graph, hardware, counter, name)) / n)
        for name, node in counted.result.node_counters.items()
    )


def _synaptic(counted: Counted, hardware: Hardware, counter: str) -> Iterator[tuple[str, float]]:
    graph, result = counted.graph, counted.result
    for name, counters in result.counters.items():
        projection = graph.projections.get(name)
        if projection is None and name not in graph.nodes:
            continue  # of the non-spiking network alone
        emitter, layer = (projection.source, projection.target) if projection else (name, name)
        taken = _taken(graph, hardware, counter, emitter)
        yield layer, getattr(counters, taken) / result.n_samples


def _taken(graph: Graph, hardware: Hardware, counter: str, emitter: str) -> str:
    """The counter that is read: where a chip has unit spikes only, a sum is one event."""
    if hardware.payload == "unit" and emitter in graph.nodes and passes_sums(graph, emitter):
        return _AS_ONE_EVENT.get(counter, counter)
    return counter
