"""Membranes that pass from one run to the next, between a worker's memory and arrays by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from snnc.backends.base import SessionState
from snnc.backends.event.compile import Compiled
from snnc.backends.event.tables import State
from snnc.ir.arrays import Array
from snnc.ir.neurons import State as ModelState
from snnc.ir.nodes import Population

_OFFSETS = {"v": "state", "c": "current"}
"""Column of the node table that says where a state of a neuron model lies."""


class Carrier:
    """Where the state of every population lies.

    Args:
        compiled: the graph.
    """

    def __init__(self, compiled: Compiled) -> None:
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
        return {
            i: {k: x[sample : sample + 1] for k, x in given[node.name].items()}
            for i, node in self._foreign
            if node.name in given
        }

    def take(self, memory: State, foreign: Mapping[int, ModelState]) -> SessionState:
        """Where a sample has ended; arrays of shape (1, *shape)."""
        found: dict[str, dict[str, Array]] = {}
        for node, kept, place, order in self._places:
            values = np.empty(node.size, dtype=np.int64)
            values[order] = memory.state[place]
            found.setdefault(node.name, {})[kept] = values.reshape(1, *node.shape)
        for i, node in self._foreign:
            found[node.name] = dict(foreign[i])
        return found


def joined(samples: Sequence[SessionState]) -> SessionState:
    """The states of several samples as one."""
    return {
        name: {kept: np.concatenate([s[name][kept] for s in samples]) for kept in held}
        for name, held in samples[0].items()
    }
