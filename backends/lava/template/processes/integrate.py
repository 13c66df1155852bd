"""Spiking neurons whose membrane lives across frames."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.population import Population, PyPopulation


class IntegrateAndFire(Population):
    """u = leak(u) + v;  count = u >= threshold;  u = u - threshold * count, or 0 where it fired

    leak(u) = sign(u) * ((|u| * leak_multiplier) >> leak_shift), once a frame; v is the frame's
    input. The state u starts at 0 in each sample.

    Args:
        threshold: broadcastable to the population's shape.
        leak_multiplier, leak_shift: 1 and 0 keep the membrane as it is.
        reset: `subtract` or `zero`.
        strict: fire on `>` instead of `>=`.
        frames_per_sample: after so many frames u starts again.
    """

    def __init__(
        self,
        *,
        threshold,
        leak_multiplier=1,
        leak_shift=0,
        reset,
        strict,
        frames_per_sample,
        **population,
    ) -> None:
        parameters = {"reset": reset, "strict": strict, "frames_per_sample": frames_per_sample}
        super().__init__(parameters=parameters, **population)
        self.u = Var(shape=self.v.shape, init=0)
        self.threshold = Var(shape=threshold.shape, init=threshold)
        self.leak_multiplier = Var(shape=(1,), init=leak_multiplier)
        self.leak_shift = Var(shape=(1,), init=leak_shift)


@implements(proc=IntegrateAndFire, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegrateAndFire(PyPopulation):
    """`IntegrateAndFire` on the host."""

    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    threshold: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    leak_multiplier: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    leak_shift: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=5)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.reset = proc_params["reset"]
        self.strict = proc_params["strict"]
        self.frames_per_sample = proc_params["frames_per_sample"]

    def latch(self, v):
        if self.clock.frame(self.time_step) % self.frames_per_sample == 0:
            self.u[:] = 0
        # the product of a 24-bit membrane and a 12-bit multiplier needs more than 32 bits
        kept = (np.abs(self.u).astype(np.int64) * self.leak_multiplier) >> self.leak_shift
        u = np.sign(self.u) * kept + v
        fires = u > self.threshold if self.strict else u >= self.threshold
        after = u - self.threshold if self.reset == "subtract" else np.zeros_like(u)
        self.u[:] = np.where(fires, after, u)
        return fires.astype(np.int32)
