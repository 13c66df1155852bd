"""Neuron models without a compiled latch: their own numpy kernel runs between compiled parts."""

from __future__ import annotations

import numpy as np

from snnc.backends.event.compile import Compiled
from snnc.backends.event.frames import Data, finish_node, integrate
from snnc.backends.event.latch import clear, collect
from snnc.backends.event.tables import Program, State
from snnc.ir.arrays import IntArray
from snnc.ir.neurons import State as ModelState
from snnc.ir.nodes import Population


class ForeignModels:
    """Runs the numpy latches of one worker's populations and keeps their state.

    Args:
        program: the tables that `state` belongs to.
    """

    def __init__(self, compiled: Compiled, state: State, program: Program) -> None:
        self.compiled = compiled
        self.state = state
        self.program = program
        self._model_state: dict[int, ModelState] = {}
        self.start_sample()

    def start_sample(self) -> None:
        """Forget every membrane that lives across frames."""
        for i in self.compiled.foreign:
            node = self._node(i)
            self._model_state[i] = node.model.initial_state((1, *node.shape))

    def run_node(self, data: Data, i: int, at: int) -> None:
        """One node, one frame; `at` = sample * T + frame."""
        integrate(self.program, self.state, i)
        self.latch(i, int(self.program.nodes[i]["list"]), rest=True)
        finish_node(self.program, self.state, data, i, at)

    def latch(self, i: int, to: int, *, rest: bool) -> None:
        """As the compiled `latch`."""
        program, row = self.program, self.program.nodes[i]
        node, order = self._node(i), self.compiled.layouts[i].order()
        acc = self.state.acc64 if row["wide"] else self.state.acc32
        membrane = np.empty(node.size, dtype=np.int64)
        membrane[order] = acc[row["acc"] : row["acc"] + node.size]
        k, self._model_state[i] = node.model.latch(
            membrane.reshape(1, *node.shape), self._model_state[i], node.channel_axis
        )
        values: IntArray = np.ascontiguousarray(k.reshape(-1)[order], dtype=np.int64)
        collect(program, self.state, i, to, values, 0)
        clear(program, self.state, i, rest)

    def _node(self, i: int) -> Population:
        node = self.compiled.graph.nodes[self.compiled.names[i]]
        assert isinstance(node, Population)
        return node
