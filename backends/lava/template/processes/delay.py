"""Synaptic delay."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Delay(AbstractProcess):
    """a_out = a_in of `ticks` steps before

    Stands behind the synapses that it delays. Lava's own DelaySparse gives the same numbers, but
    builds its matrices anew at every step, and Conv has no delays at all.

    Args:
        shape: of what passes.
        ticks: at least 1.
    """

    def __init__(self, *, shape, ticks: int, name: str) -> None:
        super().__init__(name=name)
        self.a_in = InPort(shape=shape)
        self.a_out = OutPort(shape=shape)
        self.line = Var(shape=(ticks, *shape), init=0)


@implements(proc=Delay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDelay(PyLoihiProcessModel):
    """`Delay` on the host."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    line: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def run_spk(self):
        place = self.time_step % len(self.line)
        self.a_out.send(self.line[place])
        self.line[place] = self.a_in.recv()
