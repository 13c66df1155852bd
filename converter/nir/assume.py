"""What NIR leaves open: asked for, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from snnc.converter.nir.graph import NirGraph
from snnc.converter.nir.neurons import RESETTING, TIMED, Assumptions
from snnc.converter.sources.declare import grid_from_options
from snnc.converter.sources.grids import InputGrid
from snnc.converter.sources.model import SourceOptions
from snnc.ir.errors import DataError, NeedsAssumption, WrongUsage
from snnc.ir.nodes import Reduction

DT_KEY, RESET_KEY, LO_KEY, HI_KEY = "snnc_dt", "snnc_reset", "snnc_lo", "snnc_hi"
"""Metadata of a graph that snnc wrote: files of others have none."""

RESETS = ("subtract", "zero")
_SPIKES = InputGrid(0, 1)


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """The answers.

    Attributes:
        neurons: time step and reset.
        grid: of the input.
        whole: the input takes whole numbers as they are.
        frames: of a sample, where stated.
        reduction: of outputs over frames.
        notes: one sentence for each.
    """

    neurons: Assumptions
    grid: InputGrid
    whole: bool
    frames: int | None
    reduction: Reduction
    notes: tuple[str, ...]

    def grid_fields(self) -> dict[str, Any]:
        """Fields of an `Input`."""
        lo, hi = self.grid.count_range
        if self.whole:
            return {"dtype": "uint8" if lo >= 0 and hi < 256 else "int32", "lo": lo, "hi": hi}
        return {"dtype": "float32", "lo": lo, "hi": hi, "step": self.grid.step}

    def to_json(self) -> dict[str, Any]:
        """For the provenance."""
        return {"dt": self.neurons.dt, "reset": self.neurons.reset}


def assume(nir: NirGraph, options: SourceOptions, where: str) -> Assumed:
    """What the options, or the metadata of a file that snnc wrote, say.

    Raises:
        NeedsAssumption: something matters to this graph and nothing says it.
        WrongUsage: an option that NIR has no use for.
        DataError: an option contradicts the file, or is not one.
    """
    for name in ("factory", "input_shape", "levels", "time_axis"):
        if getattr(options, name) is not None:
            word = name.replace("_", "-")
            raise WrongUsage(f"--{word} means nothing for a NIR file", where=where)
    types = {node.type for node in nir.nodes.values()}
    dt = _stated("dt", options.dt, nir.metadata.get(DT_KEY), where)
    reset = _stated("reset", options.reset, nir.metadata.get(RESET_KEY), where)
    if dt is not None and not 0 < dt < float("inf"):
        raise DataError(f"a time step is positive, not {dt}", where=where)
    if reset is not None and reset not in RESETS:
        raise DataError(f"reset is one of {', '.join(RESETS)}, not `{reset}`", where=where)
    asks_dt, asks_reset = bool(types & TIMED), bool(types & RESETTING)
    missing = [
        text
        for text, needed in (
            ("its time step (--dt SECONDS)", asks_dt and dt is None),
            (
                "what a spike leaves of the membrane (--reset zero|subtract)",
                asks_reset and not reset,
            ),
        )
        if needed
    ]
    if missing:
        raise NeedsAssumption(
            f"a NIR file does not say {' nor '.join(missing)}",
            where=where,
            hint="ask who trained it; snnTorch writes files for --dt 1e-4, Norse's default is 1e-3",
        )
    dt, reset = dt if asks_dt else None, reset if asks_reset else None
    grid = grid_from_options(options)
    whole = grid is None
    if grid is None:
        grid = _counts(nir)
    return Assumed(
        neurons=Assumptions(dt=dt, reset=reset),
        grid=grid,
        whole=whole,
        frames=options.frames,
        reduction=options.reduce or "none",
        notes=_notes(dt, reset, grid if whole else None),
    )


def _counts(nir: NirGraph) -> InputGrid:
    """Spikes; in a file that snnc wrote the counts of its input."""
    lo, hi = (nir.metadata.get(key) for key in (LO_KEY, HI_KEY))
    return _SPIKES if lo is None or hi is None else InputGrid(int(lo), int(hi))


def _stated(name: str, asked: Any, written: Any, where: str) -> Any:
    if written is None:
        return asked
    value = written if isinstance(written, str) else float(written)
    if asked not in (None, value):
        raise DataError(f"the file says {name} {value}, --{name} says {asked}", where=where)
    return value


def _notes(dt: float | None, reset: str | None, grid: InputGrid | None) -> tuple[str, ...]:
    notes = []
    if dt is not None:
        notes.append(
            f"a frame is {dt:g} s: membranes and currents take a forward Euler step in it "
            "(as snnTorch and Norse do)"
        )
    if reset == "zero":
        notes.append("a spike resets the membrane to v_reset")
    elif reset == "subtract":
        notes.append("a spike subtracts its threshold from the membrane")
    if grid is not None:
        what = "spikes, 0 or 1" if grid == _SPIKES else f"counts, {grid.lo} to {grid.hi}"
        notes.append(
            f"the input takes {what} (--input-range and --input-bits declare another grid)"
        )
    return tuple(notes)
