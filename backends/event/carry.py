"""What passes from one run to the next, between a worker's memory and arrays by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from snnc.backends.base import BESIDE, LAST, SessionState, last_counts
from snnc.backends.event.changes import start_here
from snnc.backends.event.compile import Compiled
from snnc.backends.event.frames import run_frames
from snnc.backends.event.log import make_log
from snnc.backends.event.memory import Buffers
from snnc.backends.event.tables import Program, State
from snnc.ir.arrays import Array, IntArray
from snnc.ir.neurons import State as ModelState
from snnc.ir.nodes import Population

_OFFSETS = {
    "v": "state",
    "c": "current",
    "u": "current",
    "frame": "clock",
    "s": "state",
    "sent": "current",
}
"""Column of the node table that says where a state of a neuron model lies."""


class Carrier:
    """Where the state of every population lies, and in code `delta` the last counts.

    Args:
        compiled: the graph.
        program: the tables of the worker whose memory it reads and writes.
    """

    def __init__(self, compiled: Compiled, program: Program) -> None:
        self._compiled = compiled
        self.program = program
        self._places: list[tuple[Population, str, slice, Array]] = []
        self._foreign: list[tuple[int, Population]] = []
        for i, name in enumerate(compiled.names):
            node = compiled.graph.nodes[name]
            if not isinstance(node, Population) or not node.model.has_state:
                continue
            if i in compiled.foreign:
                self._foreign.append((i, node))
                continue
            row, order = compiled.program.nodes[i], compiled.layouts[i].order()
            for kept in node.model.initial_state((1,)):
                first = int(row[_OFFSETS[kept]])
                self._places.append((node, kept, slice(first, first + node.size), order))

    def put(self, given: SessionState, sample: int, memory: State) -> dict[int, ModelState]:
        """Let a sample begin where `given` says; the states of foreign models, by node number."""
        memory.initial[:] = 0
        for node, kept, place, order in self._places:
            held = given.get(node.name, {})
            if kept in held:
                memory.initial[place] = held[kept][sample].reshape(-1)[order]
        last = last_counts(given)
        if last and self.program.changes:
            self._remember(last, sample, memory)
        elif self.program.changes:
            start_here(memory, self._compiled.program)
        return {
            i: {k: x[sample : sample + 1] for k, x in given[node.name].items() if k not in BESIDE}
            for i, node in self._foreign
            if node.name in given
        }

    def _remember(self, last: Mapping[str, IntArray], sample: int, memory: State) -> None:
        """Bring membranes to where the last counts of all nodes have left them."""
        feeds = {name: last[name][sample][None, None] for name in self._compiled.names}
        data = Buffers(self._compiled, feeds, ()).data
        counters = memory.counters.copy(), memory.node_counters.copy()
        start_here(memory, self._compiled.program)
        run_frames(self.program, memory, data, make_log(self._compiled), 0, 1, 1, 0)
        start_here(memory)
        memory.counters[:], memory.node_counters[:] = counters

    def take(self, memory: State, foreign: Mapping[int, ModelState]) -> SessionState:
        """Where a sample has ended; arrays of shape (1, *shape)."""
        found: dict[str, dict[str, Array]] = {}
        for node, kept, place, order in self._places:
            values = np.empty(node.size, dtype=np.int64)
            values[order] = memory.state[place]
            found.setdefault(node.name, {})[kept] = values.reshape(1, *node.shape)
        for i, node in self._foreign:
            found[node.name] = dict(foreign[i])
        if self.program.changes:
            for i, name in enumerate(self._compiled.names):
                found.setdefault(name, {})[LAST] = self._last(i, memory)
        return found

    def _last(self, i: int, memory: State) -> Array:
        """Counts of the frame before, shape (1, *shape)."""
        row, node = self.program.nodes[i], self._compiled.graph.nodes[self._compiled.names[i]]
        values = np.empty(node.size, dtype=np.int64)
        first = int(row["before"])
        values[self._compiled.layouts[i].order()] = memory.before[first : first + node.size]
        return values.reshape(1, *node.shape)


def joined(samples: Sequence[SessionState]) -> SessionState:
    """The states of several samples as one."""
    return {
        name: {kept: np.concatenate([s[name][kept] for s in samples]) for kept in held}
        for name, held in samples[0].items()
    }
