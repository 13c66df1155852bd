"""Leaky traces: a sum that fades, passed on as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, bits, readonly
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import NEURONS, Bounds, Emission, IntegerSite, NeuronModel, State
from snnc.ir.neurons.firing import Stateful
from snnc.ir.neurons.fixed import (
    FRACTION_BITS,
    check_decay,
    check_leak,
    fixed_leak,
    largest_kept,
    leaked,
    scaled,
    spread,
    wanted_fraction,
)


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Trace(Stateful):
    """v = decay * v + i;  k = v

    A leaky integrator that does not fire: synaptic traces, leaky readouts.

    Attributes:
        decay: share of the trace that a frame leaves; for all, each channel or each neuron.
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

    def validate(self, shape: Shape, axis: int) -> None:
        check_decay("decay", self.decay, shape, axis)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": state["v"] * spread(self.decay, i, axis) + i}

    def fire(self, state: State, axis: int) -> Array:
        return state["v"]

    def settle(self, state: State, k: Array, axis: int) -> State:
        # what was passed on is the trace itself, whoever computed it
        return {"v": k}

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape)}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.minimum(i_lo, 0), np.maximum(i_hi, 0)

    @property
    def forgets(self) -> bool:
        return bool((self.decay < 1).all())

    def kept_shares(self) -> Sequence[FloatArray]:
        return (self.decay,)

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The finest trace that the target's width allows; it emits with `emission_bits`."""
        multiplier, shift = fixed_leak(self.decay, site.limits.leak_bits)
        for fraction in range(wanted_fraction(self.decay), self.emission_bits - 1, -1):
            found = FixedTrace(
                leak_multiplier=multiplier,
                leak_shift=shift,
                fraction_bits=fraction,
                out_shift=fraction - self.emission_bits,
            )
            if found.fits(site):
                break
        return found


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FixedTrace(Stateful):
    """v = leak(v) + (i << fraction_bits);  k = (v + 2^(out_shift - 1)) >> out_shift

    leak(v) is sign(v) * ((|v| * leak_multiplier) >> leak_shift); what is passed on is rounded to
    the nearest, ties up (k = v where out_shift is 0).

    Attributes:
        leak_multiplier: kept fraction of the trace times 2^leak_shift; for all, each channel or
            each neuron.
        leak_shift: fraction bits of the multiplier.
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
        check_leak(self.leak_multiplier, self.leak_shift, shape, axis)
        if not 0 <= self.out_shift <= self.fraction_bits <= 32:
            raise GraphError(
                f"a trace has 0 … 32 fraction bits and passes some of them on, got "
                f"fraction_bits {self.fraction_bits}, out_shift {self.out_shift}"
            )

    def integrate(self, i: Array, state: State, axis: int) -> State:
        multiplier = spread(self.leak_multiplier, i, axis)
        return {"v": leaked(state["v"], multiplier, self.leak_shift) + (i << self.fraction_bits)}

    def fire(self, state: State, axis: int) -> Array:
        return self._passed_on(state["v"])

    def settle(self, state: State, k: Array, axis: int) -> State:
        return state

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape, dtype=np.int64)}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        worst = self.bounds(i_lo, i_hi, axis, 1)
        return worst.out_lo, worst.out_hi

    @property
    def forgets(self) -> bool:
        return bool((self.leak_multiplier < 2**self.leak_shift).all())

    @property
    def spare_bits(self) -> int:
        return self.leak_shift

    def kept_shares(self) -> Sequence[FloatArray]:
        return (self.leak_multiplier / 2.0**self.leak_shift,)

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        low, high = self._kept_between(i_lo, i_hi, axis, n_frames)
        return Bounds(self._passed_on(low), self._passed_on(high), low, high)

    def fits(self, site: IntegerSite) -> bool:
        """Do trace and payload fit the target's width?"""
        low, high = self._kept_between(
            site.along(site.i_lo), site.along(site.i_hi), site.axis, site.n_frames
        )
        width = site.limits.membrane_bits
        return width is None or bits(int(low.min()), int(high.max())) <= width

    def _kept_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        multiplier = spread(self.leak_multiplier, i_lo[None], axis)
        down, up = (
            largest_kept(
                scaled(np.maximum(i, 0), self.fraction_bits), multiplier, self.leak_shift, n_frames
            )
            for i in (-i_lo, i_hi)
        )
        return -down, up

    def _passed_on(self, v: Array) -> Array:
        half = (1 << self.out_shift) >> 1
        return (v + half) >> self.out_shift
