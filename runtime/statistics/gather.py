"""Running samples one by one, and keeping what each of them did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snnc.backends.base import EngineResult
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.schedule import make_schedule
from snnc.runtime.data import DataSet
from snnc.runtime.engines import open_engine
from snnc.runtime.feeds import Feeder
from snnc.runtime.model import Model
from snnc.runtime.outputs import OutputReader, predictions
from snnc.runtime.progress import Progress, silent
from snnc.runtime.statistics.early import EarlyExit, early_exit
from snnc.runtime.statistics.tally import NodeTally, tally_of

DEFAULT_SAMPLES = 1000
"""Samples that statistics are gathered on unless the user says otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """What samples did, one by one.

    Attributes:
        engine: that ran.
        settings: of the run.
        n_frames: of each sample.
        results: counters of each sample, without counts.
        tallies: by emitting node.
        nonzero: by projection and product: operations of a sample whose operand is not zero, mean.
        predictions: class of each sample, None where the output is no class score.
        labels: None where there are none.
        early: accuracy against ticks, None where it was not measured.
    """

    engine: str
    settings: RunSettings
    n_frames: int
    results: tuple[EngineResult, ...]
    tallies: Mapping[str, NodeTally]
    nonzero: Mapping[str, float] | None
    predictions: IntArray | None
    labels: IntArray | None
    early: EarlyExit | None


def gather(
    model: Model,
    samples: DataSet,
    settings: RunSettings,
    *,
    engine: str,
    progress: Progress | None = None,
) -> Gathered:
    """Run every sample by itself and keep its counters.

    Args:
        model: to run.
        samples: to run it on.
        settings: code and schedule.
        engine: that runs it and counts.
        progress: is told after each sample.

    Raises:
        SnncError: by its subclass, as of `snnc.run`.
    """
    feeder = Feeder(model.file)
    n_frames = feeder.n_frames(samples.samples, samples.name)
    session = open_engine(model, engine, settings, n_frames).session
    graph, reader = model.integer_graph, OutputReader(model.integer_graph)
    taken = _Samples(graph, settings, reader)
    tell = progress or silent
    for done, x in enumerate(samples.batches(1)):
        feeds = feeder.feeds(x, first=done, where=samples.name)
        taken.add(session.run(feeds, record=taken.record))
        tell("statistics", done + 1, len(samples))
    found = np.concatenate(taken.classes) if taken.classes else None
    return Gathered(
        engine=engine,
        settings=settings,
        n_frames=n_frames,
        results=tuple(taken.results),
        tallies=taken.tallies,
        nonzero=None if settings.rate is not None else taken.nonzero(),
        predictions=found,
        labels=None if samples.y is None else np.asarray(samples.y),
        early=early_exit(model, samples, settings, found, progress=tell),
    )


@dataclass(eq=False)
class _Samples:
    """Adds samples up."""

    graph: Graph
    settings: RunSettings
    reader: OutputReader
    results: list[EngineResult] = field(default_factory=list)
    classes: list[IntArray] = field(default_factory=list)
    operations: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        self.schedule = make_schedule(graph, self.settings)
        self.tallies = {n: tally_of(graph, n) for n in graph.nodes if n in self.schedule.start}
        self.record = frozenset(self.tallies) | self.reader.record
        self._fan_out = {
            p.name: p.fan_out(graph.nodes[p.source].size)
            for p in graph.projections.values()
            if p.source in self.tallies and graph.is_event(p)
        }

    def add(self, result: EngineResult) -> None:
        """Take one sample in."""
        self.results.append(replace(result, counts={}, reals={}))
        readings = self.reader.read(result)
        classes = predictions(readings[self.graph.outputs[0].name].scores)
        if classes is not None:
            self.classes.append(classes)
        for name, tally in self.tallies.items():
            tally.add(result.counts[name], self.settings, self.schedule)
        for name, fan_out in self._fan_out.items():
            p = self.graph.projections[name]
            counts = result.counts[p.source]
            arriving = counts[:, : counts.shape[1] - p.frames]
            reached = int(((arriving.reshape(-1, len(fan_out)) != 0) @ fan_out).sum())
            self.operations[name] = self.operations.get(name, 0) + reached
        for product in self.graph.products:
            pairs = result.counters[product.name].synaptic_events
            self.operations[product.name] = self.operations.get(product.name, 0) + pairs

    def nonzero(self) -> dict[str, float]:
        """Operations of a sample whose operand is not zero, mean."""
        return {name: n / len(self.results) for name, n in self.operations.items()}
