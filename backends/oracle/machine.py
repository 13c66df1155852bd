"""The clock: deliver due events, sum, bias at window start, latch and clear at its end, emit."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Protocol

import numpy as np

from snnc.backends.base import LAST, SessionState, last_counts
from snnc.backends.oracle.cells import Cell, PopulationCell, make_cells
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.schedule import make_schedule


class Observer(Protocol):
    """Who watches a simulation."""

    def on_events(self, tick: int, name: str, payload: IntArray) -> None:
        """A node emits; payload (N, size), 0 where a neuron is silent."""

    def on_synapses(self, projection: Projection, payload: IntArray) -> None:
        """What a node emits is sent along a projection."""

    def on_tick(self, tick: int, name: str, cell: Cell) -> None:
        """A node has integrated a tick; it may latch next."""


class Machine:
    """A graph on a clock; all samples run side by side, each from tick 0.

    Args:
        graph: integer form.
        feeds: (N, T, *shape) by source node.
        state: where samples go on.
    """

    def __init__(
        self,
        graph: Graph,
        settings: RunSettings,
        feeds: dict[str, IntArray],
        state: SessionState,
    ) -> None:
        self.settings = settings
        self.schedule = make_schedule(graph, settings)
        self.n_samples, self.n_frames = next(iter(feeds.values())).shape[:2]
        self.n_ticks = self.schedule.n_ticks(self.n_frames)
        self.cells = make_cells(graph, feeds, settings.sends_changes, state)
        self.last: dict[str, IntArray] = {}
        if settings.sends_changes:
            self.last = {n: x.reshape(self.n_samples, -1) for n, x in last_counts(state).items()}
        self.n_biased = self.n_frames
        if settings.sends_changes:
            self.n_biased = 0 if self.last else 1
        self.is_coded = {name: graph.emits(name) == "count" for name in self.cells}
        self.outgoing = {
            name: [p for p in graph.outgoing(name) if graph.is_event(p)] for name in self.cells
        }
        self.latched: dict[str, list[IntArray]] = {name: [] for name in self.cells}
        self._due: defaultdict[int, list[tuple[Projection, IntArray]]] = defaultdict(list)
        self._restore()

    def run(self, observer: Observer) -> None:
        """From tick 0 to the last event of the last frame."""
        for tick in range(self.n_ticks):
            for projection, payload in self._due.pop(tick, ()):
                self.cells[projection.target].receive(projection, payload)
            for name, cell in self.cells.items():
                self._integrate(tick, name, cell)
                observer.on_tick(tick, name, cell)
                payload = self._emit(tick, name, cell)
                if payload.any():
                    observer.on_events(tick, name, payload)
                    self._send(tick, name, payload, observer)

    def counts(self, name: str) -> IntArray:
        """Latched counts or values of a node, (N, T, *shape)."""
        return np.stack(self.latched[name], axis=1)

    def state(self) -> SessionState:
        """What the next frames start from."""
        cells = {n: c for n, c in self.cells.items() if isinstance(c, PopulationCell) and c.state}
        kept: dict[str, dict[str, IntArray]] = {n: dict(c.state) for n, c in cells.items()}
        if self.settings.sends_changes:
            for name, latched in self.latched.items():
                kept.setdefault(name, {})[LAST] = latched[-1]
        return kept

    def _restore(self) -> None:
        """Bring membranes to what an earlier run's events have left in them."""
        if not self.last:
            return
        for cell in self.cells.values():
            cell.add_bias()
        for name, payload in self.last.items():
            for p in self.outgoing[name]:
                self.cells[p.target].receive(p, payload)

    def _integrate(self, tick: int, name: str, cell: Cell) -> None:
        window_start = self.schedule.start[name] - self.schedule.window + 1
        frame, slot = divmod(tick - window_start, self.schedule.period)
        if slot == 0 and 0 <= frame < self.n_biased:
            cell.add_bias()

    def _emit(self, tick: int, name: str, cell: Cell) -> IntArray:
        """Latch where the window ends, and give what leaves at this tick, (N, size)."""
        frame, slot = divmod(tick - self.schedule.start[name], self.schedule.period)
        if not 0 <= frame < self.n_frames or slot >= self.schedule.window:
            return np.zeros((self.n_samples, 0), dtype=np.int64)
        if slot == 0:
            self.latched[name].append(cell.latch(frame))
        latched = self.latched[name][frame]
        value = latched.reshape(self.n_samples, math.prod(latched.shape[1:]))
        if self.settings.unit_spikes and self.is_coded[name]:
            return np.sign(value) * (np.abs(value) > slot)
        if slot > 0:
            return np.zeros_like(value)
        if self.settings.sends_changes:
            before = self.last.get(name, np.zeros_like(value))
            self.last[name] = value
            return value - before
        return value

    def _send(self, tick: int, name: str, payload: IntArray, observer: Observer) -> None:
        frame = (tick - self.schedule.start[name]) // self.schedule.period
        for p in self.outgoing[name]:
            if p.frames and frame + p.frames >= self.n_frames:
                continue  # the sample ends before the frame in which it would arrive
            observer.on_synapses(p, payload)
            self._due[tick + 1 + self.schedule.delay[p.name]].append((p, payload))
