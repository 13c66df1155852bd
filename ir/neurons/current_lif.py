"""Spiking neurons whose input passes through a leaky current first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, bits
from snnc.ir.neurons.base import NEURONS, Bounds, IntegerSite, NeuronModel, State
from snnc.ir.neurons.firing import FixedFiring, FloatFiring, fixed_firing
from snnc.ir.neurons.fixed import (
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
class CurrentLIF(FloatFiring):
    """c = current_decay * c + i;  v = decay * v + c;  k = fire(v);  v = reset(v)

    fire and reset are those of `integrate-fire`. Gains on current and membrane are in the
    weights: both equations are linear.

    Attributes:
        decay: share of the membrane that a frame leaves; for all, each channel or each neuron.
        current_decay: share of the current that a frame leaves, likewise.
    """

    kind: ClassVar[str] = "current-lif"
    per_neuron: ClassVar[tuple[str, ...]] = (*FloatFiring.per_neuron, "decay", "current_decay")

    decay: FloatArray = field(default_factory=lambda: np.array(1.0))
    current_decay: FloatArray

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_decay("decay", self.decay, shape, axis)
        check_decay("current_decay", self.current_decay, shape, axis)

    def leak(self, v: Array, axis: int) -> Array:
        return v * spread(self.decay, v, axis)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        c = state["c"] * spread(self.current_decay, i, axis) + i
        return {"c": c, "v": self.kept(state["v"], axis) + c}

    def initial_state(self, shape: Shape) -> State:
        return {"c": np.zeros(shape), **super().initial_state(shape)}

    @property
    def forgets(self) -> bool:
        return bool((self.decay < 1).all() and (self.current_decay < 1).all())

    def kept_shares(self) -> Sequence[FloatArray]:
        return self.decay, self.current_decay

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The finest membrane that the target's width allows."""
        multiplier, shift = fixed_leak(self.decay, site.limits.leak_bits)
        current_multiplier, current_shift = fixed_leak(self.current_decay, site.limits.leak_bits)
        for fraction in range(wanted_fraction(self.decay, self.current_decay), -1, -1):
            found = FixedCurrentLIF(
                leak_multiplier=multiplier,
                leak_shift=shift,
                current_multiplier=current_multiplier,
                current_shift=current_shift,
                **fixed_firing(self, site, fraction),
            )
            if found.fits(site):
                break
        return found


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FixedCurrentLIF(FixedFiring):
    """c = leak(c) + (i << fraction_bits);  v = leak(v) + c;  k = fire(v);  v = reset(v)

    leak, fire and reset are those of `fixed-integrate-fire`; the current has its own leak.

    Attributes:
        leak_multiplier, leak_shift: of the membrane.
        current_multiplier, current_shift: of the current.
    """

    kind: ClassVar[str] = "fixed-current-lif"
    per_neuron: ClassVar[tuple[str, ...]] = (
        *FixedFiring.per_neuron,
        "leak_multiplier",
        "current_multiplier",
    )

    leak_multiplier: IntArray = field(default_factory=lambda: np.array(1))
    leak_shift: int = 0
    current_multiplier: IntArray
    current_shift: int

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_leak(self.leak_multiplier, self.leak_shift, shape, axis)
        check_leak(self.current_multiplier, self.current_shift, shape, axis)

    def leak(self, v: Array, axis: int) -> Array:
        return leaked(v, spread(self.leak_multiplier, v, axis), self.leak_shift)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        multiplier = spread(self.current_multiplier, i, axis)
        c = leaked(state["c"], multiplier, self.current_shift) + (i << self.fraction_bits)
        return {"c": c, "v": self.kept(state["v"], axis) + c}

    def initial_state(self, shape: Shape) -> State:
        return {"c": np.zeros(shape, dtype=np.int64), **super().initial_state(shape)}

    @property
    def forgets(self) -> bool:
        leaks = (
            (self.leak_multiplier, self.leak_shift),
            (self.current_multiplier, self.current_shift),
        )
        return all(bool((m < 2**shift).all()) for m, shift in leaks)

    @property
    def spare_bits(self) -> int:
        return max(self.leak_shift, self.current_shift)

    def kept_shares(self) -> Sequence[FloatArray]:
        return (
            self.leak_multiplier / 2.0**self.leak_shift,
            self.current_multiplier / 2.0**self.current_shift,
        )

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        low, high = self.out_range(i_lo, i_hi, axis)
        return Bounds(low, high, *self._kept_between(i_lo, i_hi, axis, n_frames))

    def fits(self, site: IntegerSite) -> bool:
        """Do current and membrane fit the target's width?"""
        width = site.limits.membrane_bits
        spread_lo, spread_hi = site.along(site.i_lo), site.along(site.i_hi)
        low, high = self._kept_between(spread_lo, spread_hi, site.axis, site.n_frames)
        return width is None or bits(int(low.min()), int(high.max())) <= width

    def _kept_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        """Of the membrane; the current, whose sum it is, stays within."""
        sizes = []
        for i in (np.maximum(-i_lo, 0), np.maximum(i_hi, 0)):
            by_current = spread(self.current_multiplier, i[None], axis)
            by_membrane = spread(self.leak_multiplier, i[None], axis)
            c = largest_kept(
                scaled(i, self.fraction_bits), by_current, self.current_shift, n_frames
            )
            sizes.append((largest_kept(c, by_membrane, self.leak_shift, n_frames), c))
        (deepest, down), (highest, up) = sizes
        return self.kept_between(deepest, highest, down, up, axis)
