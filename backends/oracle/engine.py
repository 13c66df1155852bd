"""The oracle as an engine: runs and traces."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from snnc.backends.base import EngineResult, Feeds, SessionState, Trace
from snnc.backends.carried import Carried
from snnc.backends.feeds import check_code, check_graph, read_feeds
from snnc.backends.oracle.cells import Cell
from snnc.backends.oracle.counting import EventCounter
from snnc.backends.oracle.machine import Machine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError
from snnc.ir.graph import Graph, Projection


class OracleEngine:
    """The numpy kernels of `ir`, tick by tick: readable, slow, the definition."""

    name = "oracle"
    kernels = frozenset({"numpy"})
    codes = frozenset({"burst", "graded", "delta"})
    counts_synapses = True

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> OracleSession:
        """Check an integer graph; see `Engine.prepare`."""
        check_code(self.name, self.codes, settings)
        check_graph(graph, settings, n_frames)
        return OracleSession(graph, settings, n_frames)


class OracleSession:
    """A graph and its settings; every run starts afresh."""

    def __init__(self, graph: Graph, settings: RunSettings, n_frames: int) -> None:
        self.graph = graph
        self.settings = settings
        self.n_frames = n_frames
        self._carried = Carried(graph, n_frames)

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples; see `Session.run`."""
        machine = self._machine(feeds, state)
        counter = EventCounter(self.graph)
        machine.run(counter)
        counters, node_counters = counter.finish(machine)
        wanted = machine.cells if record is None else [n for n in machine.cells if n in record]
        end: SessionState = {} if state is None else machine.state()
        return EngineResult(
            counts={name: machine.counts(name) for name in wanted},
            counters=counters,
            node_counters=node_counters,
            n_samples=machine.n_samples,
            n_ticks=machine.n_ticks,
            state=self._carried.count(state, end, machine.n_samples, machine.n_frames),
        )

    def trace(self, feeds: Feeds, *, membranes: bool = False) -> Trace:
        """Every event of one sample; see `TracingSession.trace`."""
        machine = self._machine(feeds)
        if machine.n_samples != 1:
            raise DataError(f"a trace is of one sample, got {machine.n_samples}")
        recorder = Recorder(machine)
        machine.run(recorder)
        return recorder.trace(membranes)

    def _machine(self, feeds: Feeds, state: SessionState | None = None) -> Machine:
        read = read_feeds(self.graph, feeds, self.n_frames)
        self._carried.check(state, read)
        return Machine(self.graph, self.settings, read, state or {})


class Recorder:
    """Observer that keeps every event and every membrane of one sample."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.names = tuple(machine.cells)
        self.rows: list[IntArray] = []
        self.membranes: dict[str, list[IntArray]] = {}

    def on_tick(self, tick: int, name: str, cell: Cell) -> None:
        v = cell.membrane()
        if v is not None:
            self.membranes.setdefault(name, []).append(v[0].copy())

    def on_events(self, tick: int, name: str, payload: IntArray) -> None:
        neuron = np.flatnonzero(payload[0])
        at = np.full((2, len(neuron)), [[tick], [self.names.index(name)]])
        self.rows.append(np.vstack([at, neuron, payload[0, neuron]]))

    def on_synapses(self, projection: Projection, payload: IntArray) -> None:
        """Only events are kept."""

    def trace(self, membranes: bool) -> Trace:
        """What was seen; ticks and nodes come in order, so the events are sorted."""
        empty = np.zeros((4, 0), dtype=np.int64)
        tick, population, neuron, payload = np.hstack([empty, *self.rows])
        kept = {name: np.stack(ticks) for name, ticks in self.membranes.items()}
        return Trace(
            tick=tick,
            population=population,
            neuron=neuron,
            payload=payload,
            names=self.names,
            n_ticks=self.machine.n_ticks,
            membranes=kept if membranes else None,
        )
