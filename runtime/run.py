"""Running a converted model on a data set, shard by shard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snnc.backends.base import Counters, EngineResult, NodeCounters
from snnc.backends.registry import get_engine
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.codes import Rate
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.feeds import Feeder
from snnc.runtime.jsonable import jsonable
from snnc.runtime.model import Model, load
from snnc.runtime.outputs import note_labels
from snnc.runtime.progress import Progress, silent
from snnc.runtime.scale.work import Clock, Gathered, Place, Work
from snnc.runtime.scale.worker import Plan
from snnc.runtime.summary import host_macs


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """What a run gave.

    Attributes:
        engine, code, schedule: that ran.
        rate: settings of code `rate`, else None.
        n_samples, n_frames, n_ticks: samples that ran; frames and ticks of each sample.
        n_skipped: samples that could not be used.
        n_resumed: samples, of both kinds, that an earlier run had done.
        accuracy: share of predictions equal to the labels; None without labels or classes.
        seconds: of this run, without loading and compiling.
        prepare_seconds: of these; `jobs` processes load in `seconds`.
        worker_seconds: of all workers, earlier runs included.
        jobs: workers at the same time: processes, or a cluster's cores.
        distributed: address of the Ray cluster, or None.
        outputs: float64 = integer * step, the source's output shape, samples first.
        outputs_int: int64; None where the host computes the output.
        predictions: class of each sample, None where the output is no class score.
        extra_outputs: further outputs of the model by name.
        samples: index of the sample of each row, where samples could be skipped.
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
    n_skipped: int
    n_resumed: int
    n_frames: int
    n_ticks: int
    accuracy: float | None
    seconds: float
    prepare_seconds: float
    worker_seconds: float
    jobs: int
    distributed: str | None
    outputs: FloatArray
    outputs_int: IntArray | None
    predictions: IntArray | None
    extra_outputs: Mapping[str, FloatArray] = field(default_factory=dict)
    samples: IntArray | None = None
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
            "n_skipped",
            "n_resumed",
            "n_frames",
            "n_ticks",
            "accuracy",
            "seconds",
            "prepare_seconds",
            "worker_seconds",
            "jobs",
            "distributed",
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
    on_bad_sample: str = "stop",
    jobs: int = 1,
    distributed: str | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    time_limit: float | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Run a converted model.

    The samples run in shards. With `output`, each shard is kept in `OUTPUT.part` as soon as it is
    done, so that a run that ends for whatever reason can go on where it was.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        data: samples (and labels): `.npz`, `.npy`, a name, an array, or one for each input.
        engine: `event`, `dense`, `oracle`, `lava`; None: event, for a bundle lava.
        code: `burst`, `graded`, `delta` or `rate`; None: the model's.
        schedule: `sequential` or `pipelined`; None: the model's.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        limit: take the first samples only.
        counts: keep every population's counts, in `output` or else in the result.
        on_bad_sample: `stop` with an error at a sample that cannot be used, or `skip` it.
        jobs: worker processes; the result is the same for any number.
        distributed: run on a Ray cluster instead: its address, `auto`, or `local` for one of this
            machine's cores; the same result again.
        output: `.npz` to write, all or nothing.
        resume: go on with a run of the same model, data and settings that was stopped.
        time_limit: seconds after which the run stops with an error.
        force: overwrite `output`; with `resume`: drop shards from a damaged one on.
        progress: is told after each shard.

    Raises:
        SnncError: by its subclass: unreadable model or data, wrong shape, time limit, ….
    """
    model = model if isinstance(model, Model) else load(model)
    settings = model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools)
    feeder = Feeder(model.file)
    samples = load_data(data, feeder.shape, feeder.names, model.preparation).limit(limit)
    plan = Plan(
        engine=engine or model.default_engine,
        settings=settings,
        n_frames=feeder.n_frames(samples.samples, samples.name),
        counts=counts,
        skip=_skips(on_bad_sample),
        time_limit=time_limit,
    )
    if distributed is not None and jobs != 1:
        raise WrongUsage("--jobs is for this machine, --distributed for a cluster: give one")
    place = Place.of(output, resume=resume, force=force)
    clock = Clock(time_limit)
    tell = progress or silent
    work = Work(model, samples, plan, jobs=jobs, distributed=distributed, clock=clock, tell=tell)
    gathered = work.run(place)
    return _result(model, samples, plan, distributed, gathered)


def _skips(on_bad_sample: str) -> bool:
    if on_bad_sample not in ("stop", "skip"):
        raise WrongUsage(f"`{on_bad_sample}` is neither `stop` nor `skip`", where="on_bad_sample")
    return on_bad_sample == "skip"


def _result(
    model: Model, samples: DataSet, plan: Plan, distributed: str | None, gathered: Gathered
) -> RunResult:
    totals, arrays = gathered.totals, gathered.arrays
    if not totals.n_samples:
        raise DataError("no sample could be used", where=samples.name)
    counts = {n[7:]: x for n, x in arrays.items() if n.startswith("counts/")}
    engine = get_engine(plan.engine or model.default_engine)
    return RunResult(
        engine=engine.name,
        code=plan.settings.code,
        schedule=plan.settings.schedule,
        rate=plan.settings.rate,
        n_samples=totals.n_samples,
        n_skipped=totals.n_skipped,
        n_resumed=gathered.n_resumed,
        n_frames=plan.n_frames,
        n_ticks=totals.n_ticks,
        accuracy=_accuracy(arrays, samples),
        seconds=gathered.seconds,
        prepare_seconds=gathered.prepare_seconds,
        worker_seconds=totals.worker_seconds,
        jobs=gathered.n_workers,
        distributed=distributed,
        outputs=arrays["outputs"],
        outputs_int=arrays.get("outputs_int"),
        predictions=arrays.get("predictions"),
        extra_outputs={n[8:]: x for n, x in arrays.items() if n.startswith("outputs/")},
        samples=arrays.get("samples"),
        counts=counts or None,
        projection_counters=totals.counters,
        sums=_sums(model, totals.counters),
        node_counters=totals.node_counters,
        counts_synapses=engine.counts_synapses,
        host_macs=host_macs(model.integer_graph) * totals.n_samples * plan.n_frames,
        input_loss=totals.input_loss.to_json(),
        graph_hash=model.graph_hash,
        output=gathered.output,
    )


def _sums(model: Model, counters: Mapping[str, Counters]) -> Counters:
    graph = model.integer_graph
    passed = (
        counters[name]
        for name, p in graph.projections.items()
        if name in counters and graph.emits(p.source) == "value"
    )
    return sum(passed, Counters())


def _accuracy(arrays: Mapping[str, Array], samples: DataSet) -> float | None:
    found = arrays.get("predictions")
    if found is None or samples.y is None:
        return None
    labels = samples.y[arrays.get("samples", slice(None))]
    note_labels(labels, arrays["outputs"].shape[1], samples.name)
    return float((found == labels).mean())
