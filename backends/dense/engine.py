"""The dense engine: whole data sets, frame by frame, on ONNX Runtime."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from snnc.backends.base import Counters, EngineResult, Feeds, SessionState
from snnc.backends.carried import Carried
from snnc.backends.dense.counting import Inside
from snnc.backends.dense.execute import Executor, Memory, has_cuda, n_threads
from snnc.backends.dense.frames import MOST_FRAMES, Stretches
from snnc.backends.dense.ledger import Ledger
from snnc.backends.dense.seen import Seen, Tray
from snnc.backends.dense.sums import MOST_ROWS
from snnc.backends.dense.tallies import Tallies
from snnc.backends.feeds import FeedReader, check_code
from snnc.backends.lazily import Lazily
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Node, Population, Product
from snnc.ir.schedule import make_schedule

if TYPE_CHECKING:
    from snnc.backends.dense.program import Program

LARGEST_CHUNK = 2**20
"""Neurons of the largest population that are computed at once, over all rows."""
LARGEST_STRETCH = 2**18
"""Neurons of all populations, over all rows, where rows of further frames are added to those of
the first: what a stretch of frames computes should stay in the cache."""


class DenseEngine:
    """Integers frame by frame, compiled to one ONNX graph, and every counter.

    Args:
        threads: of ONNX Runtime; None: as OMP_NUM_THREADS says, else all cores.
        batch: rows (samples or frames) at a time; None: as the populations' size suggests.
    """

    name = "dense"
    kernels = frozenset({"onnxruntime"})
    codes = frozenset({"burst", "graded", "delta"})
    counts_synapses = True

    def __init__(self, threads: int | None = None, batch: int | None = None) -> None:
        self.threads = threads
        self.batch = batch

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> DenseSession:
        """Compile an integer graph; see `Engine.prepare`."""
        from snnc.backends.dense.program import compile_graph

        check_code(self.name, self.codes, settings)
        rows = self.rows(graph, settings)
        program = compile_graph(graph, settings, n_frames, rows=rows, on_cpu=not has_cuda())
        return DenseSession(self, graph, settings, n_frames, program)

    def samples(self, graph: Graph) -> int:
        """Rows of one frame that are computed at once."""
        largest = max(node.size for node in graph.nodes.values())
        return min(self.batch or max(1, min(128, LARGEST_CHUNK // largest)), MOST_ROWS)

    def rows(self, graph: Graph, settings: RunSettings) -> int:
        """Rows that are computed at once; with state, those of further frames among them."""
        n = self.samples(graph)
        late = any(p.frames for p in graph.projections.values())
        if not (late or settings.sends_changes or has_state(graph)):
            return n
        neurons = sum(node.size for node in graph.nodes.values())
        return max(n, min(n * MOST_FRAMES, LARGEST_STRETCH // neurons, MOST_ROWS))


class DenseSession:
    """A compiled graph and what runs it, for one thread at a time: others wait."""

    def __init__(
        self,
        engine: DenseEngine,
        graph: Graph,
        settings: RunSettings,
        n_frames: int,
        program: Program,
    ) -> None:
        self.engine = engine
        self.graph = graph
        self.schedule = make_schedule(graph, settings)
        self.n_frames = n_frames
        self.program = program
        self.executor = Executor(program, engine.threads)
        self.stretches = Stretches(self.executor, engine.rows(graph, settings))
        self.ledger = Ledger(
            program.tallies,
            {p.name: dense_macs(graph, p) for p in graph.projections.values() if graph.is_event(p)},
            {name: n_updated(graph.nodes[name]) for name in program.wires},
            {product.name: product.pairs() for product in graph.products},
        )
        pairs = zip(program.tallies, self.ledger.firsts, strict=True)
        firsts = [first for tally, first in pairs if isinstance(tally.where, Seen)]
        self._tallies = Tallies(
            program.seen, firsts, n_threads(engine.threads) or os.cpu_count() or 1
        )
        self._reader = FeedReader(graph, n_frames)
        self._carried = Carried(graph, n_frames)
        self._recorded: dict[frozenset[str] | None, tuple[str, ...]] = {}
        # tensors, trays and sums stay from run to run; ONNX Runtime's threads serve within one
        self._turn = threading.Lock()
        self._rows = engine.samples(graph)
        self._has_state = has_state(graph) or bool(program.states)

    @property
    def kernels(self) -> frozenset[str]:
        """As `Engine.kernels`; with a foreign model also numpy's, which runs its latch."""
        return DenseEngine.kernels | ({"numpy"} if self.program.foreign else set())

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples; see `Session.run`."""
        read = self._reader.read(feeds)
        self._carried.check(state, read)
        with self._turn:
            return self._run(read, record, state)

    def _run(
        self,
        read: dict[str, IntArray],
        record: Collection[str] | None,
        state: SessionState | None,
    ) -> EngineResult:
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        names = self._names(None if record is None else frozenset(record))
        counts = {
            name: np.empty((n_samples, n_frames, *self.graph.nodes[name].shape), dtype=np.int64)
            for name in names
        }
        products: dict[str, Counters] = defaultdict(Counters)
        results = np.zeros(self.ledger.size, dtype=np.int64)
        sums: dict[str, Array] = {}
        ends: list[Memory] = []
        for chosen, fetched, tray in self._frames(read, names, state or {}, ends):
            for name in names:
                rows = chosen(counts[name])
                rows[...] = fetched[self.program.wires[name].name].reshape(rows.shape)
            self._tallies.add(tray, results)
            for tensor in self.program.sums:
                part = fetched[tensor].astype(np.int64)
                sums[tensor] = sums[tensor] + part if tensor in sums else part
            for product in self.program.products:
                product.count(fetched, products)
        if sums:
            self._read_inside(sums, results)
        n_rows, n_ticks = n_samples * n_frames, self.schedule.n_ticks(n_frames)
        end: SessionState = {} if state is None else self.executor.to_state(ends)
        ledger = self.ledger
        return EngineResult(
            counts=counts,
            counters=Lazily(partial(ledger.counters, results, products, n_rows)),
            node_counters=Lazily(partial(ledger.nodes, results, n_rows, n_samples * n_ticks)),
            n_samples=n_samples,
            n_ticks=n_ticks,
            state=self._carried.count(state, end, n_samples, n_frames),
        )

    def _names(self, record: frozenset[str] | None) -> tuple[str, ...]:
        """Nodes whose counts are wanted, in topological order."""
        if record not in self._recorded:
            wires = self.program.wires
            self._recorded[record] = tuple(n for n in wires if record is None or n in record)
        return self._recorded[record]

    def _read_inside(self, sums: dict[str, Array], results: IntArray) -> None:
        """Add what was summed in the graph to the results."""
        for tally, first in zip(self.program.tallies, self.ledger.firsts, strict=True):
            if isinstance(tally.where, Inside):
                parts = tally.where.read(sums).reshape(-1)
                results[first : first + len(parts)] += parts

    def _frames(
        self,
        read: dict[str, IntArray],
        names: tuple[str, ...],
        state: SessionState,
        ends: list[Memory],
    ) -> Iterator[tuple[Callable[[IntArray], IntArray], dict[str, Array], Tray]]:
        """Some rows at a time: those of (N, T, …) arrays, their tensors, and what is counted.

        Frames that know nothing of each other are computed side by side; where membranes live
        across frames, a stretch of them after the other.

        Args:
            state: where samples go on.
            ends: takes the memory at the end of each chunk.
        """
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        size, n_rows = self._rows, n_samples * n_frames
        if not self._has_state:
            flat = {n: feed.reshape(-1, *feed.shape[2:]) for n, feed in read.items()}
            for first in range(0, n_rows, size):
                at = slice(first, min(first + size, n_rows))
                memory = self.executor.fresh(at.stop - first)
                rows = {n: feed[at] for n, feed in flat.items()}
                fetched = self.executor.frame(rows, memory, names)[0]
                yield partial(_side_by_side, at), fetched, self.executor.tray
            return
        for first in range(0, n_samples, size):
            chunk = slice(first, min(first + size, n_samples))
            memory, frame = self.executor.from_state(state, chunk), 0
            for n in self.stretches.lengths(n_frames, chunk.stop - first):
                executor, chosen = self.stretches.executor(n), partial(_in_a_row, chunk, frame, n)
                rows = {s: chosen(x).reshape(-1, *x.shape[2:]) for s, x in read.items()}
                fetched, memory = executor.frame(rows, memory, names)
                yield chosen, fetched, executor.tray
                frame += n
            ends.append(memory)


def n_updated(node: Node) -> int:
    """Neurons that a clocked chip updates and latches."""
    return node.size if isinstance(node, Population | Product) else 0


def dense_macs(graph: Graph, p: Projection) -> int:
    """Multiply-accumulates that a projection costs the non-spiking network in one frame."""
    target = graph.nodes[p.target]
    if isinstance(target, Population) and target.model.combine == "max":
        return 0
    return int(p.fan_out(graph.nodes[p.source].size).sum())


def _side_by_side(rows: slice, x: IntArray) -> IntArray:
    """Some rows of (N, T, …), sample by sample, frame by frame."""
    return x.reshape(-1, *x.shape[2:])[rows]


def _in_a_row(samples: slice, first: int, n: int, x: IntArray) -> IntArray:
    """Some frames of some samples of (N, T, …), as (n, samples, …)."""
    return x[samples, first : first + n].swapaxes(0, 1)


def has_state(graph: Graph) -> bool:
    """Do neurons keep something from frame to frame?"""
    return any(population.model.has_state for population in graph.populations)
