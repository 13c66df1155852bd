"""One sample on the clock, from the first tick to the last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snnc.backends.base import Trace
from snnc.backends.event.compile import Compiled
from snnc.backends.event.foreign import ForeignModels
from snnc.backends.event.memory import Buffers, make_state
from snnc.backends.event.pools import ListTable
from snnc.backends.event.tables import Program
from snnc.backends.event.ticks import (
    Clock,
    Events,
    arrive,
    depart,
    due_frame,
    emit,
    finish_latch,
    next_tick,
    run_ticks,
    snapshot,
)
from snnc.ir.arrays import IntArray
from snnc.ir.nodes import Population

_ROOM = 1 << 16
"""Events that are kept at least before they are handed on."""


class Simulation:
    """A graph on the clock.

    Attributes:
        state: membranes, lists and counters; the counters sum over the samples that are run.
    """

    def __init__(self, compiled: Compiled, buffers: Buffers) -> None:
        self.compiled = compiled
        self.buffers = buffers
        self.program, ring, depth = tick_program(compiled)
        self.state = make_state(compiled, self.program, ticks=True)
        self.foreign = ForeignModels(compiled, self.state, self.program)
        n_nodes, n_lists = len(compiled.names), len(self.program.lists)
        self.clock = Clock(
            window=compiled.schedule.window,
            period=compiled.schedule.period,
            n_frames=buffers.n_frames,
            n_ticks=compiled.schedule.n_ticks(buffers.n_frames),
            ring=ring,
            depth=depth,
            latched=np.zeros(n_nodes, dtype=np.int64),
            biased=np.zeros(n_nodes, dtype=np.int64),
            slots=np.zeros(n_lists, dtype=np.int64),
            held=np.full(n_lists, -1, dtype=np.int64),
        )

    def run(self, sample: int) -> None:
        """Run one sample without a trace."""
        for _ in self._events(sample, _make_events(0), {}):
            pass

    def trace(self, membranes: bool) -> Trace:
        """Run the only sample and keep every event."""
        kept = self._membranes() if membranes else {}
        room = _make_events(_ROOM + int(self.program.nodes["size"].sum()))
        parts = [np.zeros((4, 0), dtype=np.int64), *self._events(0, room, kept)]
        tick, population, neuron, payload = np.hstack(parts)
        order = np.lexsort((neuron, population, tick))
        return Trace(
            tick=tick[order],
            population=population[order],
            neuron=neuron[order],
            payload=payload[order],
            names=self.compiled.names,
            n_ticks=self.clock.n_ticks,
            membranes=kept if membranes else None,
        )

    def _membranes(self) -> dict[str, IntArray]:
        nodes = self.compiled.graph.nodes
        return {
            name: np.zeros((self.clock.n_ticks, *nodes[name].shape), dtype=np.int64)
            for name in self.compiled.names
            if isinstance(nodes[name], Population)
        }

    def _events(
        self, sample: int, events: Events, membranes: dict[str, IntArray]
    ) -> Iterator[IntArray]:
        """Run a sample; the events of stretch after stretch, shape (4, n)."""
        self._start_sample()
        stepwise = bool(self.compiled.foreign or membranes)
        tick = 0
        while tick < self.clock.n_ticks:
            if stepwise:
                tick = self._one_tick(sample, events, membranes, tick)
            else:
                tick = run_ticks(
                    self.program, self.state, self.clock, self.buffers.data, events, sample, tick
                )
            n = int(events.used[0])
            yield np.stack([part[:n].astype(np.int64) for part in events[:4]])
            events.used[0] = 0

    def _start_sample(self) -> None:
        self.foreign.start_sample()
        for array in (self.state.acc32, self.state.acc64, self.state.state):
            array[:] = 0
        for progress in (self.clock.latched, self.clock.biased, self.clock.slots):
            progress[:] = 0
        self.clock.held[:] = -1

    def _one_tick(
        self, sample: int, events: Events, membranes: dict[str, IntArray], tick: int
    ) -> int:
        """As one round of `run_ticks`, with numpy latches and membranes where there are any."""
        program, state, clock, data = self.program, self.state, self.clock, self.buffers.data
        arrive(program, state, clock, tick)
        for i, name in enumerate(self.compiled.names):
            if name in membranes:
                snapshot(program, state, i, membranes[name][tick].reshape(-1))
            if i not in self.compiled.foreign:
                depart(program, state, clock, data, i, sample, tick)
            elif (frame := int(due_frame(program, clock, i, tick))) >= 0:
                to = int(clock.ring[i] + frame % clock.depth[i])
                self.foreign.latch(i, to, rest=False)
                finish_latch(program, state, clock, data, i, sample, frame)
            emit(program, state, clock, events, i, tick)
        return tick + 1 if membranes else int(next_tick(program, clock, tick))


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
    for row in projections:
        source = nodes[row["source"]]
        if row["route"] >= 0:
            row["list"] = lists.add(row["route_size"], row["route_pixels"])
        elif row["gap"] > 1:
            row["list"] = lists.add(source["size"], source["pixels"])
        else:
            row["list"] = source["list"]
    changed = program._replace(nodes=nodes, projections=projections, lists=lists.array())
    return changed, ring, depth


def _make_events(room: int) -> Events:
    return Events(
        tick=np.zeros(room, dtype=np.int64),
        node=np.zeros(room, dtype=np.int32),
        neuron=np.zeros(room, dtype=np.int32),
        payload=np.zeros(room, dtype=np.int64),
        used=np.zeros(1, dtype=np.int64),
    )
