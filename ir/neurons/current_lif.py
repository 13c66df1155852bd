"""Spiking neurons whose input passes through a leaky current first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape
from snnc.ir.neurons.base import NEURONS, IntegerSite, NeuronModel, State
from snnc.ir.neurons.firing import FixedFiring, FloatFiring, fixed_firing
from snnc.ir.neurons.fixed import (
    check_decay,
    check_leak,
    fixed_leak,
    largest_kept,
    leaked,
    spread,
    wanted_fraction,
)
from snnc.ir.neurons.leaking import FixedLeaking, FloatLeaking, finest, magnitudes


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class CurrentLIF(FloatLeaking, FloatFiring):
    """c = current_decay * c + i;  v = decay * v + c;  k = fire(v);  v = reset(v)

    fire and reset are those of `integrate-fire`. Gains on current and membrane are in the
    weights: both equations are linear.

    Attributes:
        current_decay: share of the current that a frame leaves, as `decay` of the membrane.
    """

    kind: ClassVar[str] = "current-lif"
    per_neuron: ClassVar[tuple[str, ...]] = (*FloatFiring.per_neuron, "decay", "current_decay")

    current_decay: FloatArray

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_decay("current_decay", self.current_decay, shape, axis)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        c = state["c"] * spread(self.current_decay, i, axis) + i
        return {"c": c, "v": self.kept(state["v"], axis) + c}

    def initial_state(self, shape: Shape) -> State:
        return {"c": np.zeros(shape), **super().initial_state(shape)}

    @property
    def forgets(self) -> bool:
        return super().forgets and bool((self.current_decay < 1).all())

    def kept_shares(self) -> Sequence[FloatArray]:
        return *super().kept_shares(), self.current_decay

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The finest membrane that the target's width allows."""
        multiplier, shift = fixed_leak(self.decay, site.limits.leak_bits)
        current_multiplier, current_shift = fixed_leak(self.current_decay, site.limits.leak_bits)

        def made(fraction: int) -> FixedCurrentLIF:
            return FixedCurrentLIF(
                leak_multiplier=multiplier,
                leak_shift=shift,
                current_multiplier=current_multiplier,
                current_shift=current_shift,
                **fixed_firing(self, site, fraction),
            )

        return finest(made, site, wanted_fraction(self.decay, self.current_decay))


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FixedCurrentLIF(FixedLeaking, FixedFiring):
    """c = leak(c) + (i << fraction_bits);  v = leak(v) + c;  k = fire(v);  v = reset(v)

    leak, fire and reset are those of `fixed-integrate-fire`; the current has its own leak.

    Attributes:
        current_multiplier, current_shift: of the current, as `leak_…` of the membrane.
    """

    kind: ClassVar[str] = "fixed-current-lif"
    per_neuron: ClassVar[tuple[str, ...]] = (
        *FixedFiring.per_neuron,
        "leak_multiplier",
        "current_multiplier",
    )

    current_multiplier: IntArray
    current_shift: int

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_leak(self.current_multiplier, self.current_shift, shape, axis)

    def integrate(self, i: Array, state: State, axis: int) -> State:
        multiplier = spread(self.current_multiplier, i, axis)
        c = leaked(state["c"], multiplier, self.current_shift) + (i << self.fraction_bits)
        return {"c": c, "v": self.kept(state["v"], axis) + c}

    def initial_state(self, shape: Shape) -> State:
        return {"c": np.zeros(shape, dtype=np.int64), **super().initial_state(shape)}

    @property
    def forgets(self) -> bool:
        return super().forgets and bool((self.current_multiplier < 2**self.current_shift).all())

    @property
    def spare_bits(self) -> int:
        return max(super().spare_bits, self.current_shift)

    def kept_shares(self) -> Sequence[FloatArray]:
        return *super().kept_shares(), self.current_multiplier / 2.0**self.current_shift

    def state_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        """Of the membrane; the current, whose sum it is, stays within."""
        down, up = (
            largest_kept(
                i, spread(self.current_multiplier, i[None], axis), self.current_shift, n_frames
            )
            for i in magnitudes(i_lo, i_hi, self.fraction_bits)
        )
        deepest, highest = (self.most_kept(c, axis, n_frames) for c in (down, up))
        return self.kept_between(deepest, highest, down, up, axis)
