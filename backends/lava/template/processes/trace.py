"""Leaky traces."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.leak import array, leaked
from processes.population import Population, PyPopulation


class Trace(Population):
    """u = leak(u) + (v << fraction_bits);  count = u >> out_shift, rounded to the nearest

    v is the frame's input; the leak acts once a frame; u starts at 0 in each sample.

    Args:
        leak_multiplier: a number or an array broadcastable to the shape.
        frames_per_sample: after so many frames u starts again.
    """

    def __init__(
        self,
        *,
        leak_multiplier,
        leak_shift,
        fraction_bits,
        out_shift,
        frames_per_sample,
        **population,
    ) -> None:
        parameters = {
            "leak_shift": leak_shift,
            "fraction_bits": fraction_bits,
            "out_shift": out_shift,
            "frames_per_sample": frames_per_sample,
        }
        super().__init__(parameters=parameters, **population)
        values = array(leak_multiplier)
        self.u = Var(shape=self.v.shape, init=0)
        self.leak_multiplier = Var(shape=values.shape, init=values)


@implements(proc=Trace, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyTrace(PyPopulation):
    """`Trace` on the host."""

    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    leak_multiplier: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        for name in ("leak_shift", "fraction_bits", "out_shift", "frames_per_sample"):
            setattr(self, name, proc_params[name])

    def latch(self, v):
        if self.clock.frame(self.time_step) % self.frames_per_sample == 0:
            self.u[:] = 0
        kept = leaked(self.u, self.leak_multiplier, self.leak_shift)
        self.u[:] = kept + np.left_shift(v, self.fraction_bits)
        half = (1 << self.out_shift) >> 1
        return (self.u + half) >> self.out_shift
