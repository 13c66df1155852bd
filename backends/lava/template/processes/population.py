"""What all populations share: integrate for a window, latch, then emit."""

import numpy as np
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var

from processes.clock import FrameClock, emitted


class Population(AbstractProcess):
    """Neurons that integrate a whole window before they emit.

    The membrane `v` sums its bias (once a frame) and everything that arrives; at the window's end
    it is latched into `count` and cleared, and the count travels in the next window. In code
    `delta` what arrives are changes: v is cleared, and gets its bias, once a sample, and what the
    count has changed by travels.

    Args:
        shape: of the population, neurons in C order.
        start, window, period, keeps: see `FrameClock`.
        code: how the count travels, `burst`, `graded` or `delta`.
        bias: broadcastable to `shape`.
        parameters: what else the process model reads from `proc_params`. (Lava ignores unknown
            keywords silently; here they are an error.)
    """

    def __init__(
        self, *, shape, start, window, period, code, name, keeps=1, bias=0, parameters=None
    ) -> None:
        clock = (start, window, period, keeps)
        super().__init__(name=name, shape=shape, clock=clock, code=code, **parameters or {})
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.v = Var(shape=shape, init=0)
        self.bias = Var(shape=shape, init=np.broadcast_to(bias, shape).astype(np.int32))
        self.count = Var(shape=shape, init=0)


class PyPopulation(PyLoihiProcessModel):
    """Two phases; a subclass says in `latch` what the membrane becomes."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    v: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    bias: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    count: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = FrameClock(*proc_params["clock"])
        self.code = proc_params["code"]
        self.changed = np.zeros(proc_params["shape"], dtype=np.int32)

    def run_spk(self):
        self.v[:] += self.a_in.recv()
        if self.clock.opens(self.time_step):
            self.v[:] += self.bias
        slot = self.clock.slot(self.time_step)
        if slot == 0:
            before = 0 if self.clock.begins(self.time_step) else self.count
            count = self.latch(self.v)
            self.changed[:] = count - before
            self.count[:] = count
            if self.clock.ends(self.time_step):
                self.v[:] = 0
        self.s_out.send(emitted(self.changed, slot, self.code))

    def latch(self, v):
        """Counts of the membranes `v`."""
        raise NotImplementedError
