"""A compiled graph that runs samples."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from snnc.backends.base import (
    Counters,
    EngineResult,
    Feeds,
    NodeCounters,
    SessionState,
    Stretch,
    Trace,
    joined,
)
from snnc.backends.carried import Carried
from snnc.backends.event.carry import Carrier
from snnc.backends.event.carry import joined as joined_states
from snnc.backends.event.changes import keeping
from snnc.backends.event.compile import Compiled
from snnc.backends.event.foreign import ForeignModels
from snnc.backends.event.frames import run_frames
from snnc.backends.event.jit import told
from snnc.backends.event.late import reraised
from snnc.backends.event.log import ROOM as LOG_ROOM
from snnc.backends.event.log import Layout, Log, make_log
from snnc.backends.event.memory import Buffers, check_widths, make_state
from snnc.backends.event.rehearse import rehearse
from snnc.backends.event.simulate import Simulation
from snnc.backends.event.tables import State
from snnc.backends.feeds import read_feeds
from snnc.ir.arrays import IntArray
from snnc.ir.errors import DataError, NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population, Product

_CHUNKS_PER_WORKER = 8
"""So that a worker that is done early finds more to do."""


class EventSession:
    """A graph made ready to run; see `Session`.

    Args:
        n_frames: frames of a sample for which state was bounded.
        jobs: threads that run samples side by side.
        tick_by_tick: run on the clock instead of frame by frame. The integers and counters are
            the same; it takes longer.

    Attributes:
        kernels: families of kernels that this very session computes with: `numpy` joins where
            a neuron model has no compiled latch.
        names: emitting nodes.
    """

    def __init__(
        self, compiled: Compiled, *, n_frames: int, jobs: int, tick_by_tick: bool = False
    ) -> None:
        self.compiled = compiled
        self.n_frames = n_frames
        self.jobs = jobs
        self.tick_by_tick = tick_by_tick
        self.names = compiled.names
        self.kernels = frozenset({"event"} | ({"numpy"} if compiled.foreign else set()))
        self._carried = Carried(compiled.graph, n_frames)
        self._states: list[State] = []
        self._simulations: list[Simulation] = []
        self._logs: list[Log] = []
        self._notes = False  # is what a trace calls beyond a run bound?
        self._no_log = make_log(compiled)
        self._counted = [_neurons_of(compiled.graph, name) for name in compiled.names]
        self._compile()

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples; see `Session.run`."""
        read = read_feeds(self.compiled.graph, feeds, self.n_frames)
        self._carried.check(state, read)
        names = self.compiled.names
        buffers = Buffers(self.compiled, read, names if record is None else record)
        if state is not None:
            return self._run_on(buffers, state)
        chunks = _chunks(buffers.n_samples, self.jobs)
        if len(chunks) > 1:
            with ThreadPoolExecutor(self.jobs) as pool:
                done = list(pool.map(lambda chunk: self._run_chunk(buffers, *chunk), chunks))
        else:
            done = [self._run_chunk(buffers, *chunk) for chunk in chunks]
        shape = (max(len(self.compiled.counter_names), 1), 4)
        counters = sum((d[0] for d in done), np.zeros(shape, dtype=np.int64))
        node_counters = sum((d[1] for d in done), np.zeros((len(names), 3), dtype=np.int64))
        return self._result(buffers, counters, node_counters)

    def _run_on(self, buffers: Buffers, state: SessionState) -> EngineResult:
        """Go on from a state, sample by sample."""
        if self.tick_by_tick:
            raise NotExecutable("a run on the clock does not go on from an earlier one")
        memory = make_state(self.compiled, self.compiled.program)
        program = keeping(self.compiled.program, memory)
        carrier = Carrier(self.compiled, program)
        ends: list[SessionState] = []
        for sample in range(buffers.n_samples):
            initial = carrier.put(state, sample, memory)
            foreign = ForeignModels(self.compiled, memory, program, initial)
            self._run_all(memory, buffers, sample, sample + 1, foreign)
            ends.append(carrier.take(memory, foreign.model_state))
        result = self._result(buffers, memory.counters, memory.node_counters)
        end: SessionState = joined_states(ends) if ends else {}
        counted = self._carried.count(state, end, buffers.n_samples, buffers.n_frames)
        return replace(result, state=counted)

    def trace(self, feeds: Feeds, *, membranes: bool = False) -> Trace:
        """Every event of one sample; see `TracingSession.trace`."""
        n_samples, n_frames = next(iter(feeds.values())).shape[:2]
        if n_samples != 1:
            raise DataError(f"a trace is of one sample, got {n_samples}")
        seen = [n.name for n in self.compiled.graph.populations if n.name in self.names]
        whole = joined(list(self.stretches(feeds, membranes=seen if membranes else ())))
        return Trace(
            tick=whole.tick,
            population=whole.population,
            neuron=whole.neuron,
            payload=whole.payload,
            names=self.names,
            n_ticks=self.compiled.schedule.n_ticks(n_frames),
            membranes=whole.membranes,
        )

    def stretches(self, feeds: Feeds, *, membranes: Collection[str] = ()) -> Iterator[Stretch]:
        """Traces of N samples; see `StreamingSession.stretches`."""
        read = read_feeds(self.compiled.graph, feeds, self.n_frames)
        buffers = Buffers(self.compiled, read, ())
        if not (membranes or self.tick_by_tick):
            yield from self._noted(buffers)
            return
        simulation = self._simulation(buffers.n_frames)
        with told():
            simulation.load(buffers.data)
        for sample in range(buffers.n_samples):
            yield from simulation.trace(buffers.data, sample, membranes=membranes)
        self._simulations.append(simulation)

    def _noted(self, buffers: Buffers) -> Iterator[Stretch]:
        """Traces from a run frame by frame."""
        compiled = self.compiled
        try:
            log = self._logs.pop()
        except IndexError:
            log = make_log(compiled, LOG_ROOM)
        if not self._notes:
            with told():
                rehearse(compiled, self.n_frames, noted=True)
            self._notes = True
        state = self._state()
        foreign = ForeignModels(compiled, state, keeping(compiled.program, state))
        layout = Layout(compiled, buffers.n_frames)
        with told():
            layout.load()
        for frame in self._run_frames(state, buffers, 0, buffers.n_samples, foreign, log):
            yield from layout.take(log, frame)
        self._logs.append(log)
        self._states.append(state)

    def _simulation(self, n_frames: int) -> Simulation:
        """One that is left from an earlier trace, or a new one."""
        try:
            simulation = self._simulations.pop()
        except IndexError:
            return Simulation(self.compiled, n_frames)
        if simulation.clock.n_frames != n_frames:
            return Simulation(self.compiled, n_frames)
        return simulation

    def _compile(self) -> None:
        """Compile the kernels, or load them, before any clock runs."""
        if self.tick_by_tick:
            shapes = {s.name: (0, 1, *s.shape) for s in self.compiled.graph.sources}
            self.run({name: np.zeros(shape, dtype=np.int64) for name, shape in shapes.items()})
        else:
            rehearse(self.compiled, self.n_frames)

    def _run_chunk(self, buffers: Buffers, first: int, last: int) -> tuple[IntArray, IntArray]:
        """Run samples first … last - 1; their counters by projection and by node."""
        if self.tick_by_tick:
            simulation = Simulation(self.compiled, buffers.n_frames)
            simulation.load(buffers.data)
            for sample in range(first, last):
                simulation.run(buffers.data, sample)
            return simulation.state.counters, simulation.state.node_counters
        state = self._state()
        foreign = ForeignModels(self.compiled, state, keeping(self.compiled.program, state))
        self._run_all(state, buffers, first, last, foreign)
        counters = state.counters.copy(), state.node_counters.copy()
        self._states.append(state)
        return counters

    def _state(self) -> State:
        """A worker's memory, kept from an earlier run or new, its counters 0."""
        try:
            state = self._states.pop()
        except IndexError:
            return make_state(self.compiled, self.compiled.program)
        state.counters[:] = 0
        state.node_counters[:] = 0
        return state

    def _run_all(
        self, state: State, buffers: Buffers, first: int, last: int, foreign: ForeignModels
    ) -> None:
        for _ in self._run_frames(state, buffers, first, last, foreign, self._no_log):
            pass

    def _run_frames(
        self,
        state: State,
        buffers: Buffers,
        first: int,
        last: int,
        foreign: ForeignModels,
        log: Log,
    ) -> Iterator[int]:
        """Run samples; yields the next frame, over all samples, where `log` is full and at the end.

        Args:
            log: where events are noted.
        """
        program, n_frames = foreign.program, buffers.n_frames
        at, node, end = first * n_frames, 0, last * n_frames
        going = True  # even a run of no samples is one: it compiles
        while going:
            with reraised():
                at, node = run_frames(program, state, buffers.data, log, at, end, n_frames, node)
            check_widths(self.compiled, state)
            if node:
                if at % n_frames == 0 and node == self.compiled.foreign[0]:
                    foreign.start_sample()
                foreign.latch(node, int(program.nodes[node]["list"]))
            else:
                yield at
            going = at < end

    def _result(
        self, buffers: Buffers, counters: IntArray, node_counters: IntArray
    ) -> EngineResult:
        compiled, n_samples = self.compiled, buffers.n_samples
        n_frames = n_samples * buffers.n_frames
        n_ticks = compiled.schedule.n_ticks(buffers.n_frames)
        by_projection = {
            name: _counters(row, macs * n_frames)
            for name, row, macs in zip(
                compiled.counter_names, counters.tolist(), compiled.dense_macs, strict=False
            )
        }
        by_node = {
            name: NodeCounters(
                events=events,
                spikes=spikes if fires else 0,
                neuron_updates=neurons * n_ticks * n_samples,
                neuron_latches=neurons * n_frames,
                max_pool_inputs=inputs,
            )
            for name, (events, spikes, inputs), (neurons, fires) in zip(
                compiled.names, node_counters.tolist(), self._counted, strict=True
            )
        }
        return EngineResult(
            counts=buffers.counts(),
            counters=by_projection,
            node_counters=by_node,
            n_samples=n_samples,
            n_ticks=n_ticks,
        )


def _chunks(n_samples: int, jobs: int) -> list[tuple[int, int]]:
    """Contiguous shares of the samples."""
    if jobs == 1 or n_samples < 2:
        return [(0, n_samples)]
    n = min(n_samples, jobs * _CHUNKS_PER_WORKER)
    edges = np.linspace(0, n_samples, n + 1).astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _neurons_of(graph: Graph, name: str) -> tuple[int, bool]:
    """How many neurons a node has, 0 for a source; does it emit counts?"""
    node = graph.nodes[name]
    neurons = node.size if isinstance(node, Population | Product) else 0
    return neurons, graph.emits(name) == "count"


def _counters(row: list[int], dense_macs: int) -> Counters:
    synaptic_events, unit_spikes, acs, macs = row
    return Counters(synaptic_events, unit_spikes, acs, macs, dense_macs)
