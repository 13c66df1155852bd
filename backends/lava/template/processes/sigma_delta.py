"""Sigma-delta neurons, once a frame."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.leak import array
from processes.population import Population, PyPopulation

LARGEST = 2**23 - 1


def checked(values, largest=LARGEST):
    """The values; an error where they pass Loihi's 24 bits."""
    if np.abs(values).max(initial=0) > largest:
        raise OverflowError("a sigma-delta neuron passes 24 bits: smaller inputs are needed")
    return values


class Sigma(Population):
    """sigma = sigma + v, which is what leaves; v is the frame's input.

    Args:
        frames_per_sample: after so many frames all state starts again.
    """

    def __init__(self, *, frames_per_sample, parameters=None, **population) -> None:
        own = {"frames_per_sample": frames_per_sample}
        super().__init__(parameters={**own, **(parameters or {})}, **population)
        self.sigma = Var(shape=self.v.shape, init=0)


class _Summing(PyPopulation):
    sigma: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.frames_per_sample = proc_params["frames_per_sample"]

    def begins(self):
        return self.clock.frame(self.time_step) % self.frames_per_sample == 0

    def add(self, v):
        if self.begins():
            self.sigma[:] = 0
        self.sigma[:] = checked(self.sigma + checked(v.astype(np.int64)))


@implements(proc=Sigma, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySigma(_Summing):
    """`Sigma` on the host."""

    def latch(self, v):
        self.add(v)
        return self.sigma


class SigmaDelta(Sigma):
    """What leaves is a change: d >> state_exp with d = act - sent, 0 where |d| < threshold.

    act = max(0, sigma + bias); sent is the sum of all d; threshold and bias are shifted by
    spike_exp + state_exp: Lava's own `SigmaDelta`, run once a frame. Where `encodes` is true,
    act = v << (spike_exp + state_exp): Lava's `Delta`.

    Args:
        threshold, spike_exp, state_exp, activation_bias: as Lava's.
        encodes: the frame's input itself is the activation.
    """

    def __init__(
        self, *, threshold, spike_exp, state_exp, activation_bias, encodes, **more
    ) -> None:
        own = {
            "threshold": threshold,
            "state_exp": state_exp,
            "shift": spike_exp + state_exp,
            "encodes": encodes,
        }
        super().__init__(parameters=own, **more)
        values = array(activation_bias)
        self.sent = Var(shape=self.v.shape, init=0)
        self.activation_bias = Var(shape=values.shape, init=values)


@implements(proc=SigmaDelta, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySigmaDelta(_Summing):
    """`SigmaDelta` on the host."""

    sent: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    activation_bias: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        for name in ("threshold", "state_exp", "shift", "encodes"):
            setattr(self, name, proc_params[name])

    def latch(self, v):
        if self.begins():
            self.sent[:] = 0
        change = self.activation(v) - self.sent
        change = np.where(np.abs(change) >= self.threshold << self.shift, change, 0)
        self.sent[:] += change.astype(np.int32)
        return change >> self.state_exp

    def activation(self, v):
        if self.encodes:
            return checked(v.astype(np.int64), LARGEST >> self.shift) << self.shift
        self.add(v)
        bias = self.activation_bias.astype(np.int64) << self.shift
        return checked(np.maximum(self.sigma + bias, 0))
