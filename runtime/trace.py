"""Tracing one sample: every event, tick by tick."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends import rate
from snnc.backends.base import Trace, TracingSession
from snnc.backends.registry import get_engine
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import Rate, RunSettings
from snnc.ir.errors import DataError, NotExecutable
from snnc.ir.file import check_output
from snnc.ir.registry import did_you_mean
from snnc.ir.stages import crosses_host
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.engines import open_session
from snnc.runtime.feeds import Feeder
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model, load
from snnc.runtime.npz import check_suffix
from snnc.runtime.trace_files import SUFFIXES, as_path, write_trace
from snnc.runtime.trace_plots import PLOT_SUFFIXES, PlotKind, write_plot


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
    def n_spikes(self) -> int:
        """Sum of |payload| over what carries counts: unit spikes."""
        return sum(row["n_spikes"] or 0 for row in self.by_population.values())

    @property
    def by_population(self) -> dict[str, dict[str, int | None]]:
        """Events, spikes, first and last tick of each emitting node."""
        return {name: self._one(index) for index, name in enumerate(self.names)}

    def _one(self, index: int) -> dict[str, int | None]:
        chosen = self.population == index
        ticks, sums = self.tick[chosen], self.names[index] in self.values
        return {
            "n_events": int(chosen.sum()),
            "n_spikes": 0 if sums else int(np.abs(self.payload[chosen]).sum()),
            "first_tick": int(ticks[0]) if len(ticks) else None,
            "last_tick": int(ticks[-1]) if len(ticks) else None,
        }

    def arrays(self) -> dict[str, Array]:
        """What the `.npz` holds."""
        membranes = {f"membranes/{k}": v for k, v in (self.membranes or {}).items()}
        return {
            "tick": self.tick,
            "population": self.population,
            "neuron": self.neuron,
            "payload": self.payload,
            "names": np.array(self.names),
            "ticks": np.array(self.ticks, dtype=np.int64),
            **membranes,
        }

    def select(
        self, populations: Sequence[str] = (), ticks: tuple[int | None, int | None] = (None, None)
    ) -> TraceResult:
        """The part of some populations and ticks; ticks keep their numbers.

        Args:
            populations: by name; none: all.
            ticks: first tick and the one behind the last; None: from the start, to the end.

        Raises:
            DataError: there is no such population, or no such ticks.
        """
        names = populations or self.names
        known = {*self.names, *(self.membranes or {})}
        for name in names:
            if name not in known:
                raise DataError(
                    f"there is no population `{name}` that sends events"
                    f"{did_you_mean(name, sorted(known))}"
                )
        first, end = (ticks[0] or 0, self.n_ticks if ticks[1] is None else ticks[1])
        if not self.ticks[0] <= first < end <= self.ticks[1]:
            raise DataError(
                f"ticks {first}:{end} are not within {self.ticks[0]}:{self.ticks[1]} of the run"
            )
        kept = [i for i, name in enumerate(self.names) if name in names]
        chosen = np.isin(self.population, kept) & (self.tick >= first) & (self.tick < end)
        rows = slice(first - self.ticks[0], end - self.ticks[0])
        held = {
            k: v[rows] for k, v in (self.membranes or {}).items() if not populations or k in names
        }
        return replace(
            self,
            tick=self.tick[chosen],
            population=np.searchsorted(kept, self.population[chosen]),
            neuron=self.neuron[chosen],
            payload=self.payload[chosen],
            names=tuple(self.names[i] for i in kept),
            ticks=(first, end),
            membranes=None if self.membranes is None else held,
        )

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc trace --json`."""
        result: dict[str, Any] = jsonable(
            {
                "sample": self.sample,
                "code": self.code,
                "schedule": self.schedule,
                "rate": self.rate,
                "n_ticks": self.n_ticks,
                "ticks": self.ticks,
                "n_events": len(self.tick),
                "n_spikes": self.n_spikes,
                "by_population": self.by_population,
                "output": self.output,
                "plot": self.plot,
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
    """Trace one sample through the event engine.

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
        output: file to write: `.npz`, `.h5`, or `.csv` (events alone).
        plot: picture to draw, `.png`, `.svg`, `.pdf`, or `.html` to look into.
        plot_kind: `raster`, `psth` (events in each tick) or `membrane`, which records membranes.
        force: overwrite `output` and `plot`.

    Raises:
        SnncError: by its subclass: unreadable model or data, no such sample, ….
    """
    model = model if isinstance(model, Model) else load(model)
    settings = model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools)
    _check_files(output, plot, force=force)
    feeder = Feeder(model.file)
    samples = load_data(data, feeder.shape, feeder.names, model.preparation)
    if not 0 <= sample < len(samples):
        raise DataError(
            f"there is no sample {sample}, only 0 to {len(samples) - 1}", where=samples.name
        )
    x = samples.read(slice(sample, sample + 1))
    feeds = feeder.feeds(x, first=sample, where=samples.name)
    engine = get_engine("event")
    n_frames = feeder.n_frames(x, samples.name)
    if crosses_host(model.integer_graph):
        # a first run stage by stage tells what the host hands over; the clock then runs through
        feeds = dict(open_session(engine, model, settings, n_frames).run(feeds).counts)
    session = rate.open_session(engine, model.integer_graph, settings, n_frames)
    if not isinstance(session, TracingSession):
        raise NotExecutable("engine `event` gives no traces")
    membranes = membranes or plot_kind == "membrane"
    found = session.trace(feeds, membranes=membranes)
    result = _result(found, model, sample, settings, output, plot).select(populations, ticks)
    _write(result, model, plot_kind, force=force)
    return result


def _check_files(
    output: str | os.PathLike[str] | None, plot: str | os.PathLike[str] | None, *, force: bool
) -> None:
    for path, known in ((output, SUFFIXES), (plot, PLOT_SUFFIXES)):
        if path is not None:
            check_suffix(Path(path), known)
            check_output(path, force=force)


def _result(
    found: Trace,
    model: Model,
    sample: int,
    settings: RunSettings,
    output: str | os.PathLike[str] | None,
    plot: str | os.PathLike[str] | None,
) -> TraceResult:
    emits = model.integer_graph.emits
    return TraceResult(
        sample=sample,
        code=settings.code,
        schedule=settings.schedule,
        rate=settings.rate,
        tick=found.tick,
        population=found.population,
        neuron=found.neuron,
        payload=found.payload,
        names=tuple(found.names),
        values=frozenset(name for name in found.names if emits(name) == "value"),
        n_ticks=found.n_ticks,
        ticks=(0, found.n_ticks),
        membranes=found.membranes,
        output=as_path(output),
        plot=as_path(plot),
    )


def _write(result: TraceResult, model: Model, kind: PlotKind, *, force: bool) -> None:
    if result.output is not None:
        write_trace(result, result.output, force=force)
    if result.plot is not None:
        write_plot(result.plot, result, model.integer_graph, kind, force=force)
