"""One sample on the clock, from the first tick to the last."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from snnc.backends.base import Stretch
from snnc.backends.event.changes import keeping
from snnc.backends.event.compile import Compiled
from snnc.backends.event.foreign import ForeignModels
from snnc.backends.event.frames import Data
from snnc.backends.event.jit import told
from snnc.backends.event.late import reraised
from snnc.backends.event.memory import check_widths, make_state
from snnc.backends.event.pools import ListTable
from snnc.backends.event.tables import Program
from snnc.backends.event.ticks import (
    Clock,
    Events,
    run_ticks,
)
from snnc.ir.arrays import IntArray
from snnc.ir.nodes import Node

_ROOM = 1 << 16
"""Events, or membranes, that are kept at least before they are handed on."""


class Simulation:
    """A graph on the clock; it can run sample after sample.

    Attributes:
        state: membranes, lists and counters; the counters sum over the samples that are run.
    """

    def __init__(self, compiled: Compiled, n_frames: int) -> None:
        self.compiled = compiled
        self.program, ring, depth = tick_program(compiled)
        self.state = make_state(compiled, self.program, ticks=True)
        self.program = keeping(self.program, self.state)
        self.foreign = ForeignModels(compiled, self.state, self.program)
        n_nodes, n_lists = len(compiled.names), len(self.program.rooms)
        self.clock = Clock(
            window=compiled.schedule.window,
            period=compiled.schedule.period,
            n_frames=n_frames,
            n_biased=1 if self.program.changes else n_frames,
            n_ticks=compiled.schedule.n_ticks(n_frames),
            ring=ring,
            depth=depth,
            latched=np.zeros(n_nodes, dtype=np.int64),
            biased=np.zeros(n_nodes, dtype=np.int64),
            slots=np.zeros(n_lists, dtype=np.int64),
            held=np.full(n_lists, -1, dtype=np.int64),
        )
        self._silent = self._make_events(0)
        self._buffers: dict[frozenset[str], Events] = {}

    def load(self, data: Data) -> None:
        """Compile the entry, or load it: a run of no ticks."""
        end = self.clock.n_ticks
        with reraised():
            run_ticks(self.program, self.state, self.clock, data, self._silent, 0, end, 0)

    def run(self, data: Data, sample: int) -> None:
        """Run one sample without a trace."""
        for _ in self._stretches(data, sample, self._silent):
            pass

    def trace(
        self, data: Data, sample: int, *, membranes: Collection[str] = ()
    ) -> Iterator[Stretch]:
        """Run one sample and hand on every event, and membranes of some populations."""
        yield from self._stretches(data, sample, self._watched(frozenset(membranes)))

    def _stretches(self, data: Data, sample: int, events: Events) -> Iterator[Stretch]:
        """Run a sample, stretch after stretch."""
        self._start_sample()
        tick = node = 0
        events.since[0] = 0
        while tick < self.clock.n_ticks:
            with told(), reraised():  # silence calls few kernels: the others are bound here
                tick, node = run_ticks(
                    self.program, self.state, self.clock, data, events, sample, tick, node
                )
            check_widths(self.compiled, self.state)
            if node:
                frame = int(self.clock.latched[node])
                to = int(self.clock.ring[node] + frame % self.clock.depth[node])
                self.foreign.latch(node, to)
            else:
                n, first = int(events.used[0]), int(events.since[0])
                yield Stretch(
                    sample,
                    events.tick[:n].astype(np.int64),
                    events.node[:n].astype(np.int64),
                    events.neuron[:n].astype(np.int64),
                    events.payload[:n].copy(),
                    first,
                    self._membranes(events, tick - first) if len(events.membranes) else None,
                )
                events.used[0], events.since[0] = 0, tick

    def _start_sample(self) -> None:
        self.foreign.start_sample()
        state = self.state
        for array in (state.acc32, state.acc64, state.state, state.before, state.held):
            array[:] = 0
        for progress in (self.clock.latched, self.clock.biased, self.clock.slots):
            progress[:] = 0
        self.clock.held[:] = -1

    def _watched(self, membranes: frozenset[str]) -> Events:
        """Buffers for a trace, made when such a one is first asked for."""
        if membranes not in self._buffers:
            self._buffers[membranes] = self._make_events(_ROOM, membranes)
        return self._buffers[membranes]

    def _make_events(self, room: int, membranes: frozenset[str] = frozenset()) -> Events:
        """Buffers for a trace; none at all if `room` is 0."""
        enough = int(self.program.nodes["size"].sum())
        room = room + enough if room else 0
        nodes = [node for node in self._nodes() if node.name in membranes]
        # at least one tick, at most all
        held = min(max(_ROOM // max(sum(n.size for n in nodes), 1), 1), self.clock.n_ticks)
        membrane_at = np.full(len(self.compiled.names), -1, dtype=np.int64)
        used = 0
        for node in nodes:
            membrane_at[self.compiled.names.index(node.name)] = used
            used += node.size * held
        return Events(
            tick=np.zeros(room, dtype=np.int32),
            node=np.zeros(room, dtype=np.int32),
            neuron=np.zeros(room, dtype=np.int32),
            payload=np.zeros(room, dtype=np.int64),
            used=np.zeros(1, dtype=np.int64),
            membranes=np.zeros(used, dtype=np.int64),
            membrane_at=membrane_at,
            since=np.zeros(1, dtype=np.int64),
            held=held,
            offsets=np.zeros(int(self.program.nodes["channels"].max()) + 1, dtype=np.int64),
            enough=enough,
        )

    def _membranes(self, events: Events, n_ticks: int) -> dict[str, IntArray]:
        """Membranes by population, (n_ticks, *shape)."""
        found = {}
        for node, at in zip(self._nodes(), events.membrane_at, strict=True):
            if at >= 0:
                flat = events.membranes[at : at + node.size * n_ticks].copy()
                found[node.name] = flat.reshape(n_ticks, *node.shape)
        return found

    def _nodes(self) -> list[Node]:
        return [self.compiled.graph.nodes[name] for name in self.compiled.names]


def tick_program(compiled: Compiled) -> tuple[Program, IntArray, IntArray]:
    """The program with lists for frames that are still on their way.

    Returns:
        the program; by node, its first ring list and how many there are. A node's own list
        holds what it emits at a tick. Projections that deliver this at the next tick and as it
        lies share that list.
    """
    program, schedule = compiled.program, compiled.schedule
    nodes, projections, lists = program.nodes.copy(), program.projections.copy(), ListTable()
    longest = np.ones(len(nodes), dtype=np.int64)
    np.maximum.at(longest, projections["source"], projections["gap"])
    depth = -(-(schedule.window + longest) // schedule.period)
    ring = np.zeros(len(nodes), dtype=np.int64)
    for i, node in enumerate(nodes):
        ring[i] = lists.add(node["size"], node["pixels"])
        for _ in range(1, depth[i]):
            lists.add(node["size"], node["pixels"])
        node["list"] = lists.add(node["size"], node["pixels"])
    nodes["values"] = projections["values"] = -1
    for row in projections:
        source = nodes[row["source"]]
        if row["route"] >= 0:
            row["list"] = lists.add(row["route_size"], row["route_pixels"])
        elif row["gap"] > 1:
            row["list"] = lists.add(source["size"], source["pixels"])
        else:
            row["list"] = source["list"]
        if row["held"] >= 0:
            size, pixels = lists.room(row["list"])
            row["kept"] = lists.add(size, pixels)
    changed = program._replace(
        nodes=nodes,
        projections=projections,
        rooms=lists.array(),
        rest32=np.zeros_like(program.rest32),
        rest64=np.zeros_like(program.rest64),
    )
    return changed, ring, depth
