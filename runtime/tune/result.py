"""What `snnc.tune` gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from snnc.ir.errors import SnncError
from snnc.runtime.jsonable import jsonable
from snnc.runtime.tune.budget import Budget, Origin
from snnc.runtime.tune.grid import Setting

if TYPE_CHECKING:
    from rich.console import RenderableType

_PER_SAMPLE = ("spikes", "synaptic_events", "unit_spike_operations")
_ORIGINS: Mapping[Origin, str] = {
    "source": "the source's own",
    "given": "as given",
    "best": "of the best setting",
}

_LEGEND = (
    "events: synaptic, a sample; *: no other row beats it in accuracy, energy and ticks; "
    "over: loses more than the budget\n"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting that was measured.

    Attributes:
        name: unique in its tuning.
        weight_bits: of the model.
        levels: largest D of the model.
        code, schedule: of the run.
        n_samples: that were measured.
        accuracy: share of them.
        loss: what it lacks to the reference on the same samples; negative for a gain.
        kept: is that within the budget?
        n_ticks: of one sample.
        spikes, synaptic_events, unit_spike_operations: of one sample, on average.
        picojoule: of one sample by hardware; hardware without figures is absent.
        graph_hash: of the graph that was counted.
    """

    name: str
    weight_bits: int | None
    levels: int | None
    code: str
    schedule: str
    n_samples: int
    accuracy: float
    loss: float
    kept: bool
    n_ticks: int
    spikes: float
    synaptic_events: float
    unit_spike_operations: float
    picojoule: Mapping[str, float]
    graph_hash: str

    @classmethod
    def of(cls, setting: Setting, report: Mapping[str, Any], budget: Budget) -> Row:
        """The row of a report."""
        n, accuracy, made = report["n_samples"], report["accuracy"], report["provenance"]
        return cls(
            name=str(setting),
            weight_bits=made.get("weight_bits"),
            levels=made.get("levels"),
            code=report["code"],
            schedule=report["schedule"],
            n_samples=n,
            accuracy=accuracy,
            loss=float(budget.reference(n)) - accuracy,
            kept=budget.keeps(accuracy, n),
            n_ticks=report["n_ticks"],
            **{key: report["counters"][key] / n for key in _PER_SAMPLE},
            picojoule={
                name: energy["picojoule"]
                for name, energy in report["energy"].items()
                if energy["picojoule"] is not None
            },
            graph_hash=report["graph_hash"],
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuning:
    """What a search found.

    Attributes:
        best: the cheapest setting within the budget, measured on all data.
        rows: the whole grid, all on the same samples.
        confirmed: settings that were measured on all data, in that order.
        refused: settings that cannot be had, and why.
        hardware: title by name; the first one decided.
        pareto: by hardware the names of rows that no other one beats in accuracy, energy, ticks.
        minimised: `energy` or `ticks`.
        reference: accuracy on all data that losses are counted from.
        reference_of: `source`, `given` or `best`: whose it is.
        max_loss: the budget, a share of the samples.
        own_levels: are the levels the source's own, and no axis of the grid?
        n_samples: all data.
        n_calibration: samples that ranges were taken from; None where none were.
        n_resumed: measurements that an earlier run had made.
        notes: what the user should know, one sentence each.
        output: the winner's `.snnc`; None where none was asked for.
        files: all that were written.
        seconds: that it took.
    """

    best: Row
    rows: tuple[Row, ...]
    confirmed: tuple[Row, ...]
    refused: Mapping[Setting, SnncError]
    hardware: Mapping[str, str]
    pareto: Mapping[str, tuple[str, ...]]
    minimised: Literal["energy", "ticks"]
    reference: float
    reference_of: Origin
    max_loss: float
    own_levels: bool
    n_samples: int
    n_calibration: int | None
    n_resumed: int
    notes: tuple[str, ...]
    output: Path | None
    files: tuple[Path, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc tune --json`."""
        result: dict[str, Any] = jsonable(
            {
                **vars(self),
                "best": dict(vars(self.best)),
                "rows": [dict(vars(row)) for row in self.rows],
                "confirmed": [dict(vars(row)) for row in self.confirmed],
                "refused": [
                    {**setting.to_json(), "error": error.to_json()}
                    for setting, error in self.refused.items()
                ],
            }
        )
        return result

    def render(self) -> list[RenderableType]:
        """The tables that a person reads."""
        from rich.text import Text

        from snnc.runtime.report.units import energy_text
        from snnc.runtime.tables import key_values, table

        chip, title = next(iter(self.hardware.items()))
        rows = [self._cells(row, chip) for row in self._sorted(chip)]
        heads = ("bits", "D", "code", "accuracy", "loss", "ticks", "events", "energy", "")
        best = self.best
        budget = f"{self.max_loss:.2%} of {self.reference:.2%}, {_ORIGINS[self.reference_of]}"
        bits = "" if best.weight_bits is None else f"{best.weight_bits} bits, "
        shown = {
            "best": f"{bits}D = {best.levels}, {best.code}",
            "accuracy": f"{best.accuracy:.2%} of {best.n_samples:,} samples",
            "loss": f"{best.loss:.2%}; at most {budget}",
            "energy": f"{energy_text(best.picojoule[chip])} a sample",
            "ticks": best.n_ticks,
            "measured": f"{len(self.rows)} settings on {self.rows[0].n_samples:,} samples",
            "confirmed": f"{len(self.confirmed)} on all" if self._on_part else None,
            "refused": len(self.refused) or None,
            "written": ", ".join(map(str, self.files)) or None,
        }
        legend = Text(_LEGEND, style="dim")
        return [table(heads, rows, title=title), legend, key_values(shown), *map(_note, self.notes)]

    @property
    def _on_part(self) -> bool:
        return self.rows[0].n_samples < self.n_samples

    def _sorted(self, chip: str) -> list[Row]:
        def key(row: Row) -> tuple[bool, float, float]:
            energy, ticks = row.picojoule[chip], float(row.n_ticks)
            return (not row.kept, *((energy, ticks) if self.minimised == "energy" else
                                    (ticks, energy)))  # fmt: skip

        return sorted(self.rows, key=key)

    def _cells(self, row: Row, chip: str) -> tuple[Any, ...]:
        from snnc.runtime.report.units import energy_text

        front = "* " if row.name in self.pareto[chip] else ""
        mark = "best" if row.name == self.best.name else "" if row.kept else "over"
        return (
            row.weight_bits,
            row.levels,
            row.code,
            f"{row.accuracy:.2%}",
            f"{row.loss:+.2%}",
            row.n_ticks,
            round(row.synaptic_events),
            energy_text(row.picojoule[chip]),
            (front + mark).strip(),
        )


def _note(text: str) -> RenderableType:
    from rich.text import Text

    return Text(f"note: {text}")
