"""Spiking neurons with a membrane that lives across frames: IF, LIF, I-LIF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, bits, readonly
from snnc.ir.neurons.base import NEURONS, Bounds, IntegerSite, NeuronModel, State
from snnc.ir.neurons.firing import FixedFiring, FloatFiring, fixed_firing
from snnc.ir.neurons.fixed import (
    check_decay,
    check_leak,
    fine_units,
    fixed_leak,
    is_exact,
    largest_kept,
    leaked,
    scaled,
    spread,
    wanted_fraction,
)


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class IntegrateFire(FloatFiring):
    """v = decay * v + i;  k = fire(v);  v = v - threshold * k  (or to reset_value where k != 0)

    fire(v) is v >= threshold (binary), or round(v / threshold) between lo and hi (I-LIF). What is
    left is v_min at least. With reset_before the second frame's v = decay * v - threshold * k + i.
    A gain on the input is in its weights.

    Attributes:
        decay: share of the membrane that a frame leaves; for all, each channel or each neuron.
    """

    kind: ClassVar[str] = "integrate-fire"
    per_neuron: ClassVar[tuple[str, ...]] = (*FloatFiring.per_neuron, "decay")

    decay: FloatArray = field(default_factory=lambda: np.array(1.0))

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_decay("decay", self.decay, shape, axis)

    def leak(self, v: Array, axis: int) -> Array:
        return v * spread(self.decay, v, axis)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": self.kept(state["v"], axis) + i}

    @property
    def forgets(self) -> bool:
        return bool((self.decay < 1).all())

    def kept_shares(self) -> Sequence[FloatArray]:
        return (self.decay,)

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The finest membrane that the target's width allows, and no finer than it pays."""
        multiplier, shift = fixed_leak(self.decay, site.limits.leak_bits)
        wanted = wanted_fraction(self.decay)
        if self.decay.min() == 1:  # nothing is rounded but the threshold
            exact = (is_exact(fine_units(self.threshold, site) * 2.0**f) for f in range(wanted))
            wanted = next((f for f, fits in enumerate(exact) if fits), wanted)
        for fraction in range(wanted, -1, -1):
            found = FixedIntegrateFire(
                leak_multiplier=multiplier,
                leak_shift=shift,
                **fixed_firing(self, site, fraction),
            )
            if found.fits(site):
                break
        return found


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FixedIntegrateFire(FixedFiring):
    """v = leak(v) + (i << fraction_bits);  k = lo + #{j : v >= thresholds[..., j]};  v = reset(v)

    reset(v) is v - reset_step * k, or reset_value where k != 0, or v, and v_min at least; leak(v)
    is sign(v) * ((|v| * leak_multiplier) >> leak_shift). With reset_before the membrane leaks
    first: v = leak(v) - reset_step * k.

    Attributes:
        leak_multiplier: kept fraction of the membrane times 2^leak_shift; for all, each channel
            or each neuron.
        leak_shift: fraction bits of the multiplier; 0 with multiplier 1 keeps all.
    """

    kind: ClassVar[str] = "fixed-integrate-fire"
    per_neuron: ClassVar[tuple[str, ...]] = (*FixedFiring.per_neuron, "leak_multiplier")

    leak_multiplier: IntArray = field(default_factory=lambda: np.array(1))
    leak_shift: int = 0

    @classmethod
    def binary(cls, threshold: Array | int, *, strict: bool = False, **more: object) -> Self:
        """Spikes of 0 or 1 at one threshold, which a reset subtracts."""
        level = readonly(threshold, np.int64)
        return cls(thresholds=level[..., None] + strict, reset_step=level, **more)  # type: ignore[arg-type]

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_leak(self.leak_multiplier, self.leak_shift, shape, axis)

    def leak(self, v: Array, axis: int) -> Array:
        if not self.leak_shift:
            return v * spread(self.leak_multiplier, v, axis)
        return leaked(v, spread(self.leak_multiplier, v, axis), self.leak_shift)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": self.kept(state["v"], axis) + (i << self.fraction_bits)}

    @property
    def forgets(self) -> bool:
        return bool((self.leak_multiplier < 2**self.leak_shift).all())

    @property
    def spare_bits(self) -> int:
        return self.leak_shift

    def kept_shares(self) -> Sequence[FloatArray]:
        return (self.leak_multiplier / 2.0**self.leak_shift,)

    def bounds(self, i_lo: Array, i_hi: Array, axis: int, n_frames: int) -> Bounds:
        low, high = self.out_range(i_lo, i_hi, axis)
        return Bounds(low, high, *self._kept_between(i_lo, i_hi, axis, n_frames))

    def fits(self, site: IntegerSite) -> bool:
        """Does the membrane fit the target's width?"""
        width = site.limits.membrane_bits
        spread_lo, spread_hi = site.along(site.i_lo), site.along(site.i_hi)
        low, high = self._kept_between(spread_lo, spread_hi, site.axis, site.n_frames)
        return width is None or bits(int(low.min()), int(high.max())) <= width

    def _kept_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        multiplier = spread(self.leak_multiplier, i_lo[None], axis)
        down, up = (
            scaled(x, self.fraction_bits) for x in (np.maximum(-i_lo, 0), np.maximum(i_hi, 0))
        )
        deepest = largest_kept(down, multiplier, self.leak_shift, n_frames)
        highest = largest_kept(up, multiplier, self.leak_shift, n_frames)
        return self.kept_between(deepest, highest, down, up, axis)
