"""Neuron models without a compiled latch: the compiled run pauses, and their own latch runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.event.compile import Compiled
from snnc.backends.event.tables import Program, State
from snnc.ir.arrays import IntArray
from snnc.ir.neurons import State as ModelState
from snnc.ir.nodes import Population


class ForeignModels:
    """Runs the numpy latches of one worker's populations and keeps their state.

    Args:
        program: the tables that `state` belongs to.
        initial: what samples start from, by node; others start from rest.
    """

    def __init__(
        self,
        compiled: Compiled,
        state: State,
        program: Program,
        initial: Mapping[int, ModelState] | None = None,
    ) -> None:
        self.compiled = compiled
        self.state = state
        self.program = program
        self._initial = initial or {}
        self.model_state: dict[int, ModelState] = {}

    def start_sample(self) -> None:
        """Forget every membrane that lives across frames."""
        self.model_state = dict(self._initial)

    def latch(self, i: int, to: int) -> None:
        """Fill list `to` with what node `i` emits; as the compiled `latch`."""
        node, order = self._node(i), self.compiled.layouts[i].order()
        membrane = np.empty(node.size, dtype=np.int64)
        membrane[order] = self._take(i)
        if i not in self.model_state:
            self.model_state[i] = node.model.initial_state((1, *node.shape))
        k, self.model_state[i] = node.latch(membrane.reshape(1, *node.shape), self.model_state[i])
        self._fill(i, to, np.asarray(k).reshape(-1)[order])

    def _take(self, i: int) -> IntArray:
        """The membranes of node `i`, which return to rest."""
        row = self.program.nodes[i]
        wide = bool(row["wide"])
        acc = self.state.acc64 if wide else self.state.acc32
        rest = self.program.rest64 if wide else self.program.rest32
        part = slice(row["acc"], row["acc"] + row["acc_size"])
        taken: IntArray = acc[part].astype(np.int64)
        acc[part] = rest[part]
        return taken

    def _fill(self, i: int, to: int, values: IntArray) -> None:
        room, lists = self.program.rooms[to], self.state.lists
        index = np.flatnonzero(values)
        events = slice(room["events"], room["events"] + len(index))
        lists.neuron[events] = index
        lists.payload[events] = values[index]
        lists.length[to] = len(index)
        lists.total[to] = np.abs(values).sum()
        lists.peak[to] = np.abs(values).max()
        edges = np.arange(room["pixels"] + 1) * (len(values) // room["pixels"])
        segments = slice(room["segments"], room["segments"] + len(edges))
        lists.segments[segments] = np.searchsorted(index, edges)

    def _node(self, i: int) -> Population:
        node = self.compiled.graph.nodes[self.compiled.names[i]]
        assert isinstance(node, Population)
        return node
