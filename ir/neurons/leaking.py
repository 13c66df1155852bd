"""What neurons whose membrane leaks share: how it leaks, and how large it gets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, Shape, bits
from snnc.ir.neurons.base import Bounds, IntegerSite
from snnc.ir.neurons.firing import Stateful
from snnc.ir.neurons.fixed import check_decay, check_leak, largest_kept, leaked, scaled, spread


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatLeaking(Stateful):
    """leak(v) = decay * v

    Attributes:
        decay: share of the membrane that a frame leaves; for all, each channel or each neuron.
    """

    decay: FloatArray = field(default_factory=lambda: np.array(1.0))

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_decay("decay", self.decay, shape, axis)

    def leak(self, v: Array, axis: int) -> Array:
        """What a frame leaves of the membrane, shape (N, *shape)."""
        return v * spread(self.decay, v, axis)

    @property
    def forgets(self) -> bool:
        return bool((self.decay < 1).all())

    def kept_shares(self) -> Sequence[FloatArray]:
        return (self.decay,)


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedLeaking(Stateful):
    """leak(v) = sign(v) * ((|v| * leak_multiplier) >> leak_shift)

    Attributes:
        leak_multiplier: kept fraction of the membrane times 2^leak_shift; for all, each channel
            or each neuron.
        leak_shift: fraction bits of the multiplier; 0 with multiplier 1 keeps all.
    """

    leak_multiplier: IntArray = field(default_factory=lambda: np.array(1))
    leak_shift: int = 0

    @abstractmethod
    def state_between(
        self, i_lo: Array, i_hi: Array, axis: int, n_frames: int
    ) -> tuple[Array, Array]:
        """Bounds of all that is kept, where each of `n_frames` brings between `i_lo` and `i_hi`."""

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        check_leak(self.leak_multiplier, self.leak_shift, shape, axis)

    def leak(self, v: Array, axis: int) -> Array:
        """What a frame leaves of the membrane, shape (N, *shape)."""
        multiplier = spread(self.leak_multiplier, v, axis)
        return leaked(v, multiplier, self.leak_shift) if self.leak_shift else v * multiplier

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
        return Bounds(low, high, *self.state_between(i_lo, i_hi, axis, n_frames))

    def fits(self, site: IntegerSite) -> bool:
        """Does what is kept fit the target's width?"""
        width = site.limits.membrane_bits
        spread_lo, spread_hi = site.along(site.i_lo), site.along(site.i_hi)
        low, high = self.state_between(spread_lo, spread_hi, site.axis, site.n_frames)
        return width is None or bits(int(low.min()), int(high.max())) <= width

    def most_kept(self, sizes: Array, axis: int, n_frames: int) -> Array:
        """The largest magnitude that inputs of magnitude `sizes` can leave, shape (*shape)."""
        multiplier = spread(self.leak_multiplier, sizes[None], axis)
        return largest_kept(sizes, multiplier, self.leak_shift, n_frames)


Fixed = TypeVar("Fixed", bound=FixedLeaking)


def finest(made: Callable[[int], Fixed], site: IntegerSite, most: int, least: int = 0) -> Fixed:
    """The model with the most fraction bits that fits the target; with `least` if none does.

    Args:
        made: the model with so many fraction bits.
    """
    fitting = (m for m in map(made, range(most, least, -1)) if m.fits(site))
    return next(fitting, None) or made(least)


def magnitudes(i_lo: Array, i_hi: Array, fraction: int) -> tuple[Array, Array]:
    """How far one frame's input reaches down and up, in units of 2^-fraction."""
    return scaled(np.maximum(-i_lo, 0), fraction), scaled(np.maximum(i_hi, 0), fraction)
