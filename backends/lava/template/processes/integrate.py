"""Spiking neurons whose membrane lives across frames."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.leak import array, leaked
from processes.population import Population, PyPopulation

LOWEST = -(2**31)
"""As `v_min`: nothing holds the membrane up."""


class IntegrateAndFire(Population):
    """u = leak(u) + (v << fraction_bits);  count = lo + number of thresholds that u has reached

    Then u = u - reset_step * count, or reset_value where the count is not 0; v_min at least. v is
    the frame's input; leak is Loihi's, once a frame: sign(u) * ((|u| * leak_multiplier) >>
    leak_shift). The state u starts at 0 in each sample.

    Args:
        thresholds: shape (n_levels, *s) with s broadcastable to the population's shape.
        lo: the smallest count.
        reset: `subtract`, `zero` (to reset_value) or `none`.
        reset_step, reset_value, v_min, leak_multiplier: numbers or arrays that
            broadcast to the shape.
        reset_before: u leaks before its reset instead of before the next input.
        frames_per_sample: after so many frames the state starts again.
    """

    def __init__(
        self,
        *,
        thresholds,
        lo,
        reset,
        reset_step,
        frames_per_sample,
        reset_value=0,
        v_min=LOWEST,
        reset_before=False,
        leak_multiplier=1,
        leak_shift=0,
        fraction_bits=0,
        parameters=None,
        **population,
    ) -> None:
        own = {
            "lo": lo,
            "reset": reset,
            "reset_before": reset_before,
            "leak_shift": leak_shift,
            "fraction_bits": fraction_bits,
            "frames_per_sample": frames_per_sample,
        }
        super().__init__(parameters={**own, **(parameters or {})}, **population)
        self.u = Var(shape=self.v.shape, init=0)
        self.thresholds = Var(shape=thresholds.shape, init=thresholds)
        for name, values in (
            ("reset_step", array(reset_step)),
            ("reset_value", array(reset_value)),
            ("v_min", array(v_min)),
            ("leak_multiplier", array(leak_multiplier)),
        ):
            setattr(self, name, Var(shape=values.shape, init=values))


class CurrentIntegrateAndFire(IntegrateAndFire):
    """c = leak(c) + (v << fraction_bits);  u = leak(u) + c;  the rest as `IntegrateAndFire`

    Args:
        current_multiplier, current_shift: leak of the current c.
    """

    def __init__(self, *, current_multiplier, current_shift, **more) -> None:
        super().__init__(parameters={"current_shift": current_shift}, **more)
        values = array(current_multiplier)
        self.c = Var(shape=self.v.shape, init=0)
        self.current_multiplier = Var(shape=values.shape, init=values)


class _Firing(PyPopulation):
    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    thresholds: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    reset_step: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    reset_value: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    v_min: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    leak_multiplier: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        for name in ("lo", "reset", "reset_before", "leak_shift", "fraction_bits"):
            setattr(self, name, proc_params[name])
        self.frames_per_sample = proc_params["frames_per_sample"]

    def latch(self, v):
        if self.clock.frame(self.time_step) % self.frames_per_sample == 0:
            self.start_sample()
        u = self.u if self.reset_before else self.leak(self.u)
        u = u + self.current(np.left_shift(v, self.fraction_bits))
        count = np.full(v.shape, self.lo, dtype=np.int32)
        for threshold in self.thresholds:
            count += u >= threshold
        after = self.leak(u) if self.reset_before else u
        if self.reset == "subtract":
            after = after - count * self.reset_step
        elif self.reset == "zero":
            after = np.where(count != 0, self.reset_value, after)
        self.u[:] = np.maximum(after, self.v_min)
        return count

    def leak(self, u):
        return leaked(u, self.leak_multiplier, self.leak_shift)

    def start_sample(self):
        self.u[:] = 0

    def current(self, v):
        """What reaches the membrane of a frame's input."""
        return v


@implements(proc=IntegrateAndFire, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegrateAndFire(_Firing):
    """`IntegrateAndFire` on the host."""


@implements(proc=CurrentIntegrateAndFire, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyCurrentIntegrateAndFire(_Firing):
    """`CurrentIntegrateAndFire` on the host."""

    c: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    current_multiplier: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.current_shift = proc_params["current_shift"]

    def start_sample(self):
        super().start_sample()
        self.c[:] = 0

    def current(self, v):
        self.c[:] = leaked(self.c, self.current_multiplier, self.current_shift) + v
        return self.c
