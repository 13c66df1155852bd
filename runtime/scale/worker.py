"""One worker: a model, an engine and a data set made ready once, then shard after shard."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.backends.base import EngineResult
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError, ShapeMismatch
from snnc.ir.signs import pairs, with_wholes
from snnc.runtime.data import DataSet
from snnc.runtime.engines import OpenEngine, open_engine
from snnc.runtime.feeds import Feeder, InputLoss
from snnc.runtime.model import Model
from snnc.runtime.outputs import OutputReader, predictions
from snnc.runtime.scale.shards import Shard, ShardResult, Skipped


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every worker of a run does.

    Attributes:
        engine: name of the engine; None: the model's default.
        settings: code and schedule.
        n_frames: frames of each sample.
        counts: keep every population's counts?
        skip: go on without samples that cannot be used?
        time_limit: seconds that the Lava engine may take; None: as long as it takes.
    """

    engine: str | None
    settings: RunSettings
    n_frames: int
    counts: bool = False
    skip: bool = False
    time_limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values by name."""
        return {**vars(self), "settings": self.settings.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """Read `to_json`."""
        return cls(**{**values, "settings": RunSettings.from_json(values["settings"])})


class Worker:
    """Runs shards of one data set through one model.

    Args:
        model: the model.
        data: all samples.
        plan: of the run.
    """

    def __init__(self, model: Model, data: DataSet, plan: Plan) -> None:
        self._feeder = Feeder(model.file)
        self._data = data
        self._plan = plan
        self._keeper = _Keeper(model, counts=plan.counts)
        self.opened: OpenEngine = open_engine(
            model, plan.engine, plan.settings, plan.n_frames, plan.time_limit
        )

    def run(self, shard: Shard) -> ShardResult:
        """Read, feed and run the samples of a shard.

        Raises:
            DataError, ShapeMismatch: a sample cannot be used, and the plan is not to skip it.
        """
        start = time.perf_counter()
        self._feeder.loss = InputLoss()
        kept, feeds, skipped = self._feeds(shard)
        if not len(kept):
            return ShardResult(shard=shard, skipped=skipped)
        result = self.opened.session.run(feeds, record=self._keeper.record)
        arrays = self._keeper.arrays(result)
        if self._plan.skip:
            arrays["samples"] = kept
        return ShardResult(
            shard=shard,
            arrays=arrays,
            counters=dict(result.counters),
            node_counters=dict(result.node_counters),
            input_loss=self._feeder.loss.to_json(),
            n_ticks=result.n_ticks,
            skipped=skipped,
            seconds=time.perf_counter() - start,
        )

    def _feeds(self, shard: Shard) -> tuple[Array, dict[str, Array], tuple[Skipped, ...]]:
        """Indices of the samples that can be used, their feeds, and the others."""
        every = np.arange(shard.first, shard.end)
        try:
            return every, self._fed(shard.first, shard.end), ()
        except (DataError, ShapeMismatch):
            if not self._plan.skip:
                raise
        self._feeder.loss = InputLoss()
        parts, kept, skipped = [], [], []
        for i in every.tolist():
            before = InputLoss(**vars(self._feeder.loss))
            try:
                parts.append(self._fed(i, i + 1))
                kept.append(i)
            except (DataError, ShapeMismatch) as error:
                self._feeder.loss = before
                place = f"{error.where}: " if error.where else ""
                skipped.append(Skipped(sample=i, what=place + error.what))
        feeds = {n: np.concatenate([p[n] for p in parts]) for n in parts[0]} if parts else {}
        return np.array(kept, dtype=np.int64), feeds, tuple(skipped)

    def _fed(self, first: int, end: int) -> dict[str, Array]:
        x = self._data.read(slice(first, end))
        return self._feeder.feeds(x, first=first, where=self._data.name)


class _Keeper:
    """Picks from an engine's result what a run keeps."""

    def __init__(self, model: Model, *, counts: bool) -> None:
        graph = model.integer_graph
        self._graph = graph
        self._reader = OutputReader(graph)
        self._first = graph.outputs[0].name
        nodes = [n.name for n in (*graph.sources, *graph.populations, *graph.products)]
        self._counted = list(dict.fromkeys([*nodes, *pairs(graph)])) if counts else []
        self.record = self._reader.record | frozenset(nodes if counts else ())

    def arrays(self, result: EngineResult) -> dict[str, Array]:
        """By name: outputs, predictions and what else is kept."""
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
        known = with_wholes(self._graph, result.counts)
        return arrays | {f"counts/{name}": known[name] for name in self._counted}
