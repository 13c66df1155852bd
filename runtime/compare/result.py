"""What is compared: one point for each report, and which points no other one beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snnc.runtime.jsonable import jsonable
from snnc.runtime.report.point import Point, front

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Reports side by side.

    Attributes:
        points: in the order in which they were given.
        hardware: title by name, of all that some point has an energy for.
        chips: by name of hardware: what its file says, figures included.
        assumptions: by name of hardware: what its estimates assume, in some report.
        baselines: titles by name of networks without spikes.
        definitions: what each counter counts.
        files: that were written.
    """

    points: tuple[Point, ...]
    hardware: Mapping[str, str]
    chips: Mapping[str, Mapping[str, Any]]
    assumptions: Mapping[str, tuple[str, ...]]
    baselines: Mapping[str, str]
    definitions: Mapping[str, str]
    files: tuple[Path, ...] = field(default=())

    def pareto(self, hardware: str) -> list[str]:
        """Names of the points that no other one beats on a chip (`front`)."""
        return front(self.points, hardware)

    @property
    def note(self) -> str | None:
        """What the reader of the rows should know: points that are not of the same samples."""
        if len({(p.data, p.n_samples) for p in self.points}) == 1:
            return None
        listed = "; ".join(f"{p.name}: {p.n_samples:,} of {p.data or 'data'}" for p in self.points)
        return f"Not of the same samples: {' '.join(listed.split())}."

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc compare --json`, and of `snnc report --json` of several models."""
        result: dict[str, Any] = jsonable(
            {
                "points": self.points,
                "hardware": self.hardware,
                "pareto": {name: self.pareto(name) for name in self.hardware},
                "chips": self.chips,
                "assumptions": self.assumptions,
                "baselines": self.baselines,
                "definitions": self.definitions,
                "files": self.files,
            }
        )
        return result

    def render(self) -> list[RenderableType]:
        """Tables for the terminal: what was done, what it costs."""
        from rich.text import Text

        from snnc.runtime.compare.tables import cells, heads
        from snnc.runtime.tables import table

        done = table(heads(self), cells(self), title="Comparison, one sample each")
        tables: list[RenderableType] = [done]
        if self.hardware:
            title = "Energy of one sample; * no other is better in accuracy, energy and ticks"
            energies = cells(self, energy=True)
            tables.append(table(heads(self, energy=True), energies, title=title))
        if self.note is not None:
            tables.append(Text(self.note))
        return tables
