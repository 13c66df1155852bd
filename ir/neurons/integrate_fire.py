"""Spiking neurons with a membrane that lives across frames: IF, LIF, I-LIF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from snnc.ir.arrays import Array, readonly
from snnc.ir.neurons.base import NEURONS, IntegerSite, NeuronModel, State
from snnc.ir.neurons.firing import FixedFiring, FloatFiring, fixed_firing
from snnc.ir.neurons.fixed import fine_units, fixed_leak, is_exact, wanted_fraction
from snnc.ir.neurons.leaking import FixedLeaking, FloatLeaking, finest, magnitudes


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class IntegrateFire(FloatLeaking, FloatFiring):
    """v = decay * v + i;  k = fire(v);  v = v - threshold * k  (or to reset_value where k != 0)

    fire(v) is v >= threshold (binary), or round(v / threshold) between lo and hi (I-LIF). What is
    left is v_min at least. With reset_before the second frame's v = decay * v - threshold * k + i.
    A gain on the input is in its weights.
    """

    kind: ClassVar[str] = "integrate-fire"
    per_neuron: ClassVar[tuple[str, ...]] = (*FloatFiring.per_neuron, "decay")

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": self.kept(state["v"], axis) + i}

    def integer_form(self, site: IntegerSite) -> NeuronModel:
        """The finest membrane that the target's width allows, and no finer than it pays."""
        multiplier, shift = fixed_leak(self.decay, site.limits.leak_bits)
        wanted = wanted_fraction(self.decay)
        if self.decay.min() == 1:  # nothing is rounded but the threshold
            exact = (is_exact(fine_units(self.threshold, site) * 2.0**f) for f in range(wanted))
            wanted = next((f for f, fits in enumerate(exact) if fits), wanted)

        def made(fraction: int) -> FixedIntegrateFire:
            return FixedIntegrateFire(
                leak_multiplier=multiplier, leak_shift=shift, **fixed_firing(self, site, fraction)
            )

        return finest(made, site, wanted)


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FixedIntegrateFire(FixedLeaking, FixedFiring):
    """v = leak(v) + (i << fraction_bits);  k = lo + #{j : v >= thresholds[..., j]};  v = reset(v)

    reset(v) is v - reset_step * k, or reset_value where k != 0, or v, and v_min at least; leak(v)
    is sign(v) * ((|v| * leak_multiplier) >> leak_shift). With reset_before the membrane leaks
    first: v = leak(v) - reset_step * k.
    """

    kind: ClassVar[str] = "fixed-integrate-fire"
    per_neuron: ClassVar[tuple[str, ...]] = (*FixedFiring.per_neuron, "leak_multiplier")

    @classmethod
    def binary(cls, threshold: Array | int, *, strict: bool = False, **more: object) -> Self:
        """Spikes of 0 or 1 at one threshold, which a reset subtracts."""
        level = readonly(threshold, np.int64)
        return cls(thresholds=level[..., None] + strict, reset_step=level, **more)  # type: ignore[arg-type]

    def integrate(self, i: Array, state: State, axis: int) -> State:
        return {"v": self.kept(state["v"], axis) + (i << self.fraction_bits)}

    def state_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        down, up = magnitudes(i_lo, i_hi, self.fraction_bits)
        deepest, highest = (self.most_kept(x, axis, n_frames) for x in (down, up))
        return self.kept_between(deepest, highest, down, up, axis)
