"""Leaky traces: a sum that fades, passed on as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, readonly
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import NEURONS, Bounds, Emission, IntegerSite, NeuronModel, State
from snnc.ir.neurons.fixed import FRACTION_BITS, fixed_leak, wanted_fraction
from snnc.ir.neurons.leaking import FixedLeaking, FloatLeaking, finest, magnitudes


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Trace(FloatLeaking):
    """v = decay * v + i;  k = v

    A leaky integrator that does not fire: synaptic traces, leaky readouts.
    """

    kind: ClassVar[str] = "trace"
    emits: ClassVar[Emission] = "value"
    forms: ClassVar[frozenset[str]] = frozenset({"float"})
    per_neuron: ClassVar[tuple[str, ...]] = ("decay",)
    step_is_free: ClassVar[bool] = True
    emission_bits: ClassVar[int] = FRACTION_BITS

    decay: FloatArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay", readonly(self.decay, np.float64))

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": self.leak(state["v"], axis) + i}

    def fire(self, state: State, axis: int) -> Array:
        return state["v"]

    def settle(self, state: State, k: Array, axis: int) -> State:
        # what was passed on is the trace itself, whoever computed it
        return {"v": k}

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape)}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.minimum(i_lo, 0), np.maximum(i_hi, 0)

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The finest trace that the target's width allows; it emits with `emission_bits`."""
        multiplier, shift = fixed_leak(self.decay, site.limits.leak_bits)

        def made(fraction: int) -> FixedTrace:
            return FixedTrace(
                leak_multiplier=multiplier,
                leak_shift=shift,
                fraction_bits=fraction,
                out_shift=fraction - self.emission_bits,
            )

        return finest(made, site, wanted_fraction(self.decay), self.emission_bits)


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FixedTrace(FixedLeaking):
    """v = leak(v) + (i << fraction_bits);  k = (v + 2^(out_shift - 1)) >> out_shift

    leak is that of `fixed-integrate-fire`; what is passed on is rounded to the nearest, ties up
    (k = v where out_shift is 0).

    Attributes:
        fraction_bits: of the trace.
        out_shift: of them, those that are not passed on.
    """

    kind: ClassVar[str] = "fixed-trace"
    emits: ClassVar[Emission] = "value"
    forms: ClassVar[frozenset[str]] = frozenset({"integer"})
    per_neuron: ClassVar[tuple[str, ...]] = ("leak_multiplier",)

    leak_multiplier: IntArray
    leak_shift: int
    fraction_bits: int = 0
    out_shift: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "leak_multiplier", readonly(self.leak_multiplier, np.int64))

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        if not 0 <= self.out_shift <= self.fraction_bits <= 32:
            raise GraphError(
                f"a trace has 0 … 32 fraction bits and passes some of them on, got "
                f"fraction_bits {self.fraction_bits}, out_shift {self.out_shift}"
            )

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": self.leak(state["v"], axis) + (i << self.fraction_bits)}

    def fire(self, state: State, axis: int) -> Array:
        return self._passed_on(state["v"])

    def settle(self, state: State, k: Array, axis: int) -> State:
        return state

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape, dtype=np.int64)}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        worst = self.bounds(i_lo, i_hi, axis, 1)
        return worst.out_lo, worst.out_hi

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        low, high = self.state_between(i_lo, i_hi, axis, n_frames)
        return Bounds(self._passed_on(low), self._passed_on(high), low, high)

    def state_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        down, up = magnitudes(i_lo, i_hi, self.fraction_bits)
        return -self.most_kept(down, axis, n_frames), self.most_kept(up, axis, n_frames)

    def _passed_on(self, v: Array) -> Array:
        half = (1 << self.out_shift) >> 1
        return (v + half) >> self.out_shift
