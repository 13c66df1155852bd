"""A session in code `rate`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from snnc.backends.base import (
    Counters,
    Engine,
    EngineResult,
    Feeds,
    NodeCounters,
    Session,
    SessionState,
    Stretch,
    Trace,
    TracingSession,
)
from snnc.backends.feeds import check_code, read_feeds
from snnc.backends.rate.traces import joined_trace
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population
from snnc.ir.rate import TICK_SETTINGS, RateForm, rate_form, spikes
from snnc.ir.schedule import Schedule, make_schedule

_CHUNK_BYTES = 1 << 27
"""Memory that the recorded ticks of some frames may take."""


def open_session(engine: Engine, graph: Graph, settings: RunSettings, n_frames: int = 1) -> Session:
    """A session of an engine in any code; `rate` comes to every engine that runs `graded`.

    Raises:
        NotExecutable: a node, code or schedule that the engine does not have, or a node that has
            no rate.
        WidthExceeded: a bound passes the engine's width.
    """
    check_code(engine.name, codes_of(engine), settings)
    if settings.rate is None:
        return engine.prepare(graph, settings, n_frames=n_frames)
    form = rate_form(graph, settings.rate)
    inner = engine.prepare(form.graph, TICK_SETTINGS, n_frames=form.ticks)
    kind = TracingRateSession if isinstance(inner, TracingSession) else RateSession
    return kind(graph, form, inner, make_schedule(graph, settings))


def codes_of(engine: Engine) -> frozenset[str]:
    """Codes that a session of an engine can run."""
    return engine.codes | ({"rate"} if TICK_SETTINGS.code in engine.codes else set())


@dataclass(frozen=True, eq=False)
class RateSession:
    """A graph made ready to run in code `rate`; each frame of a sample runs by itself.

    Attributes:
        graph: integer form.
        form: what runs instead of the graph.
        inner: the engine's session of it.
        schedule: of the run.
    """

    graph: Graph
    form: RateForm
    inner: Session
    schedule: Schedule

    @property
    def kernels(self) -> frozenset[str]:
        """Families of kernels that the engine's session computes with, where it says so."""
        return getattr(self.inner, "kernels", frozenset())

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples; see `Session.run`. No state passes from frame to frame."""
        read = read_feeds(self.graph, feeds, 1)
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        asked = frozenset(self.graph.nodes if record is None else record)
        wanted = self._recorded(asked)
        size = self._chunk(wanted)
        parts = [
            self.inner.run(self._spikes(read, first, first + size), record=wanted)
            for first in range(0, max(n_samples * n_frames, 1), size)
        ]
        counts = self._counts(parts, asked)
        n_ticks = self.schedule.n_ticks(n_frames)
        return EngineResult(
            counts={
                name: array.reshape(n_samples, n_frames, *array.shape[1:])
                for name, array in counts.items()
                if name in asked
            },
            counters=self._counters(parts, n_samples * n_frames),
            node_counters=self._node_counters(parts, counts, n_ticks * n_samples),
            n_samples=n_samples,
            n_ticks=n_ticks,
            state=None if state is None else {},
        )

    def _recorded(self, asked: Collection[str]) -> frozenset[str]:
        """Nodes whose ticks are wanted from the engine."""
        kept = [name for name in asked if name in self.form.graph.nodes]
        replaced = len(kept) < len(asked)  # what they sum up may be anything
        return frozenset(self.form.levels if replaced else ()) | {*kept, *self.form.units}

    def _chunk(self, recorded: Collection[str]) -> int:
        """Frames at once, as memory allows."""
        nodes = self.form.graph.nodes.values()
        size = sum(n.size for n in nodes if n.name in recorded or n.name in self.form.levels)
        return max(1, _CHUNK_BYTES // (8 * self.form.ticks * max(size, 1)))

    def _spikes(self, read: Feeds, first: int, last: int) -> dict[str, IntArray]:
        """What the frames `first` … `last` - 1, counted over all samples, feed tick by tick."""
        fed = {}
        for name, counts in read.items():
            flat = counts.reshape(-1, *counts.shape[2:])[first:last]
            levels = self.form.levels.get(name)
            fed[name] = (
                np.zeros((len(flat), self.form.ticks, *flat.shape[1:]), dtype=np.int64)
                if levels is None  # a value that nothing reads
                else spikes(flat, levels, self.form.ticks)
            )
        return fed

    def _counts(self, parts: list[EngineResult], asked: Collection[str]) -> dict[str, IntArray]:
        """Counts and values of frames, shape (N * T, *shape)."""
        found = {
            name: self.form.read(name, np.concatenate([part.counts[name] for part in parts]))
            for name in parts[0].counts
        }
        if asked - self.form.graph.nodes.keys():
            for node in self.graph.populations:  # sums of what others sent
                if node.name not in self.form.graph.nodes:
                    found[node.name] = self._sum(node, found)
        return found

    def _sum(self, node: Population, counts: dict[str, IntArray]) -> IntArray:
        """What a sum that became direct projections would hold."""
        total = np.zeros(1, dtype=np.int64) + node.bias_map()[None]
        for p in self.graph.incoming(node.name):
            total = total + p.apply(counts[p.source]).reshape(-1, *node.shape)
        return total

    def _counters(self, parts: list[EngineResult], n_frames: int) -> dict[str, Counters]:
        """Operations of the form's projections; those of the non-spiking network are the graph's.

        Args:
            n_frames: of all samples.
        """
        found = {}
        for name in parts[0].counters:
            total = sum((part.counters[name] for part in parts), Counters())
            found[name] = replace(total, dense_macs=0)
        for p in self.graph.projections.values():
            if self.graph.is_event(p):
                target = self.graph.nodes[p.target]
                is_max = isinstance(target, Population) and target.model.combine == "max"
                fan_out = 0 if is_max else int(p.fan_out(self.graph.nodes[p.source].size).sum())
                dense = Counters(dense_macs=fan_out * n_frames)
                found[p.name] = found.get(p.name, Counters()) + dense
        return found

    def _node_counters(
        self, parts: list[EngineResult], counts: dict[str, IntArray], n_ticks: int
    ) -> dict[str, NodeCounters]:
        """Of all samples, `n_ticks` together."""
        found = {}
        for name in parts[0].node_counters:
            total = sum((part.node_counters[name] for part in parts), NodeCounters())
            node = self.graph.nodes[name]
            is_population = isinstance(node, Population)
            if name in self.form.units:  # it is read once a frame
                total = replace(total, events=int(np.count_nonzero(counts[name])))
            found[name] = replace(
                total,
                neuron_latches=total.neuron_latches // self.form.ticks,
                neuron_updates=node.size * n_ticks if is_population else 0,
            )
        return found


@dataclass(frozen=True, eq=False)
class TracingRateSession(RateSession):
    """The same on an engine that knows every tick."""

    @property
    def names(self) -> tuple[str, ...]:
        """Emitting nodes, where the engine's session tells them."""
        return getattr(self.inner, "names", ())

    def trace(self, feeds: Feeds, *, membranes: bool = False) -> Trace:
        """Every spike of one sample, and membranes before a spike takes from them."""
        assert isinstance(self.inner, TracingSession)
        read = read_feeds(self.graph, feeds, 1)
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        if n_samples != 1:
            raise DataError(f"a trace is of one sample, got {n_samples}")
        traced = [
            self.inner.trace(self._spikes(read, frame, frame + 1), membranes=membranes)
            for frame in range(n_frames)
        ]
        return joined_trace(self.form, self.schedule, traced)

    def stretches(self, feeds: Feeds, *, membranes: Collection[str] = ()) -> Iterator[Stretch]:
        """Traces of N samples, each of them in one piece."""
        for i in range(len(next(iter(feeds.values())))):
            fed = {name: x[i : i + 1] for name, x in feeds.items()}
            one = self.trace(fed, membranes=bool(membranes))
            seen = {n: m for n, m in (one.membranes or {}).items() if n in membranes}
            columns = one.tick, one.population, one.neuron, one.payload
            yield Stretch(i, *columns, membranes=seen or None)
