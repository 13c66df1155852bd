"""What is compared: one point for each report, and which points no other one beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.runtime.jsonable import jsonable

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True)
class Point:
    """One report, as a row.

    Attributes:
        name: of the row, unique in its comparison.
        model, code, schedule: of the report.
        weight_bits, levels: of the model; None where the report does not say.
        n_samples: of the report.
        accuracy: None without labels.
        n_ticks: of one sample.
        spikes, synaptic_events, unit_spike_operations, dense_macs: of one sample, on average.
        picojoule: of one sample by hardware; hardware without figures is absent.
        graph_hash: of the graph that was counted.
    """

    name: str
    model: str
    code: str
    schedule: str
    weight_bits: int | None
    levels: int | None
    n_samples: int
    accuracy: float | None
    n_ticks: int
    spikes: float
    synaptic_events: float
    unit_spike_operations: float
    dense_macs: float
    picojoule: Mapping[str, float]
    graph_hash: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Reports side by side.

    Attributes:
        points: in the order in which they were given.
        hardware: title by name, of all that some point has an energy for.
        files: that were written.
    """

    points: tuple[Point, ...]
    hardware: Mapping[str, str]
    files: tuple[Path, ...] = field(default=())

    def pareto(self, hardware: str) -> list[str]:
        """Names of the points that no other one beats on a chip.

        A point beats another if it is nowhere worse and somewhere better in accuracy (more),
        energy (less) and ticks (fewer). Points without an accuracy or energy are left out.
        """
        known = [p for p in self.points if p.accuracy is not None and hardware in p.picojoule]

        def cost(p: Point) -> tuple[float, float, int]:
            assert p.accuracy is not None
            return -p.accuracy, p.picojoule[hardware], p.n_ticks

        def beaten(p: Point) -> bool:
            mine = cost(p)
            return any(
                cost(q) != mine and all(a <= b for a, b in zip(cost(q), mine, strict=True))
                for q in known
            )

        return [p.name for p in known if not beaten(p)]

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc compare --json`."""
        result: dict[str, Any] = jsonable(
            {
                "points": [dict(vars(point)) for point in self.points],
                "hardware": self.hardware,
                "pareto": {name: self.pareto(name) for name in self.hardware},
                "files": self.files,
            }
        )
        return result

    def render(self) -> list[RenderableType]:
        """A table for the terminal."""
        from snnc.runtime.compare.tables import cells, heads
        from snnc.runtime.tables import table

        return [table(heads(self), cells(self), title="Comparison, one sample each")]
