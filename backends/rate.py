"""The code `rate` on any engine: spikes in, a derived graph whose frames are ticks, counts out."""

from __future__ import annotations

from collections.abc import Collection
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
    Trace,
    TracingSession,
)
from snnc.backends.feeds import read_feeds
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import HostOp, Input, Node, Population
from snnc.ir.rate import RateForm, rate_form, read_counts, read_values, spikes
from snnc.ir.schedule import make_schedule

TICK_SETTINGS = RunSettings("graded", "pipelined")
"""How the derived graph runs: each of its frames is a tick."""

_CHUNK_BYTES = 1 << 27
"""Memory that the recorded ticks of some samples may take."""


def rate_session(engine: Engine, graph: Graph, settings: RunSettings) -> RateSession:
    """A session in code `rate` on an engine that runs `graded`.

    Raises:
        NotExecutable: a node has no rate, or the engine does not run what stands for it.
        WidthExceeded: a bound passes the engine's width.
    """
    assert settings.rate is not None
    form = rate_form(graph, settings.rate)
    inner = engine.prepare(form.graph, TICK_SETTINGS, n_frames=form.ticks)
    return RateSession(graph, settings, form, inner)


@dataclass(frozen=True)
class RateSession:
    """A graph made ready to run in code `rate`; each frame of a sample runs by itself.

    Attributes:
        graph: integer form.
        settings: code `rate`.
        form: what runs instead of the graph.
        inner: the engine's session of it.
    """

    graph: Graph
    settings: RunSettings
    form: RateForm
    inner: Session

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
        """Run N samples; see `Session.run`."""
        read = read_feeds(self.graph, feeds, 1)
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        sums = self._sums()
        wanted = None if record is None else {*record, *sums}
        size = self._chunk(wanted)
        total = max(n_samples * n_frames, 1)
        parts = [
            self.inner.run(self._spikes(read, first, first + size), record=wanted)
            for first in range(0, total, size)
        ]
        counts = {
            name: self._read(name, np.concatenate([part.counts[name] for part in parts]))
            for name in parts[0].counts
        }
        shaped = {
            name: c.reshape(n_samples, n_frames, *c.shape[1:]) for name, c in counts.items()
        }
        kept = {n: shaped[n] for n in shaped if record is None or n in record}
        n_ticks = make_schedule(self.graph, self.settings).n_ticks(n_frames)
        return EngineResult(
            counts=kept,
            counters=_counters(parts, self.form.ticks),
            node_counters=self._node_counters(parts, shaped, n_ticks * n_samples),
            n_samples=n_samples,
            n_ticks=n_ticks,
            state=None if state is None else {},
        )

    def trace(self, feeds: Feeds, *, membranes: bool = False) -> Trace:
        """Every spike of one sample; a membrane is shown before a reset takes from it.

        Raises:
            NotExecutable: the engine has no ticks.
        """
        if not isinstance(self.inner, TracingSession):
            raise NotExecutable("the engine has no ticks to trace", hint="--engine event")
        read = read_feeds(self.graph, feeds, 1)
        n_frames = next(iter(read.values())).shape[1]
        traces = [
            self.inner.trace(self._spikes(read, at, at + 1), membranes=membranes)
            for at in range(n_frames)
        ]
        raise NotImplementedError

    def _sums(self) -> list[str]:
        """Nodes that pass what they integrate on to the reader."""
        return [name for name in self.form.units if name in self.form.graph.nodes]

    def _spikes(self, read: Feeds, first: int, last: int) -> dict[str, IntArray]:
        """What samples' frames `first` … `last` - 1 feed tick by tick."""
        fed = {}
        for name, counts in read.items():
            node = self.form.graph.nodes[name]
            flat = counts.reshape(-1, *node.shape)[first:last]
            fed[name] = spikes(flat, self.form.levels[name], self.form.ticks)
        return fed

    def _read(self, name: str, ticks: IntArray) -> IntArray:
        """The count or value of frames, shape (M, *shape), from what each tick brought."""
        total = ticks.sum(axis=1)
        if name in self.form.units:
            return read_values(total, *self.form.units[name], self.form.ticks)
        return read_counts(total, self.form.levels[name], self.form.ticks, *_bounds(self.graph, name))

    def _chunk(self, wanted: Collection[str] | None) -> int:
        nodes = self.form.graph.nodes.values()
        kept = [n.size for n in nodes if wanted is None or n.name in wanted or isinstance(n, Input)]
        return max(1, _CHUNK_BYTES // (8 * self.form.ticks * max(sum(kept), 1)))

    def _node_counters(
        self, parts: list[EngineResult], counts: dict[str, IntArray], n_ticks: int
    ) -> dict[str, NodeCounters]:
        found = {}
        for name in parts[0].node_counters:
            total = sum((part.node_counters[name] for part in parts), NodeCounters())
            node = self.graph.nodes[name]
            latches = total.neuron_latches // self.form.ticks
            events = total.events
            if name in self.form.units:  # it is read once a frame
                events = int(np.count_nonzero(counts[name]))
            found[name] = replace(
                total,
                events=events,
                neuron_latches=latches,
                neuron_updates=node.size * n_ticks if latches else 0,
            )
        return found


def _counters(parts: list[EngineResult], ticks: int) -> dict[str, Counters]:
    """Operations; the non-spiking network computes each frame once."""
    found = {}
    for name in parts[0].counters:
        total = sum((part.counters[name] for part in parts), Counters())
        found[name] = replace(total, dense_macs=total.dense_macs // ticks)
    return found


def _bounds(graph: Graph, name: str) -> tuple[int, int]:
    node: Node = graph.nodes[name]
    if isinstance(node, Population):
        return node.model.count_range(node.shape, node.channel_axis)
    assert isinstance(node, Input | HostOp)
    return node.lo, node.hi
