"""Synapses that bring what an earlier frame emitted."""

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

from processes.clock import FrameClock


class FrameDelay(AbstractProcess):
    """a_out = a_in of `ticks` steps before, but nothing from a sample's last `frames` frames

    Stands behind the synapses; what they bring of a sample's last frames would arrive in the
    next sample.

    Args:
        shape: of what passes.
        ticks: 0 or more.
        frames: how many frames later it arrives.
        start, window, period: of the population that emits; see `FrameClock`.
        frames_per_sample: frames of a sample.
    """

    def __init__(
        self, *, shape, ticks, frames, start, window, period, frames_per_sample, name
    ) -> None:
        super().__init__(
            name=name,
            clock=(start, window, period),
            frames=frames,
            frames_per_sample=frames_per_sample,
        )
        self.a_in = InPort(shape=shape)
        self.a_out = OutPort(shape=shape)
        self.line = Var(shape=(ticks + 1, *shape), init=0)


@implements(proc=FrameDelay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyFrameDelay(PyLoihiProcessModel):
    """`FrameDelay` on the host."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    line: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = FrameClock(*proc_params["clock"])
        self.frames_per_sample = proc_params["frames_per_sample"]
        self.n_passed = self.frames_per_sample - proc_params["frames"]

    def run_spk(self):
        arrived = self.a_in.recv()
        # synapses take a step, so this was emitted one step before
        frame = self.clock.frame(self.time_step - 1) % self.frames_per_sample
        place = self.time_step % len(self.line)
        self.line[place] = arrived if frame < self.n_passed else 0
        self.a_out.send(self.line[(place + 1) % len(self.line)])
