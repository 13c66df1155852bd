"""One session with its inputs and outputs in arrays that stay: nothing is allocated or copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from snnc.backends.dense.seen import Tray
from snnc.ir.arrays import Array

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from snnc.backends.dense.program import Program


class Binding:
    """A session bound to arrays for some number of rows.

    Args:
        outputs: of the session; those whose shape is not known come in arrays of their own.
        rows: of all tensors but the states, which have one for each sample.

    Attributes:
        tray: where what is counted outside of the graph comes to stand.
    """

    def __init__(
        self, session: InferenceSession, program: Program, outputs: Sequence[str], rows: int
    ) -> None:
        self.tray = Tray(program.seen, rows)
        self._session, self._outputs = session, tuple(outputs)
        shapes = {wire.name: wire.shape for wire in program.wires.values()}
        shapes |= {new: shape for new, shape in program.states.values()}
        self._types = program.builder.types
        self._of_samples = {program.entry(name) for name in program.states}
        self._of_samples |= {new for new, _ in program.states.values()}
        self._samples = rows // program.n_frames
        self._io = session.io_binding()
        self._inputs = {n: self._array(n, s) for n, s in program.builder.input_shapes.items()}
        self._made: dict[str, Array] = {}
        for i in session.get_inputs():
            a = self._inputs[i.name]
            self._io.bind_input(i.name, "cpu", 0, a.dtype, a.shape, a.ctypes.data)
        for name in self._outputs:
            if name not in shapes and name not in self.tray.views:
                self._io.bind_output(name)
                continue
            a = self._made[name] = self._array(name, shapes.get(name, ()))
            self._io.bind_output(name, "cpu", 0, a.dtype, a.shape, a.ctypes.data)
        self._others = [n for n, name in enumerate(self._outputs) if name not in self._made]

    def run(self, given: dict[str, Array]) -> dict[str, Array]:
        """All inputs and outputs by name, valid until the next run."""
        for name, values in given.items():
            np.copyto(self._inputs[name], values, casting="unsafe")
        self._session.run_with_iobinding(self._io)
        found = self._inputs | self._made
        if self._others:
            values = self._io.get_outputs()
            found |= {self._outputs[n]: values[n].numpy() for n in self._others}
        return found

    def _array(self, name: str, shape: tuple[int, ...]) -> Array:
        if name in self.tray.views:
            return self.tray.views[name]
        rows = self._samples if name in self._of_samples else self.tray.rows
        return np.empty((rows, *shape), dtype=np.dtype(self._types[name]))
