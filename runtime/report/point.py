"""One report as a row of a comparison, and which rows no other one beats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

PER_SAMPLE = ("spikes", "synaptic_events", "unit_spike_operations", "dense_macs")
"""Counters that a row has, of one sample."""


@dataclass(frozen=True, kw_only=True)
class LayerPoint:
    """One node that emits events; counters of one sample, on average.

    Attributes:
        kind, n_neurons, mean_count, n_dead, n_saturated: as in the report.
        spikes, synaptic_events, dense_macs: of one sample.
        picojoule: of one sample by hardware.
    """

    kind: str
    n_neurons: int
    mean_count: float | None
    n_dead: int | None
    n_saturated: int | None
    spikes: float
    synaptic_events: float
    dense_macs: float
    picojoule: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Exit:
    """Early exit, as in the report: an entry for each tick."""

    ticks: tuple[int, ...]
    agreement: tuple[float, ...]
    accuracy: tuple[float, ...] | None
    n_samples: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """One report, as a row.

    Attributes:
        name: of the row, unique in its comparison.
        model, code, schedule, engine, data: of the report.
        exact: do counts arrive as they are in this code?
        weight_bits, levels: of the model; None where the report does not say.
        n_samples: of the report.
        accuracy: None without labels.
        accuracy_low, accuracy_high: its confidence interval; None without statistics.
        n_ticks: of one sample.
        spikes, synaptic_events, unit_spike_operations, dense_macs: of one sample, on average.
        host_mac_share: of the multiply-accumulates that stay on the host.
        picojoule: of one sample by hardware; hardware without figures is absent.
        picojoule_low, picojoule_high: with the lowest and highest published figures.
        by_layer: by hardware, layer and figure: what the total adds up, in pJ of one sample.
        layers: by name.
        baseline: energy of one sample of the networks without spikes, by name, in pJ.
        early_exit: None where it was not measured.
        command: that made the report; None from Python.
        graph_hash: of the graph that was counted.
        codes: the same network and samples in each event code that the report shows.
    """

    name: str
    model: str
    code: str
    schedule: str
    engine: str
    data: str | None
    exact: bool
    weight_bits: int | None
    levels: int | None
    n_samples: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    n_ticks: int
    spikes: float
    synaptic_events: float
    unit_spike_operations: float
    dense_macs: float
    host_mac_share: float
    picojoule: Mapping[str, float]
    picojoule_low: Mapping[str, float]
    picojoule_high: Mapping[str, float]
    by_layer: Mapping[str, Mapping[str, Mapping[str, float]]]
    layers: Mapping[str, LayerPoint]
    baseline: Mapping[str, float]
    early_exit: Exit | None
    command: str | None
    graph_hash: str
    codes: tuple[Point, ...] = field(default=(), repr=False)

    def to_json(self) -> dict[str, Any]:
        """One object; the same report in other codes is no part of it."""
        kept = {key: value for key, value in vars(self).items() if key != "codes"}
        layers = {name: dict(vars(layer)) for name, layer in self.layers.items()}
        early = None if self.early_exit is None else dict(vars(self.early_exit))
        return {**kept, "layers": layers, "early_exit": early}


_Cost: TypeAlias = tuple[float, float, int]


def front(points: Sequence[Point], hardware: str) -> list[str]:
    """Names of the points that no other one beats on a chip.

    A point beats another if it is nowhere worse and somewhere better in accuracy (more), energy
    (less) and ticks (fewer). Points without an accuracy or energy are left out.
    """
    costs = {
        p.name: (-p.accuracy, p.picojoule[hardware], p.n_ticks)
        for p in points
        if p.accuracy is not None and hardware in p.picojoule
    }
    return [name for name, mine in costs.items() if not _beaten(mine, costs.values())]


def _beaten(mine: _Cost, others: Iterable[_Cost]) -> bool:
    return any(
        cost != mine and all(a <= b for a, b in zip(cost, mine, strict=True)) for cost in others
    )
