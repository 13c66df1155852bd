"""Lava's sigma-delta neurons: changes travel, and only those that reach a threshold.

Source: lava-nc 0.10.0, `lava/proc/sdn/models.py` (fixed point), parameters as lava-dl 0.6.0's netx
gives them. Lava keeps the last activation and a residue; their difference, what receivers have
been sent so far, is all that matters: delta = act - sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, readonly
from snnc.ir.errors import GraphError, StateExceeded
from snnc.ir.neurons.base import NEURONS, Bounds, Emission, NeuronModel, State
from snnc.ir.neurons.firing import Stateful
from snnc.ir.neurons.fixed import check_per_neuron, spread

STATE_BITS = 24
"""Width of sigma and activation on Loihi 2 [L: LavaPyType(..., precision=24)]."""
LARGEST = 2 ** (STATE_BITS - 1) - 1
CHECKED = "what arrives", "the sum of all that arrived", "the activation"
"""What runs check, in this order."""
ARRIVED, SUMMED, ACTIVE = CHECKED


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sending(Stateful):
    """What both neurons share: they send a change where it is large enough.

    Attributes:
        threshold: smallest change that is sent, in units of the input of a `delta` neuron.
        spike_exp: fraction bits of what is sent.
        state_exp: fraction bits of the state beyond those.
    """

    emits: ClassVar[Emission] = "value"
    forms: ClassVar[frozenset[str]] = frozenset({"integer"})

    threshold: int
    spike_exp: int = 6
    state_exp: int = 6

    @property
    def fraction_bits(self) -> int:
        """Of the state."""
        return self.spike_exp + self.state_exp

    def validate(self, shape: Shape, axis: int) -> None:
        if self.threshold < 0 or self.threshold << self.fraction_bits > LARGEST:
            raise GraphError(f"a change of {self.threshold} is never, or always, reached")
        if not (0 <= self.spike_exp <= 7 and 0 <= self.state_exp <= 7):  # 3 bits each [L]
            raise GraphError(
                f"spike_exp and state_exp are 0 … 7, got {self.spike_exp} and {self.state_exp}"
            )

    def change(self, activation: Array, state: State) -> Array:
        """What is sent of an activation, shifted by state_exp."""
        delta = activation - state["sent"]
        return np.where(np.abs(delta) >= self.threshold << self.fraction_bits, delta, 0)

    def fire(self, state: State, axis: int) -> Array:
        return np.asarray(state["change"] >> self.state_exp)

    def settle(self, state: State, k: Array, axis: int) -> State:
        kept = {**state, "sent": state["sent"] + state["change"]}
        del kept["change"]
        return kept

    @property
    def forgets(self) -> bool:
        return True

    @property
    def checked_bits(self) -> int | None:
        return STATE_BITS

    def _most(self) -> int:
        """Largest change between two activations within the checked width."""
        return (2 * LARGEST >> self.state_exp) + 1

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        return -self._most(), self._most()

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        most = self._most()
        return np.full_like(i_lo, -most), np.full_like(i_hi, most)

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        low, high = self.out_range(i_lo, i_hi, axis)
        return Bounds(low, high, np.array(-LARGEST - 1), np.array(LARGEST))


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Delta(_Sending):
    """d = (i << fraction) - sent, or 0 where |d| < threshold;  k = d >> state_exp;  sent = sent + d

    An input that tells its changes; fraction is spike_exp + state_exp, by which the threshold is
    shifted, too.
    """

    kind: ClassVar[str] = "delta-encoder"

    def integrate(self, i: Array, state: State, axis: int) -> State:
        x = checked(ARRIVED, i, LARGEST >> self.fraction_bits) << self.fraction_bits
        return {**state, "change": self.change(x, state)}

    def initial_state(self, shape: Shape) -> State:
        return {"sent": np.zeros(shape, dtype=np.int64)}


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class SigmaDelta(_Sending):
    """s = s + i;  d = max(0, s + bias) - sent, or 0 where |d| < threshold;  k = d >> state_exp

    Then sent = sent + d; bias and threshold are shifted by spike_exp + state_exp. The sum s has
    no leak: a run in which it, or the activation, passes 24 bits stops with an error.

    Attributes:
        bias: for all, each channel or each neuron.
    """

    kind: ClassVar[str] = "sigma-delta"
    per_neuron: ClassVar[tuple[str, ...]] = ("bias",)

    bias: IntArray = field(default_factory=lambda: np.array(0))

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", readonly(self.bias, np.int64))

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_per_neuron("bias", self.bias, shape, axis)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        s = state["s"] + checked(ARRIVED, i, LARGEST)
        checked(SUMMED, s, LARGEST)
        bias = spread(self.bias, s, axis) << self.fraction_bits
        activation = checked(ACTIVE, np.maximum(s + bias, 0), LARGEST)
        return {"s": s, "sent": state["sent"], "change": self.change(activation, state)}

    def initial_state(self, shape: Shape) -> State:
        return {name: np.zeros(shape, dtype=np.int64) for name in ("s", "sent")}


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Sigma(NeuronModel):
    """s = s + i;  k = s

    What sigma-delta neurons told of their changes, summed up; checked as theirs.
    """

    kind: ClassVar[str] = "sigma"
    emits: ClassVar[Emission] = "value"
    forms: ClassVar[frozenset[str]] = frozenset({"integer"})

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        s = checked(SUMMED, state["s"] + i, LARGEST)
        return s, {"s": s}

    def initial_state(self, shape: Shape) -> State:
        return {"s": np.zeros(shape, dtype=np.int64)}

    @property
    def forgets(self) -> bool:
        return True

    @property
    def checked_bits(self) -> int | None:
        return STATE_BITS

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.full_like(i_lo, -LARGEST), np.full_like(i_hi, LARGEST)

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        low, high = self.out_range(i_lo, i_hi, axis)
        return Bounds(low, high, low, high)


def checked(what: str, values: Array, largest: int) -> Array:
    """The values.

    Raises:
        StateExceeded: one of them passes the width.
    """
    found = int(np.abs(values).max(initial=0))
    if found > largest:
        raise too_large(what, found)
    return values


def too_large(what: str, found: int, where: str | None = None) -> StateExceeded:
    """The error of a value that passes the width."""
    return StateExceeded(
        f"{what} reaches {found}, sigma-delta neurons hold {STATE_BITS} bits",
        where=where,
        hint="smaller inputs",
    )
