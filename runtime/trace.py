"""Tracing samples: every event, tick by tick, in memory or into a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnc.backends.base import Stretch, joined
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import Rate
from snnc.ir.file import check_output
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.feeds import Feeder
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model, load
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress, silent
from snnc.runtime.trace_files import SUFFIXES, as_path, trace_file
from snnc.runtime.trace_plots import PLOT_SUFFIXES, PlotKind, write_plot
from snnc.runtime.trace_run import TraceRequest, TraceRun
from snnc.runtime.trace_select import Tally


@dataclass(frozen=True, kw_only=True, eq=False)
class TraceResult:
    """Every event of one sample.

    Attributes:
        sample: its index in the data.
        code, schedule, rate: settings of the run.
        tick, population, neuron, payload: int64, shape (n_events,), sorted by tick, population
            (topological order), neuron; `population` indexes `names`.
        names: emitting nodes.
        values: those of them that pass sums on as graded events, which are no spikes.
        n_ticks: length of the run.
        ticks: the first tick that is held and the one behind the last; (0, n_ticks) for all.
        membranes: by node, shape (ticks held, *shape); only where asked for.
        output, plot: files that were written.
    """

    sample: int
    code: str
    schedule: str
    rate: Rate | None
    tick: IntArray
    population: IntArray
    neuron: IntArray
    payload: IntArray
    names: tuple[str, ...]
    values: frozenset[str]
    n_ticks: int
    ticks: tuple[int, int]
    membranes: Mapping[str, IntArray] | None
    output: Path | None
    plot: Path | None

    @property
    def tally(self) -> Tally:
        """Sums over all events."""
        return Tally(self.names, self.values).add(self.tick, self.population, self.payload)

    @property
    def n_spikes(self) -> int:
        """Sum of |payload| over what carries counts: unit spikes."""
        return self.tally.n_spikes

    @property
    def by_population(self) -> dict[str, dict[str, int | None]]:
        """Events, spikes, first and last tick of each emitting node."""
        return self.tally.by_population

    def whole(self) -> Stretch:
        """All of it as one stretch."""
        columns = self.tick, self.population, self.neuron, self.payload
        return Stretch(self.sample, *columns, self.ticks[0], self.membranes)

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc trace --json`."""
        return _as_json(self, (self.sample, self.sample + 1), self.tally, self.plot)


@dataclass(frozen=True, kw_only=True, eq=False)
class TraceFile:
    """A trace that went to a file event by event.

    Attributes:
        samples: the first one and the one behind the last.
        code, schedule, rate: settings of the run.
        n_ticks: length of a sample's run.
        ticks: the first tick that is kept and the one behind the last.
        tally: sums over all events.
        output: the file.
    """

    samples: tuple[int, int]
    code: str
    schedule: str
    rate: Rate | None
    n_ticks: int
    ticks: tuple[int, int]
    tally: Tally
    output: Path

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc trace --json`."""
        return _as_json(self, self.samples, self.tally, None)


def _as_json(
    trace: TraceResult | TraceFile, samples: tuple[int, int], tally: Tally, plot: Path | None
) -> dict[str, Any]:
    result: dict[str, Any] = jsonable(
        {
            "sample": samples[0] if samples[1] == samples[0] + 1 else None,
            "samples": samples,
            "code": trace.code,
            "schedule": trace.schedule,
            "rate": trace.rate,
            "n_ticks": trace.n_ticks,
            "ticks": trace.ticks,
            "n_events": tally.n_events,
            "n_spikes": tally.n_spikes,
            "by_population": tally.by_population,
            "output": trace.output,
            "plot": plot,
        }
    )
    return result


def trace(
    model: Model | str | os.PathLike[str],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str],
    *,
    sample: int,
    membranes: bool = False,
    populations: Sequence[str] = (),
    ticks: tuple[int | None, int | None] = (None, None),
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    output: str | os.PathLike[str] | None = None,
    plot: str | os.PathLike[str] | None = None,
    plot_kind: PlotKind = "raster",
    force: bool = False,
) -> TraceResult:
    """Trace one sample through the event engine; its trace is in memory then.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        data: samples: `.npz`, `.npy`, a name, or an array.
        sample: index of the sample.
        membranes: record membranes at every tick as well.
        populations: whose events and membranes are kept; none: all.
        ticks: first tick that is kept and the one behind the last; None: all.
        code: `burst`, `graded`, `delta` or `rate`; None: the model's.
        schedule: `sequential` or `pipelined`; None: the model's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        output: file to write: `.npz`, `.h5`, `.csv` (events alone) or `.nix`.
        plot: picture to draw, `.png`, `.svg`, `.pdf`, or `.html` to look into.
        plot_kind: `raster`, `psth` (events in each tick) or `membrane`, which records membranes.
        force: overwrite `output` and `plot`.

    Raises:
        SnncError: by its subclass: unreadable model or data, no such sample, ….
    """
    model = model if isinstance(model, Model) else load(model)
    request = TraceRequest(
        samples=(sample, sample + 1),
        several=False,
        membranes=membranes or plot_kind == "membrane",
        populations=populations,
        ticks=ticks,
        settings=model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools),
    )
    _check_files(output, plot, force=force)
    run = TraceRun(model, _samples(model, data), request)
    result = _result(run, request, as_path(output), as_path(plot))
    if result.output is not None:
        with trace_file(result.output, run.head, force=force) as add:
            add(result.whole())
    if result.plot is not None:
        write_plot(result.plot, result, model.integer_graph, plot_kind, force=force)
    return result


def trace_to(
    model: Model | str | os.PathLike[str],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    sample: int | None = None,
    samples: tuple[int | None, int | None] = (None, None),
    membranes: bool = False,
    populations: Sequence[str] = (),
    ticks: tuple[int | None, int | None] = (None, None),
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> TraceFile:
    """Trace samples through the event engine into a file; memory holds a stretch of them.

    Args:
        output: file to write: `.npz`, `.h5`, `.csv` (events alone) or `.nix`.
        sample: index of the only one; the file is then as `trace` writes it.
        samples: the first one and the one behind the last; None: from the start, to the end.
        progress: is told after each sample.
        model, data, membranes, populations, ticks, code, schedule, rate_ticks, rate_reset,
            rate_pools, force: see `trace`.

    Raises:
        SnncError: by its subclass: unreadable model or data, no such sample, no space, ….
    """
    model = model if isinstance(model, Model) else load(model)
    request = TraceRequest(
        samples=samples if sample is None else (sample, sample + 1),
        several=sample is None,
        membranes=membranes,
        populations=populations,
        ticks=ticks,
        settings=model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools),
    )
    _check_files(output, None, force=force)
    run = TraceRun(model, _samples(model, data), request)
    tally, (first, end), done = run.tally(), run.head.samples, 0
    with trace_file(Path(output), run.head, force=force) as add:
        for part in run.stretches():
            tally.add(part.tick, part.population, part.payload)
            add(part)
            if part.sample - first > done:
                done = part.sample - first
                progress("trace", done, end - first)
    progress("trace", end - first, end - first)
    return TraceFile(
        samples=run.head.samples,
        code=request.settings.code,
        schedule=request.settings.schedule,
        rate=request.settings.rate,
        n_ticks=run.head.n_ticks,
        ticks=run.head.ticks,
        tally=tally,
        output=Path(output),
    )


def _samples(
    model: Model, data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str]
) -> DataSet:
    feeder = Feeder(model.file)
    return load_data(data, feeder.shape, feeder.names, model.preparation)


def _check_files(
    output: str | os.PathLike[str] | None, plot: str | os.PathLike[str] | None, *, force: bool
) -> None:
    for path, known in ((output, SUFFIXES), (plot, PLOT_SUFFIXES)):
        if path is not None:
            check_suffix(Path(path), known)
            check_output(path, force=force)


def _result(
    run: TraceRun, request: TraceRequest, output: Path | None, plot: Path | None
) -> TraceResult:
    """All of a run in memory."""
    whole = joined(list(run.stretches()))
    return TraceResult(
        sample=run.head.samples[0],
        code=request.settings.code,
        schedule=request.settings.schedule,
        rate=request.settings.rate,
        tick=whole.tick,
        population=whole.population,
        neuron=whole.neuron,
        payload=whole.payload,
        names=run.head.names,
        values=run.head.values,
        n_ticks=run.head.n_ticks,
        ticks=run.head.ticks,
        membranes=whole.membranes,
        output=output,
        plot=plot,
    )
