"""The product of two integrated operands."""

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

from processes.clock import GRADED, FrameClock, emitted


class Product(AbstractProcess):
    """s_out = a @ b (`matmul`) or a * b (`multiply`), of what a window brought to both ports

    Args:
        op: `matmul` or `multiply`.
        a_shape, b_shape, shape: of the operands and of the product.
        start, window, period, keeps: see `FrameClock`; in code `delta` operands are kept, and
            what the product has changed by is sent.
    """

    def __init__(
        self, *, op, a_shape, b_shape, shape, start, window, period, name, keeps=1
    ) -> None:
        super().__init__(name=name, op=op, shape=shape, clock=(start, window, period, keeps))
        self.a_in = InPort(shape=a_shape)
        self.b_in = InPort(shape=b_shape)
        self.s_out = OutPort(shape=shape)
        self.a = Var(shape=a_shape, init=0)
        self.b = Var(shape=b_shape, init=0)
        self.count = Var(shape=shape, init=0)


@implements(proc=Product, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyProduct(PyLoihiProcessModel):
    """`Product` on the host."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    b_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    a: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    b: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    count: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = FrameClock(*proc_params["clock"])
        self.changed = np.zeros(proc_params["shape"], dtype=np.int32)
        self.multiply = np.matmul if proc_params["op"] == "matmul" else np.multiply

    def run_spk(self):
        self.a[:] += self.a_in.recv()
        self.b[:] += self.b_in.recv()
        slot = self.clock.slot(self.time_step)
        if slot == 0:
            before = 0 if self.clock.begins(self.time_step) else self.count
            count = self.multiply(self.a, self.b)
            self.changed[:] = count - before
            self.count[:] = count
            if self.clock.ends(self.time_step):
                self.a[:] = 0
                self.b[:] = 0
        self.s_out.send(emitted(self.changed, slot, GRADED))
