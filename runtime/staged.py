"""Running a graph whose host operators stand among the events: stage by stage, as one session."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snnc.backends.base import Counters, EngineResult, Feeds, NodeCounters, Session, SessionState
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph
from snnc.ir.nodes import Input, Population, Product
from snnc.ir.ranges import analyse
from snnc.ir.schedule import make_schedule
from snnc.ir.stages import Stage, stages
from snnc.runtime.host import HostPart, host_parts, to_integers
from snnc.runtime.reals import real_values


class StagedSession:
    """A graph made ready to run on an engine and on the host; see `Session`.

    The counts that one stage gives are read by the host, whose integers feed the next. Ticks and
    counters are those of the whole graph.

    Args:
        file: the model.
        prepare: makes the engine's session for the events of one stage.
        settings: code and schedule.
        n_frames: frames of a sample for which state was bounded.
    """

    def __init__(
        self,
        file: SnncFile,
        prepare: Callable[[Graph], Session],
        settings: RunSettings,
        n_frames: int,
    ) -> None:
        self.graph = file.integer_graph
        self.schedule = make_schedule(self.graph, settings)
        self.stages = stages(self.graph, analyse(self.graph, settings, n_frames))
        parts = {part.nodes[0].name: part for part in host_parts(file, self.graph)}
        self._parts = [[parts[h.name] for h in s.hosts if h.name in parts] for s in self.stages]
        self._sessions = [None if s.graph is None else prepare(s.graph) for s in self.stages]
        self._keeps = any(part.states for parts in self._parts for part in parts)
        self._read = self._read_elsewhere()

    @property
    def kernels(self) -> frozenset[str]:
        """Families of kernels of all stages, where the engine's sessions tell them."""
        found = [getattr(session, "kernels", ()) for session in self._sessions]
        return frozenset().union(*found)

    def run(
        self,
        feeds: Feeds,
        *,
        record: Collection[str] | None = None,
        state: SessionState | None = None,
    ) -> EngineResult:
        """Run N samples; see `Session.run`.

        Args:
            feeds: counts of the inputs, raw data (N, T, *shape) of analog ones; integers of host
                operators that are given are not computed again.
        """
        n_samples, n_frames = next(iter(feeds.values())).shape[:2]
        feeds = {**patterns(self.graph, n_samples, n_frames), **feeds}
        if not self._keeps:
            return self._run(feeds, record, state).result(self, n_samples, n_frames)
        # what the host keeps passes from one frame to the next through all stages
        carried: SessionState = {} if state is None else state
        frames = []
        for t in range(n_frames):
            now = {name: x[:, t : t + 1] for name, x in feeds.items()}
            frames.append(self._run(now, record, carried).result(self, n_samples, 1))
            carried = frames[-1].state or {}
        end = None if state is None else carried
        return _joined(frames, self.schedule.n_ticks(n_frames), end)

    def _run(
        self, feeds: Feeds, record: Collection[str] | None, state: SessionState | None
    ) -> _Run:
        run = _Run(self.graph, dict(feeds), record, state, self._keeps)
        for stage, parts, session in zip(self.stages, self._parts, self._sessions, strict=True):
            for part in parts:
                run.compute(part)
            if session is not None:
                run.play(stage, session, self._read)
        run.replace_states([part for parts in self._parts for part in parts])
        return run

    def _read_elsewhere(self) -> frozenset[str]:
        """Nodes that another stage or the host reads."""
        owner = {name: i for i, s in enumerate(self.stages) for name in s.owned}
        return frozenset(
            p.source
            for p in self.graph.projections.values()
            if p.source in owner and owner.get(p.target) != owner[p.source]
        )


@dataclass
class _Run:
    """One run on its way through the stages."""

    graph: Graph
    feeds: dict[str, Array]
    record: Collection[str] | None
    state: SessionState | None
    keeps: bool
    """Does the host keep anything from frame to frame, so that it has to compute?"""
    counts: dict[str, IntArray] = field(default_factory=dict)
    reals: dict[str, Array] = field(default_factory=dict)
    tensors: dict[str, Array] = field(default_factory=dict)
    counters: dict[str, Counters] = field(default_factory=dict)
    nodes: dict[str, NodeCounters] = field(default_factory=dict)
    next_state: dict[str, Mapping[str, Array]] = field(default_factory=dict)

    def compute(self, part: HostPart) -> None:
        """Run a part of the host, unless all that leaves it is given."""
        if not self.keeps and all(node.name in self.feeds for node in part.nodes):
            self.reals |= {
                node.name: self.feeds[node.name] for node in part.nodes if node.result == "real"
            }
            return
        leading = next(iter(self.feeds.values())).shape[:2]
        reals = {name: self._real(name) for name in part.sources}
        kept = (self.state or {}).get(part.nodes[0].name, {})
        result = part.run(leading[0] * leading[1], reals, kept)
        self.tensors |= result.tensors
        for node in part.nodes:
            value = result.values[node.name]
            if node.result == "real":
                shaped = value.reshape(*leading, *node.shape)
                self.reals[node.name] = shaped.astype(np.float64)
            else:
                integers = to_integers(node, value).reshape(*leading, *node.shape)
                self.feeds.setdefault(node.name, integers)

    def play(self, stage: Stage, session: Session, read: frozenset[str]) -> None:
        """Run the events of a stage."""
        wanted = (
            stage.owned
            if self.record is None
            else {n for n in stage.owned if n in self.record or n in read}
        )
        feeds = {name: self._integers(name) for name in stage.fed}
        state = None
        if self.state is not None:
            state = {n: self.state[n] for n in stage.owned | stage.fed if n in self.state}
        result = session.run(feeds, record=wanted, state=state)
        self.counts |= {name: k for name, k in result.counts.items() if name in stage.owned}
        self.counters |= result.counters
        for name, counters in result.node_counters.items():
            if name in stage.owned or not isinstance(self.graph.nodes[name], Population | Product):
                self.nodes.setdefault(name, counters)
        for name, held in (result.state or {}).items():
            self.next_state[name] = {**self.next_state.get(name, {}), **held}

    def replace_states(self, parts: list[HostPart]) -> None:
        """What the host keeps for the next frame."""
        for part in parts:
            if part.states:
                kept = {taken: self.tensors[given] for taken, given in part.states}
                name = part.nodes[0].name
                self.next_state[name] = {**self.next_state.get(name, {}), **kept}

    def result(self, session: StagedSession, n_samples: int, n_frames: int) -> EngineResult:
        """As an engine gives it for the whole graph."""
        n_ticks = session.schedule.n_ticks(n_frames)
        sources = {node.name: self.feeds[node.name] for node in self.graph.sources}
        known = {**sources, **self.counts}
        wanted = known if self.record is None else [n for n in known if n in self.record]
        return EngineResult(
            counts={name: known[name] for name in self.graph.nodes if name in wanted},
            counters=self.counters,
            node_counters={
                name: replace(
                    counters, neuron_updates=_neurons(self.graph, name) * n_ticks * n_samples
                )
                for name, counters in self.nodes.items()
            },
            n_samples=n_samples,
            n_ticks=n_ticks,
            reals=self.reals,
            state=None if self.state is None else self.next_state,
        )

    def _integers(self, name: str) -> IntArray:
        found = self.counts.get(name)
        return self.feeds[name] if found is None else found

    def _real(self, name: str) -> Array:
        """Real values of a node that the host reads, frames in a row, shape (N·T, *shape)."""
        node = self.graph.nodes[name]
        if name in self.reals:
            found = self.reals[name]
        elif isinstance(node, Input) and not node.grid:
            found = self.feeds[name]
        else:
            found = real_values(self.graph.nodes[name], self._integers(name))
        return found.reshape(-1, *node.shape)


def patterns(graph: Graph, n_samples: int, n_frames: int, first: int = 0) -> dict[str, IntArray]:
    """What the graph feeds by itself in frames `first` and on, shape (N, T, *shape)."""
    return {
        p.name: np.broadcast_to(p.frames(n_frames, first), (n_samples, n_frames, *p.shape))
        for p in graph.patterns
    }


def _neurons(graph: Graph, name: str) -> int:
    node = graph.nodes[name]
    return node.size if isinstance(node, Population | Product) else 0


def _joined(frames: list[EngineResult], n_ticks: int, state: SessionState | None) -> EngineResult:
    """Results of single frames as one of all of them."""
    first = frames[0]

    def along_time(pick: Callable[[EngineResult], Mapping[str, Array]]) -> dict[str, Array]:
        return {n: np.concatenate([pick(f)[n] for f in frames], axis=1) for n in pick(first)}

    nodes = {}
    for name in first.node_counters:
        total = sum((f.node_counters[name] for f in frames), NodeCounters())
        n_neurons = total.neuron_latches // (len(frames) * first.n_samples or 1)
        nodes[name] = replace(total, neuron_updates=n_neurons * n_ticks * first.n_samples)
    return EngineResult(
        counts=along_time(lambda f: f.counts),
        counters={n: sum((f.counters[n] for f in frames), Counters()) for n in first.counters},
        node_counters=nodes,
        n_samples=first.n_samples,
        n_ticks=n_ticks,
        reals=along_time(lambda f: f.reals),
        state=state,
    )
