"""Loihi's own leaky integrate-and-fire neuron, bit for bit as Lava computes it.

Source: lava-nc 0.10.0, `lava/proc/lif/models.py`, `PyLifModelBitAcc` (fixed point), and
`PyLifResetModelBitAcc` for the periodic reset; parameters as lava-dl 0.6.0's netx gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, readonly
from snnc.ir.errors import GraphError, WidthExceeded
from snnc.ir.neurons.base import NEURONS, Bounds, Emission, State
from snnc.ir.neurons.firing import Stateful
from snnc.ir.neurons.fixed import check_per_neuron, largest_kept, leaked, scaled, spread

DECAY_BITS = 12
"""Decays are 12 bits: 0 … 4096 [NL: decayU, decayV; L: decay_shift]."""
ALIGN_BITS = 6
"""Input, bias and threshold enter membranes shifted by this [L: act_shift, vth_shift]."""
LARGEST = 2**23
"""u wraps beyond it, v stops one below it [L: max_uv_val]."""
_KEEP_ALL = 2**DECAY_BITS
_WRAPS_ONCE = 2 * LARGEST
"""More than this in a frame would need a second wrap, which Lava does not do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _LoihiMembrane(Stateful):
    """Current u and membrane v, shared by the neuron that fires and the one that is read.

    Attributes:
        decay_u, decay_v: share of current and membrane that a frame takes away, in 1/4096.
        threshold: the membrane has to pass `threshold << 6`.
        bias: joins the membrane (not the current) in each frame, shifted by 6; for all, each
            channel or each neuron.
        reset_interval: u and v are cleared before every so manieth frame; 0: never.
        reset_offset: first frame in which they are, 0 … reset_interval - 1.
    """

    forms: ClassVar[frozenset[str]] = frozenset({"integer"})
    per_neuron: ClassVar[tuple[str, ...]] = ("bias",)

    decay_u: int
    decay_v: int
    threshold: int
    bias: IntArray = field(default_factory=lambda: np.array(0))
    reset_interval: int = 0
    reset_offset: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", readonly(self.bias, np.int64))

    def validate(self, shape: Shape, axis: int) -> None:
        check_per_neuron("bias", self.bias, shape, axis)
        for name in ("decay_u", "decay_v"):
            if not 0 <= getattr(self, name) <= _KEEP_ALL:
                raise GraphError(f"{name} is 0 … {_KEEP_ALL}, got {getattr(self, name)}")
        if not 0 <= self.threshold <= LARGEST >> ALIGN_BITS:
            raise GraphError(f"the threshold is 0 … {LARGEST >> ALIGN_BITS}, got {self.threshold}")
        if (np.abs(self.bias) > LARGEST >> ALIGN_BITS).any():
            raise GraphError(f"a bias passes {LARGEST >> ALIGN_BITS}")
        if self.reset_interval < 0 or not 0 <= self.reset_offset < max(self.reset_interval, 1):
            raise GraphError(
                f"the offset of a reset lies within its interval, got interval "
                f"{self.reset_interval}, offset {self.reset_offset}"
            )

    def integrate(self, i: Array, state: State, axis: int) -> State:
        u, v = state["u"], state["v"]
        after = dict(state)
        if self.reset_interval:
            stays = state["frame"] % self.reset_interval != self.reset_offset
            u, v = u * stays, v * stays
            after["frame"] = state["frame"] + 1
        u = wrapped(leaked(u, self.kept(self.decay_u), DECAY_BITS) + (i << ALIGN_BITS))
        bias = spread(self.bias, i, axis) << ALIGN_BITS
        v = leaked(v, self.kept(self.decay_v), DECAY_BITS) + u + bias
        return {**after, "u": u, "v": np.clip(v, 1 - LARGEST, LARGEST - 1)}

    def fired(self, state: State) -> Array:
        """Has the membrane passed its threshold?"""
        return state["v"] > self.threshold << ALIGN_BITS

    def settled(self, state: State) -> State:
        """The state after the reset."""
        return {**state, "v": np.where(self.fired(state), 0, state["v"])}

    def initial_state(self, shape: Shape) -> State:
        state: State = {name: np.zeros(shape, dtype=np.int64) for name in ("u", "v")}
        if self.reset_interval:
            state["frame"] = np.zeros(shape, dtype=np.int64)
        return state

    @property
    def forgets(self) -> bool:
        return True

    @property
    def spare_bits(self) -> int:
        return DECAY_BITS

    def kept_within(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> tuple[int, int]:
        """Largest magnitudes of current and membrane: what arrives, or what registers hold."""
        i = np.maximum(np.abs(i_lo), np.abs(i_hi))
        if (i.astype(object) << ALIGN_BITS).max() > _WRAPS_ONCE:
            raise WidthExceeded(
                f"up to {int(i.max())} arrive in a frame: Loihi's current would wrap twice",
                hint="fewer inputs, smaller weights, or smaller graded inputs",
            )
        u = largest_kept(
            scaled(i, ALIGN_BITS), np.array(self.kept(self.decay_u)), DECAY_BITS, n_frames
        )
        bias = np.abs(spread(self.bias, i[None], axis)) << ALIGN_BITS
        u = np.minimum(u, LARGEST - 1)
        v = largest_kept(u + bias, np.array(self.kept(self.decay_v)), DECAY_BITS, n_frames)
        return int(u.max()), min(int(v.max()), LARGEST - 1)

    def kept(self, decay: int) -> IntArray:
        """What a decay leaves, in 1/4096."""
        return np.asarray(_KEEP_ALL - decay)


def wrapped(u: Array) -> Array:
    """A current that passed its register, once around [L: subthr_dynamics]."""
    return np.where(u > LARGEST, u - 2 * LARGEST, np.where(u <= -LARGEST, u + 2 * LARGEST, u))


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiLIF(_LoihiMembrane):
    """u = wrap(leak(u) + (i << 6));  v = clip(leak(v) + u + (bias << 6));  k = v > threshold << 6

    leak(x) is sign(x) * ((|x| * (4096 - decay)) >> 12), wrap that of a 24-bit register, clip to
    ±(2^23 - 1); a spike leaves v = 0. Lava's `LIF` with du = decay_u - 1, bias_exp = 6, and its
    `LIFReset` where there is a reset interval.
    """

    kind: ClassVar[str] = "loihi-lif"

    def fire(self, state: State, axis: int) -> Array:
        return self.fired(state).astype(np.int64)

    def settle(self, state: State, k: Array, axis: int) -> State:
        return {**state, "v": np.where(k != 0, 0, state["v"])}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.zeros_like(i_lo), np.ones_like(i_hi)

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        largest = np.array(max(self.kept_within(i_lo, i_hi, axis, n_frames)))
        return Bounds(*self.out_range(i_lo, i_hi, axis), -largest, largest)


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiReadout(_LoihiMembrane):
    """As `loihi-lif`, but what is passed on is the membrane: k = v after the reset

    What Lava's examples read of a last layer that hardly fires or cannot.
    """

    kind: ClassVar[str] = "loihi-readout"
    emits: ClassVar[Emission] = "value"

    def fire(self, state: State, axis: int) -> Array:
        return np.asarray(self.settled(state)["v"])

    def settle(self, state: State, k: Array, axis: int) -> State:
        return {**state, "v": k}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        worst = self.bounds(i_lo, i_hi, axis, 1)
        return worst.out_lo, worst.out_hi

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        return 1 - LARGEST, LARGEST - 1

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        u, v = self.kept_within(i_lo, i_hi, axis, n_frames)
        low, high = np.full_like(i_lo, -v), np.full_like(i_hi, v)
        return Bounds(low, high, np.array(-max(u, v)), np.array(max(u, v)))
