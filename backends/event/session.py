"""A compiled graph that runs samples."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from snnc.backends.base import (
    EngineResult,
    Feeds,
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
from snnc.backends.event.memory import Buffers, Places, check_widths, make_state
from snnc.backends.event.rehearse import rehearse
from snnc.backends.event.results import Results
from snnc.backends.event.simulate import Simulation
from snnc.backends.event.tables import State
from snnc.backends.feeds import FeedReader
from snnc.ir.arrays import IntArray
from snnc.ir.errors import DataError, NotExecutable

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
        self._feeds = FeedReader(compiled.graph, n_frames)
        self._carried = Carried(compiled.graph, n_frames)
        self._workers: list[ForeignModels] = []
        self._carriers: list[tuple[Carrier, State]] = []
        self._simulations: list[Simulation] = []
        self._logs: list[Log] = []
        self._notes = False  # is what a trace calls beyond a run bound?
        self._no_log = make_log(compiled)
        self._results = Results(compiled)
        self._places: dict[Hashable, Places] = {}
        self._compile()

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples; see `Session.run`."""
        read = self._feeds.read(feeds)
        if state is not None:
            return self._run_on(read, record, state)
        buffers = self._buffers(read, record)
        chunks = _chunks(buffers.n_samples, self.jobs)
        if len(chunks) == 1:
            done = [self._run_chunk(buffers, *chunks[0])]
        else:
            with ThreadPoolExecutor(self.jobs) as pool:
                done = list(pool.map(lambda chunk: self._run_chunk(buffers, *chunk), chunks))
        counters, node_counters = done[0]
        for others in done[1:]:
            counters += others[0]
            node_counters += others[1]
        return self._results.make(buffers, counters, node_counters)

    def _buffers(
        self, read: Mapping[str, IntArray], record: Collection[str] | None = None
    ) -> Buffers:
        record = self.compiled.names if record is None else record
        return Buffers(self.compiled, read, record, self._places)

    def _run_on(
        self, read: Mapping[str, IntArray], record: Collection[str] | None, state: SessionState
    ) -> EngineResult:
        """Go on from a state, sample by sample."""
        self._carried.check(state, read)
        buffers = self._buffers(read, record)
        if self.tick_by_tick:
            raise NotExecutable("a run on the clock does not go on from an earlier one")
        carrier, memory = self._carrier()
        ends: list[SessionState] = []
        for sample in range(buffers.n_samples):
            initial = carrier.put(state, sample, memory)
            foreign = ForeignModels(self.compiled, memory, carrier.program, initial)
            self._run_all(foreign, buffers, sample, sample + 1)
            ends.append(carrier.take(memory, foreign.model_state))
        result = self._results.make(buffers, *_counted(memory))
        self._carriers.append((carrier, memory))
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
        buffers = self._buffers(self._feeds.read(feeds), ())
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
        worker = self._worker()
        layout = Layout(compiled, buffers.n_frames)
        with told():
            layout.load()
        for frame in self._run_frames(worker, buffers, 0, buffers.n_samples, log):
            yield from layout.take(log, frame)
        self._logs.append(log)
        self._workers.append(worker)

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
        worker = self._worker()
        self._run_all(worker, buffers, first, last)
        counters = _counted(worker.state)
        self._workers.append(worker)
        return counters

    def _carrier(self) -> tuple[Carrier, State]:
        """Memory that states pass through, kept from an earlier run or new, its counters 0."""
        try:
            carrier, memory = self._carriers.pop()
        except IndexError:
            memory = make_state(self.compiled, self.compiled.program)
            return Carrier(self.compiled, keeping(self.compiled.program, memory)), memory
        memory.counters[:] = 0
        memory.node_counters[:] = 0
        return carrier, memory

    def _worker(self) -> ForeignModels:
        """A worker's memory, kept from an earlier run or new, its counters 0."""
        try:
            worker = self._workers.pop()
        except IndexError:
            state = make_state(self.compiled, self.compiled.program)
            return ForeignModels(self.compiled, state, keeping(self.compiled.program, state))
        worker.state.counters[:] = 0
        worker.state.node_counters[:] = 0
        return worker

    def _run_all(self, worker: ForeignModels, buffers: Buffers, first: int, last: int) -> None:
        for _ in self._run_frames(worker, buffers, first, last, self._no_log):
            pass

    def _run_frames(
        self, worker: ForeignModels, buffers: Buffers, first: int, last: int, log: Log
    ) -> Iterator[int]:
        """Run samples; yields the next frame, over all samples, where `log` is full and at the end.

        Args:
            log: where events are noted.
        """
        program, state, n_frames = worker.program, worker.state, buffers.n_frames
        at, node, end = first * n_frames, 0, last * n_frames
        going = True  # even a run of no samples is one: it compiles
        while going:
            with reraised():
                at, node = run_frames(program, state, buffers.data, log, at, end, n_frames, node)
            check_widths(self.compiled, state)
            if node:
                if at % n_frames == 0 and node == self.compiled.foreign[0]:
                    worker.start_sample()
                worker.latch(node, int(program.nodes[node]["list"]))
            else:
                yield at
            going = at < end


def _chunks(n_samples: int, jobs: int) -> list[tuple[int, int]]:
    """Contiguous shares of the samples."""
    if jobs == 1 or n_samples < 2:
        return [(0, n_samples)]
    n = min(n_samples, jobs * _CHUNKS_PER_WORKER)
    edges = np.linspace(0, n_samples, n + 1).astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _counted(state: State) -> tuple[IntArray, IntArray]:
    """What a worker has counted, by projection and by node; its next run does not change it."""
    return state.counters.copy(), state.node_counters.copy()
