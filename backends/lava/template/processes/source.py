"""Where data enters."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.clock import FrameClock, changes, emitted


class Source(AbstractProcess):
    """Replays integer counts, frame by frame.

    Args:
        counts: shape (n_frames, *shape).
        repeat: what comes after the last frame: the first again, or silence.
        window, period: see `FrameClock`.
        code: `burst`, `graded` or `delta`.
        keeps: in `delta` the frames of a sample, which begins from 0; else 1.
    """

    def __init__(self, *, counts, window, period, code, name, repeat=False, keeps=1) -> None:
        super().__init__(name=name, clock=(0, window, period), code=code, repeat=repeat)
        counts = changes(counts, keeps)
        self.counts = Var(shape=counts.shape, init=counts.astype(np.int32))
        self.s_out = OutPort(shape=counts.shape[1:])


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySource(PyLoihiProcessModel):
    """`Source` on the host."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    counts: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.clock = FrameClock(*proc_params["clock"])
        self.code = proc_params["code"]
        self.repeat = proc_params["repeat"]

    def run_spk(self):
        slot, frame = self.clock.slot(self.time_step), self.clock.frame(self.time_step)
        if self.repeat:
            frame %= len(self.counts)
        silent = slot < 0 or frame >= len(self.counts)
        self.s_out.send(
            emitted(self.counts[0 if silent else frame], -1 if silent else slot, self.code)
        )
