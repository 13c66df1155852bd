"""The dense engine: whole data sets, frame by frame, on ONNX Runtime."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.backends.base import Counters, EngineResult, Feeds, NodeCounters
from snnc.backends.feeds import read_feeds
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import CODES, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product
from snnc.ir.schedule import make_schedule

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from snnc.backends.dense.program import Program

INEXACT_FUSIONS = ["ConvMulFusion", "MatMulScaleFusion"]
"""Graph optimisations that move a factor into weights, where products would be rounded."""
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
    codes = frozenset(CODES)
    counts_synapses = True

    def __init__(self, threads: int | None = None, batch: int | None = None) -> None:
        self.threads = threads
        self.batch = batch

    def prepare(self, graph: Graph, settings: RunSettings, *, n_frames: int = 1) -> DenseSession:
        """Compile an integer graph; see `Engine.prepare`."""
        from snnc.backends.dense.program import compile_graph

        program = compile_graph(graph, settings, n_frames)
        return DenseSession(self, graph, settings, n_frames, program)


class DenseSession:
    """A compiled graph; ONNX Runtime sessions are made for each set of recorded nodes."""

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
        self._compiled: dict[frozenset[str], tuple[InferenceSession, list[str]]] = {}

    def run(self, feeds: Feeds, *, record: Collection[str] | None = None) -> EngineResult:
        """Run N samples; see `Session.run`."""
        read = read_feeds(self.graph, feeds, self.n_frames)
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        names = [n for n in self.program.wires if record is None or n in record]
        counts = {
            name: np.empty((n_samples, n_frames, *self.graph.nodes[name].shape), dtype=np.int64)
            for name in names
        }
        counters: dict[str, Counters] = defaultdict(Counters)
        nodes: dict[str, NodeCounters] = defaultdict(NodeCounters)
        steps = self._by_frame(read, names) if self.program.states else self._rows(read, names)
        for at, fetched in steps:
            for name in names:
                got = counts[name][at]
                got[...] = fetched[self.program.wires[name].name].reshape(got.shape)
            for tally in self.program.tallies:
                tally.count(fetched, counters, nodes)
        n_ticks = self.schedule.n_ticks(n_frames)
        return EngineResult(
            counts=counts,
            counters=self._all_counters(counters, n_samples * n_frames),
            node_counters=self._all_nodes(nodes, n_samples * n_frames, n_samples * n_ticks),
            n_samples=n_samples,
            n_ticks=n_ticks,
        )

    def _rows(
        self, read: dict[str, IntArray], names: list[str]
    ) -> Iterator[tuple[Any, dict[str, Array]]]:
        """Frames know nothing of each other: samples in chunks, all frames side by side."""
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        size = max(1, self._batch() // n_frames)
        for first in range(0, n_samples, size):
            at = slice(first, first + size)
            feeds = {name: feed[at].reshape(-1, *feed.shape[2:]) for name, feed in read.items()}
            yield at, self._compute(feeds, {}, names)

    def _by_frame(
        self, read: dict[str, IntArray], names: list[str]
    ) -> Iterator[tuple[Any, dict[str, Array]]]:
        """Membranes live across frames: a chunk of samples, frame after frame."""
        n_samples, n_frames = next(iter(read.values())).shape[:2]
        size = self._batch()
        for first in range(0, n_samples, size):
            rows = len(range(n_samples)[first : first + size])
            states = self._fresh(rows)
            for frame in range(n_frames):
                at = (slice(first, first + size), frame)
                fetched = self._compute({n: feed[at] for n, feed in read.items()}, states, names)
                states = {name: fetched[new] for name, (new, _) in self.program.states.items()}
                yield at, fetched

    def _fresh(self, rows: int) -> dict[str, Array]:
        """Membranes at a sample's start."""
        types = self.program.builder.types
        return {
            name: np.zeros((rows, *shape), dtype=np.dtype(types[name]))
            for name, (_, shape) in self.program.states.items()
        }

    def _compute(
        self, feeds: dict[str, IntArray], states: dict[str, Array], names: list[str]
    ) -> dict[str, Array]:
        session, outputs = self._session(names)
        given = dict(states)
        for name, feed in feeds.items():
            wire = self.program.wires[name]
            given[wire.name] = feed.astype(np.dtype(wire.dtype))
        wanted = {i.name for i in session.get_inputs()}
        values = session.run(outputs, {n: v for n, v in given.items() if n in wanted})
        # a feed's tensor can be that of other nodes too: an accumulator that only passes it on
        return given | dict(zip(outputs, values, strict=True))

    def _session(self, names: list[str]) -> tuple[InferenceSession, list[str]]:
        key = frozenset(names)
        if key not in self._compiled:
            program = self.program
            wanted = [program.wires[n].name for n in names]
            wanted += [tensor for tally in program.tallies for tensor in tally.tensors]
            wanted += [new for new, _ in program.states.values()]
            computed = {name for node in program.builder.nodes for name in node.output}
            outputs = [name for name in dict.fromkeys(wanted) if name in computed]
            session = make_session(program.builder.model(outputs), self.engine.threads)
            self._compiled[key] = session, outputs
        return self._compiled[key]

    def _batch(self) -> int:
        largest = max(node.size for node in self.graph.nodes.values())
        return self.engine.batch or max(1, min(128, LARGEST_CHUNK // largest))

    def _all_counters(self, counted: dict[str, Counters], n_frames: int) -> dict[str, Counters]:
        counters = {
            p.name: counted[p.name] + Counters(dense_macs=self._dense_macs(p) * n_frames)
            for p in self.graph.projections.values()
            if self.graph.is_event(p)
        }
        for product in self.graph.products:
            pairs = Counters(dense_macs=product.pairs() * n_frames)
            counters[product.name] = counted[product.name] + pairs
        return counters

    def _dense_macs(self, p: Projection) -> int:
        target = self.graph.nodes[p.target]
        if isinstance(target, Population) and target.model.combine == "max":
            return 0
        return int(p.fan_out(self.graph.nodes[p.source].size).sum())

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


def make_session(model: bytes, threads: int | None) -> InferenceSession:
    """An ONNX Runtime session that rounds nowhere: TF32, Winograd and FFT stay off."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or int(os.environ.get("OMP_NUM_THREADS") or 0)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in ort.get_available_providers():
        # the default algorithm is an implicit matrix product; a search could pick Winograd
        exact = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
        providers.insert(0, ("CUDAExecutionProvider", exact))
    return ort.InferenceSession(
        model, options, providers=providers, disabled_optimizers=INEXACT_FUSIONS
    )
