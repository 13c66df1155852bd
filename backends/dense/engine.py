"""The dense engine: whole data sets, frame by frame, on ONNX Runtime."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np

from snnc.backends.base import Counters, EngineResult, Feeds, NodeCounters, SessionState
from snnc.backends.dense.execute import Executor, Memory, has_cuda
from snnc.backends.dense.sums import MOST_ROWS
from snnc.backends.feeds import check_carried, check_code, read_feeds
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product
from snnc.ir.schedule import make_schedule

if TYPE_CHECKING:
    from snnc.backends.dense.program import Program

LARGEST_CHUNK = 2**19
"""Neurons of the largest population that are computed at once, over all rows."""


class DenseEngine:
    """Integers frame by frame, compiled to one ONNX graph; counters are computed inside.

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
        rows = self.rows(graph)
        program = compile_graph(graph, settings, n_frames, rows=rows, quantised=not has_cuda())
        return DenseSession(self, graph, settings, n_frames, program)

    def rows(self, graph: Graph) -> int:
        """Rows that are computed at once."""
        largest = max(node.size for node in graph.nodes.values())
        return min(self.batch or max(1, min(128, LARGEST_CHUNK // largest)), MOST_ROWS)


class DenseSession:
    """A compiled graph and what runs it."""

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
        self._dense_macs = {
            p.name: dense_macs(graph, p) for p in graph.projections.values() if graph.is_event(p)
        }

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
        read = read_feeds(self.graph, feeds, self.n_frames)
        check_carried(self.graph, state)
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        names = [n for n in self.program.wires if record is None or n in record]
        counts = {
            name: np.empty((n_samples, n_frames, *self.graph.nodes[name].shape), dtype=np.int64)
            for name in names
        }
        counters: dict[str, Counters] = defaultdict(Counters)
        nodes: dict[str, NodeCounters] = defaultdict(NodeCounters)
        sums: dict[str, Array] = {}
        ends: list[Memory] = []
        for at, fetched in self._frames(read, names, state or {}, ends):
            for name in names:
                rows = counts[name].reshape(-1, *self.graph.nodes[name].shape)[at]
                rows[...] = fetched[self.program.wires[name].name].reshape(rows.shape)
            for tensor in self.program.sums:
                part = fetched[tensor].astype(np.int64)
                sums[tensor] = sums[tensor] + part if tensor in sums else part
            for product in self.program.products:
                product.count(fetched, counters)
        for tally in self.program.tallies if sums else ():
            tally.count(sums, counters, nodes)
        n_ticks = self.schedule.n_ticks(n_frames)
        return EngineResult(
            counts=counts,
            counters=self._all_counters(counters, n_samples * n_frames),
            node_counters=self._all_nodes(nodes, n_samples * n_frames, n_samples * n_ticks),
            n_samples=n_samples,
            n_ticks=n_ticks,
            state=None if state is None else self.executor.to_state(ends),
        )

    def _frames(
        self,
        read: dict[str, IntArray],
        names: list[str],
        state: SessionState,
        ends: list[Memory],
    ) -> Iterator[tuple[slice, dict[str, Array]]]:
        """Rows (sample by sample, frame by frame) and their tensors, some rows at a time.

        Frames that know nothing of each other are computed side by side; where membranes live
        across frames, frame after frame.

        Args:
            state: where samples go on.
            ends: takes the memory at the end of each chunk.
        """
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        size, n_rows = self.engine.rows(self.graph), n_samples * n_frames
        if not (any(p.model.has_state for p in self.graph.populations) or self.program.states):
            flat = {n: feed.reshape(-1, *feed.shape[2:]) for n, feed in read.items()}
            for first in range(0, n_rows, size):
                at = slice(first, min(first + size, n_rows))
                memory = self.executor.fresh(at.stop - first)
                rows = {n: feed[at] for n, feed in flat.items()}
                yield at, self.executor.frame(rows, memory, names)[0]
            return
        for first in range(0, n_samples, size):
            chunk = slice(first, min(first + size, n_samples))
            memory = self.executor.from_state(state, chunk)
            for frame in range(n_frames):
                rows = {n: feed[chunk, frame] for n, feed in read.items()}
                fetched, memory = self.executor.frame(rows, memory, names)
                yield slice(first * n_frames + frame, chunk.stop * n_frames, n_frames), fetched
            ends.append(memory)

    def _all_counters(self, counted: dict[str, Counters], n_frames: int) -> dict[str, Counters]:
        counters = {
            name: counted[name] + Counters(dense_macs=macs * n_frames)
            for name, macs in self._dense_macs.items()
        }
        for product in self.graph.products:
            pairs = Counters(dense_macs=product.pairs() * n_frames)
            counters[product.name] = counted[product.name] + pairs
        return counters

    def _all_nodes(
        self, counted: dict[str, NodeCounters], n_frames: int, n_ticks: int
    ) -> dict[str, NodeCounters]:
        nodes = {}
        for name in self.program.wires:
            node = self.graph.nodes[name]
            size = node.size if isinstance(node, Population | Product) else 0
            clocked = NodeCounters(neuron_updates=size * n_ticks, neuron_latches=size * n_frames)
            nodes[name] = counted[name] + clocked
        return nodes


def dense_macs(graph: Graph, p: Projection) -> int:
    """Multiply-accumulates that a projection costs the non-spiking network in one frame."""
    target = graph.nodes[p.target]
    if isinstance(target, Population) and target.model.combine == "max":
        return 0
    return int(p.fan_out(graph.nodes[p.source].size).sum())
