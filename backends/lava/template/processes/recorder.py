"""Keeps what a population sends."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Recorder(AbstractProcess):
    """Writes every event that arrives to a file, at the run's last step.

    A Var is read back value by value in Lava (a message each), a file at once.

    Args:
        shape: of what is recorded.
        path: of an .npy file, rows (tick, neuron, payload), int64.
        n_ticks: length of the run.
    """

    def __init__(self, *, shape, path: str, n_ticks: int, name: str) -> None:
        super().__init__(name=name, path=path, n_ticks=n_ticks)
        self.a_in = InPort(shape=shape)


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRecorder(PyLoihiProcessModel):
    """`Recorder` on the host."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.path = proc_params["path"]
        self.n_ticks = proc_params["n_ticks"]
        self.events = [np.empty((0, 3), dtype=np.int64)]

    def run_spk(self):
        payload = self.a_in.recv().ravel()
        neurons = np.flatnonzero(payload)
        if len(neurons):
            ticks = np.full(len(neurons), self.time_step - 1)
            self.events.append(np.stack([ticks, neurons, payload[neurons]], axis=1))
        if self.time_step == self.n_ticks:
            np.save(self.path, np.concatenate(self.events))
