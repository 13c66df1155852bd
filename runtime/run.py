"""Running a converted model on a data set, batch by batch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.codes import Rate
from snnc.ir.errors import TimeLimit
from snnc.ir.signs import pairs, with_wholes
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.engines import open_engine
from snnc.runtime.feeds import Feeder
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model, load
from snnc.runtime.npz import NpzRows, npz_rows
from snnc.runtime.outputs import OutputReader, predictions
from snnc.runtime.progress import Progress, silent
from snnc.runtime.summary import host_macs

_BATCH_BYTES = 1 << 27
"""Memory that one batch of counts may take."""
_LARGEST_BATCH = 250
_COPIES = 4
"""Arrays of the size of all counts that an engine holds at once, about."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """What a run gave.

    Attributes:
        engine, code, schedule: that ran.
        rate: settings of code `rate`, else None.
        n_samples, n_frames, n_ticks: samples; frames and ticks of each sample.
        accuracy: share of predictions equal to the labels; None without labels or classes.
        seconds: of the run, without loading and compiling.
        prepare_seconds: of compiling.
        outputs: float64 = integer * step, the source's output shape, samples first.
        outputs_int: int64; None where the host computes the output.
        predictions: class of each sample, None where the output is no class score.
        extra_outputs: further outputs of the model by name.
        counts: by node, shape (N, T, *shape); only where asked for and not written to a file.
        projection_counters: by projection and product.
        sums: the part of the synaptic counters that is due to whole sums passed on (residual
            streams, averages), which are no spikes.
        node_counters: by node.
        host_macs: multiply-accumulates on the host, all samples and frames.
        input_loss: what the input grid cost (values, rounded, clipped, largest difference).
        graph_hash: of the graph that was counted.
        output: the file that was written.
    """

    engine: str
    code: str
    schedule: str
    rate: Rate | None
    n_samples: int
    n_frames: int
    n_ticks: int
    accuracy: float | None
    seconds: float
    prepare_seconds: float
    outputs: FloatArray
    outputs_int: IntArray | None
    predictions: IntArray | None
    extra_outputs: Mapping[str, FloatArray] = field(default_factory=dict)
    counts: Mapping[str, IntArray] | None = None
    projection_counters: Mapping[str, Counters]
    sums: Counters
    node_counters: Mapping[str, NodeCounters]
    counts_synapses: bool
    host_macs: int
    input_loss: Mapping[str, float]
    graph_hash: str
    output: Path | None

    @property
    def counters(self) -> dict[str, int | None]:
        """Totals by counter; None where the engine does not count."""
        synaptic = sum(self.projection_counters.values(), Counters()).to_json()
        nodes = sum(self.node_counters.values(), NodeCounters()).to_json()
        if not self.counts_synapses:
            return {**dict.fromkeys(synaptic), **nodes, "host_macs": self.host_macs}
        return {**synaptic, **nodes, "host_macs": self.host_macs}

    def engine_result(self) -> EngineResult:
        """The counters as an engine gives them, summed over the whole run."""
        return EngineResult(
            counts=self.counts or {},
            counters=self.projection_counters,
            node_counters=self.node_counters,
            n_samples=self.n_samples,
            n_ticks=self.n_ticks,
        )

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc run --json`."""
        names = (
            "engine",
            "code",
            "schedule",
            "rate",
            "n_samples",
            "n_frames",
            "n_ticks",
            "accuracy",
            "seconds",
            "prepare_seconds",
            "counters",
            "sums",
            "input_loss",
            "graph_hash",
            "output",
        )
        result: dict[str, Any] = jsonable({name: getattr(self, name) for name in names})
        return result


def run(
    model: Model | str | os.PathLike[str],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str],
    *,
    engine: str | None = None,
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    limit: int | None = None,
    counts: bool = False,
    output: str | os.PathLike[str] | None = None,
    time_limit: float | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Run a converted model.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        data: samples (and labels): `.npz`, `.npy`, a name, an array, or one for each input.
        engine: `event`, `dense`, `oracle`, `lava`; None: event, for a bundle lava.
        code: `burst`, `graded`, `delta` or `rate`; None: the model's.
        schedule: `sequential` or `pipelined`; None: the model's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        limit: take the first samples only.
        counts: keep every population's counts, in `output` or else in the result.
        output: `.npz` to write, all or nothing.
        time_limit: seconds after which the run stops with an error.
        force: overwrite `output`.
        progress: is told after each batch.

    Raises:
        SnncError: by its subclass: unreadable model or data, wrong shape, time limit, ….
    """
    model = model if isinstance(model, Model) else load(model)
    settings = model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools)
    feeder = Feeder(model.file)
    samples = load_data(data, feeder.shape, feeder.names).limit(limit)
    n_frames = feeder.n_frames(samples.samples, samples.name)
    target = None if output is None else Path(output)
    clock = _Clock(time_limit)
    with _rows(target, len(samples), force) as rows:
        opened = open_engine(model, engine, settings, n_frames, time_limit)
        prepared = clock.seconds()
        collector = _Collector(model, keep_counts=counts)
        size = batch_size(_n_neurons(model), n_frames)
        batches = samples.batches(opened.batch or size)
        done = 0
        tell = progress or silent
        for x in batches:
            clock.check(done, len(samples))
            feeds = feeder.feeds(x, first=done, where=samples.name)
            collector.add(opened.session.run(feeds, record=collector.record), rows)
            done = min(done + (opened.batch or size), len(samples))
            tell("run", done, len(samples))
        gathered = collector.finish(rows)
    return RunResult(
        engine=opened.name,
        code=settings.code,
        schedule=settings.schedule,
        rate=settings.rate,
        n_samples=len(samples),
        n_frames=n_frames,
        n_ticks=collector.n_ticks,
        accuracy=_accuracy(gathered.predictions, samples.y),
        seconds=clock.seconds() - prepared,
        prepare_seconds=prepared,
        outputs=gathered.outputs,
        outputs_int=gathered.outputs_int,
        predictions=gathered.predictions,
        extra_outputs=gathered.extra,
        counts=gathered.counts,
        projection_counters=collector.counters,
        sums=_sums(model, collector.counters),
        node_counters=collector.node_counters,
        counts_synapses=opened.counts_synapses,
        host_macs=host_macs(model.integer_graph) * len(samples) * n_frames,
        input_loss=feeder.loss.to_json(),
        graph_hash=model.graph_hash,
        output=target,
    )


class _Clock:
    """Seconds since it was made, and the time limit."""

    def __init__(self, limit: float | None) -> None:
        self._start = time.perf_counter()
        self._limit = limit

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def check(self, done: int, total: int) -> None:
        if self._limit is not None and self.seconds() > self._limit:
            raise TimeLimit(
                f"ran past {self._limit:g} s after {done} of {total} samples",
                hint="raise --time-limit, or take fewer samples with --limit",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Done:
    """Everything that a collector has gathered."""

    outputs: FloatArray
    outputs_int: IntArray | None
    predictions: IntArray | None
    extra: Mapping[str, FloatArray]
    counts: Mapping[str, IntArray] | None


class _Collector:
    """Adds up the batches of a run."""

    def __init__(self, model: Model, *, keep_counts: bool) -> None:
        graph = model.integer_graph
        self._reader = OutputReader(graph)
        self._first = graph.outputs[0].name
        self._keep_counts = keep_counts
        self._graph = graph
        nodes = [n.name for n in (*graph.sources, *graph.populations, *graph.products)]
        self._own = frozenset(nodes) if keep_counts else frozenset()
        self._counted = list(dict.fromkeys([*nodes, *pairs(graph)]))
        self._kept: dict[str, list[Array]] = {}
        self.counters: dict[str, Counters] = {}
        self.node_counters: dict[str, NodeCounters] = {}
        self.n_ticks = 0

    @property
    def record(self) -> frozenset[str]:
        """Nodes whose counts the engine has to give."""
        return self._reader.record | self._own

    def add(self, result: EngineResult, rows: NpzRows | None) -> None:
        """Take one batch in."""
        self.n_ticks = result.n_ticks
        for name, counter in result.counters.items():
            self.counters[name] = self.counters.get(name, Counters()) + counter
        for name, node in result.node_counters.items():
            self.node_counters[name] = self.node_counters.get(name, NodeCounters()) + node
        arrays = self._arrays(result)
        known = with_wholes(self._graph, result.counts)
        counts = {f"counts/{name}": known[name] for name in self._counted_now()}
        if rows is not None:
            rows.append({**arrays, **counts})
        else:
            arrays.update(counts)
        for name, array in arrays.items():
            self._kept.setdefault(name, []).append(array)

    def finish(self, rows: NpzRows | None) -> _Done:
        """The batches as whole arrays."""
        whole = {name: np.concatenate(parts) for name, parts in self._kept.items()}
        self._kept.clear()
        in_memory = self._keep_counts and rows is None
        return _Done(
            outputs=whole["outputs"],
            outputs_int=whole.get("outputs_int"),
            predictions=whole.get("predictions"),
            extra={k.removeprefix("outputs/"): v for k, v in whole.items() if k[:8] == "outputs/"},
            counts={n: whole[f"counts/{n}"] for n in self._counted} if in_memory else None,
        )

    def _arrays(self, result: EngineResult) -> dict[str, Array]:
        readings = self._reader.read(result)
        arrays: dict[str, Array] = {}
        for name, reading in readings.items():
            suffix = "" if name == self._first else f"/{name}"
            arrays[f"outputs{suffix}"] = reading.real
            if reading.integers is not None:
                arrays[f"outputs_int{suffix}"] = reading.integers
        found = predictions(readings[self._first].scores)
        if found is not None:
            arrays["predictions"] = found
        return arrays

    def _counted_now(self) -> list[str]:
        return self._counted if self._keep_counts else []


def batch_size(n_neurons: int, n_frames: int) -> int:
    """Samples at once: many enough to be fast, few enough for memory."""
    per_sample = max(1, n_neurons * n_frames * 8 * _COPIES)
    return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // per_sample))


def _n_neurons(model: Model) -> int:
    return sum(node.size for node in model.integer_graph.nodes.values())


def _sums(model: Model, counters: Mapping[str, Counters]) -> Counters:
    graph = model.integer_graph
    passed = (
        counters[name]
        for name, p in graph.projections.items()
        if name in counters and graph.emits(p.source) == "value"
    )
    return sum(passed, Counters())


def _accuracy(found: IntArray | None, labels: IntArray | None) -> float | None:
    if found is None or labels is None:
        return None
    return float((found == labels).mean())


@contextlib.contextmanager
def _rows(path: Path | None, n: int, force: bool) -> Iterator[NpzRows | None]:
    if path is None:
        yield None
        return
    with npz_rows(path, n, force=force) as rows:
        yield rows
