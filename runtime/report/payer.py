"""What counters of a run cost, on every chip of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from snnc.backends.base import EngineResult
from snnc.ir.rate import as_run
from snnc.ir.schedule import window_length
from snnc.runtime.energy import Counted, EnergyEstimate, Hardware, Part, Placed, estimate
from snnc.runtime.energy.figures import PARTS
from snnc.runtime.energy.memory import memory_counters, stored_widths
from snnc.runtime.model import Model
from snnc.runtime.run import RunResult
from snnc.runtime.statistics.summary import Pay


class Payer:
    """Multiplies counters of one run, or of its samples, with figures.

    Args:
        model: that was run.
        run: says in which code.
        hardware: chips to estimate for.
        parts: that totals add up or leave out, whatever the hardware files say.
    """

    def __init__(
        self,
        model: Model,
        run: RunResult,
        hardware: Sequence[Hardware],
        parts: Mapping[Part, bool] | None,
    ) -> None:
        rate = {} if run.rate is None else run.rate.options()
        self.settings = model.run_settings(run.code, run.schedule, **rate)
        self.window = window_length(model.integer_graph, self.settings)
        # in code `rate` spikes took the direct projections of the graph that it runs on
        self.graph, played, n_frames = as_run(model.integer_graph, self.settings, run.n_frames)
        self._widths = stored_widths(self.graph, played, n_frames)
        self._hardware, self._parts = hardware, parts
        self._placed: Placed | None = None

    def place(self, placed: Placed) -> None:
        """Count what a placement on cores adds: the mean of a sample, for each sample alike."""
        self._placed = placed

    def estimates(self, result: EngineResult) -> tuple[EnergyEstimate, ...]:
        """One for each chip."""
        return tuple(self._estimate(result, chip) for chip in self._hardware)

    def pay(self) -> dict[str, Pay]:
        """By chip: what prices one sample's counters."""

        def of(chip: Hardware) -> Pay:
            return lambda result: self._estimate(result, chip).picojoule

        return {chip.name: of(chip) for chip in self._hardware}

    def _estimate(self, result: EngineResult, chip: Hardware) -> EnergyEstimate:
        counted = Counted(
            graph=self.graph,
            result=result,
            code=self.settings.code,
            memory=memory_counters(self.graph, result, self._widths),
            placed=self._placed,
        )
        return estimate(counted, chip, parts=parts_of(chip, self._parts))


def parts_of(chip: Hardware, chosen: Mapping[Part, bool] | None) -> tuple[Part, ...]:
    """Parts that a chip's total adds up: its file's, but for those that were chosen otherwise."""
    chosen = chosen or {}
    return tuple(part for part in PARTS if chosen.get(part, part in chip.total))
