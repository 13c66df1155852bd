"""Loihi's leaky integrate-and-fire neuron, once a frame."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from processes.leak import array, leaked
from processes.population import Population, PyPopulation

ALIGN_BITS = 6
DECAY_BITS = 12
LARGEST = 2**23


class LoihiLIF(Population):
    """u = wrap(leak(u) + (v << 6));  w = clip(leak(w) + u + (bias << 6));  count = w > vth << 6

    v is the frame's input, w the membrane across frames, and a spike leaves w = 0: Lava's own
    `LIF` (du = decay_u - 1, dv = decay_v, bias_exp = 6), run once a frame instead of once a tick.

    Args:
        decay_u, decay_v: share of u and w that a frame takes away, in 1/4096.
        vth: the threshold before it is shifted.
        membrane_bias: a number or an array broadcastable to the shape.
        readout: what leaves is w instead of spikes.
        reset_interval, reset_offset: frames of a sample in which u and w start again.
        frames_per_sample: after so many frames they start again, too.
    """

    def __init__(
        self,
        *,
        decay_u,
        decay_v,
        vth,
        membrane_bias,
        readout,
        reset_interval,
        reset_offset,
        frames_per_sample,
        **population,
    ) -> None:
        parameters = {
            "decay_u": decay_u,
            "decay_v": decay_v,
            "vth": vth,
            "readout": readout,
            "resets": (reset_interval or frames_per_sample, reset_offset),
            "frames_per_sample": frames_per_sample,
        }
        super().__init__(parameters=parameters, **population)
        values = array(membrane_bias)
        self.u = Var(shape=self.v.shape, init=0)
        self.w = Var(shape=self.v.shape, init=0)
        self.membrane_bias = Var(shape=values.shape, init=values)


@implements(proc=LoihiLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLoihiLIF(PyPopulation):
    """`LoihiLIF` on the host."""

    u: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    w: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
    membrane_bias: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        for name in ("decay_u", "decay_v", "vth", "readout", "frames_per_sample"):
            setattr(self, name, proc_params[name])
        self.interval, self.offset = proc_params["resets"]

    def latch(self, v):
        frame = self.clock.frame(self.time_step) % self.frames_per_sample
        if frame == 0 or frame % self.interval == self.offset:
            self.u[:] = 0
            self.w[:] = 0
        u = self.leak(self.u, self.decay_u) + (v.astype(np.int64) << ALIGN_BITS)
        u[u > LARGEST] -= 2 * LARGEST
        u[u <= -LARGEST] += 2 * LARGEST
        self.u[:] = u
        w = self.leak(self.w, self.decay_v) + u + (self.membrane_bias << ALIGN_BITS)
        w = np.clip(w, 1 - LARGEST, LARGEST - 1)
        spikes = w > self.vth << ALIGN_BITS
        self.w[:] = np.where(spikes, 0, w)
        return self.w if self.readout else spikes.astype(np.int32)

    def leak(self, state, decay):
        return leaked(state, (1 << DECAY_BITS) - decay, DECAY_BITS)
