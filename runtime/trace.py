"""Tracing one sample: every event, tick by tick."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
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
from snnc.ir.stages import crosses_host
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.engines import open_session
from snnc.runtime.feeds import Feeder
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model, load
from snnc.runtime.npz import check_suffix, write_npz
from snnc.runtime.raster import PLOT_SUFFIXES, write_raster


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
        membranes: by node, shape (n_ticks, *shape); only where asked for.
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
            **membranes,
        }

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc trace --json`."""
        result: dict[str, Any] = jsonable(
            {
                "sample": self.sample,
                "code": self.code,
                "schedule": self.schedule,
                "rate": self.rate,
                "n_ticks": self.n_ticks,
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
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    output: str | os.PathLike[str] | None = None,
    plot: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> TraceResult:
    """Trace one sample through the event engine.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        data: samples: `.npz`, `.npy`, a name, or an array.
        sample: index of the sample.
        membranes: record every membrane at every tick as well.
        code: `burst`, `graded`, `delta` or `rate`; None: the model's.
        schedule: `sequential` or `pipelined`; None: the model's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        output: `.npz` to write.
        plot: raster plot to write, `.png` or `.html`.
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
    found = session.trace(feeds, membranes=membranes)
    result = _result(found, model, sample, settings, output, plot)
    _write(result, model, force=force)
    return result


def _check_files(
    output: str | os.PathLike[str] | None, plot: str | os.PathLike[str] | None, *, force: bool
) -> None:
    for path, known in ((output, (".npz",)), (plot, PLOT_SUFFIXES)):
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
        membranes=found.membranes,
        output=None if output is None else Path(output),
        plot=None if plot is None else Path(plot),
    )


def _write(result: TraceResult, model: Model, *, force: bool) -> None:
    if result.output is not None:
        write_npz(result.output, result.arrays(), force=force)
    if result.plot is not None:
        sizes = {name: model.integer_graph.nodes[name].size for name in result.names}
        write_raster(result.plot, result, sizes, force=force)
