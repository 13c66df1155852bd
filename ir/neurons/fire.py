"""The integer activation: float rule and integer staircase."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, along, readonly
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import NEURONS, NeuronModel, State
from snnc.ir.rules import FireRule


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class FloatFire(NeuronModel):
    """k = rule(i), lo <= k <= hi

    The source's own activation, on real pre-activations.

    Attributes:
        rule: from real pre-activation to count.
        lo, hi: bounds of the count.
    """

    kind: ClassVar[str] = "float-fire"
    forms: ClassVar[frozenset[str]] = frozenset({"float"})

    rule: FireRule
    lo: int
    hi: int

    def validate(self, shape: Shape, axis: int) -> None:
        if self.lo > self.hi:
            raise GraphError(f"counts run from lo to hi, got lo {self.lo} above hi {self.hi}")
        for op in self.rule.ops:
            for arg in op.args:
                if arg.shape not in ((), (shape[axis],)):
                    raise GraphError(
                        f"`{op.name}` has an argument of shape {arg.shape}, "
                        f"expected () or ({shape[axis]},)"
                    )

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        return self.rule(i, axis), state

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.full(i_lo.shape, self.lo), np.full(i_hi.shape, self.hi)

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        return self.lo, self.hi

    def at_neurons(self, at: tuple[IntArray, ...], axis: int) -> Self:
        channel = at[axis]
        ops = tuple(
            replace(op, args=tuple(a[channel] if a.ndim else a for a in op.args))
            for op in self.rule.ops
        )
        return replace(self, rule=replace(self.rule, ops=ops))


_MANY_LEVELS = 512
"""From here on a search beats comparing with each threshold."""


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerFire(NeuronModel):
    """k = lo + #{j : i >= thresholds[c, j]}

    An exact integer staircase; every rounding, clip and divisor of the source is in it.

    Attributes:
        lo: smallest count.
        thresholds: int64, shape (C, L) or (1, L), rising along L. The highest count is lo + L.
            An unreachable level holds the int64 maximum, a level always reached the minimum.
    """

    kind: ClassVar[str] = "integer-fire"
    forms: ClassVar[frozenset[str]] = frozenset({"integer"})

    lo: int
    thresholds: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", readonly(self.thresholds, np.int64))

    @property
    def hi(self) -> int:
        """Largest count."""
        return self.lo + self.thresholds.shape[1]

    def validate(self, shape: Shape, axis: int) -> None:
        if self.thresholds.ndim != 2 or self.thresholds.shape[0] not in (1, shape[axis]):
            raise GraphError(
                f"thresholds have shape (C, L) or (1, L) with C = {shape[axis]}, "
                f"got {self.thresholds.shape}"
            )
        if (np.diff(self.thresholds.astype(object), axis=1) < 0).any():
            raise GraphError("thresholds fall along the levels")

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        if self.thresholds.shape[1] > _MANY_LEVELS:
            return self._searched(i, axis), state
        k = np.full(i.shape, self.lo, dtype=np.int64)
        for level in self.thresholds.T:
            theta = along(level, i.ndim - 1, axis) if len(level) > 1 else level[0]
            k += i >= theta
        return k, state

    def _searched(self, i: Array, axis: int) -> IntArray:
        """The same by binary search, channel by channel."""
        channels = np.moveaxis(i, axis + 1, 0)
        rows = np.broadcast_to(self.thresholds, (len(channels), self.thresholds.shape[1]))
        found = [
            np.searchsorted(row, v, side="right") for row, v in zip(rows, channels, strict=True)
        ]
        return np.moveaxis(self.lo + np.stack(found), 0, axis + 1)

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        low, _ = self.latch(i_lo[None], {}, axis)
        high, _ = self.latch(i_hi[None], {}, axis)
        return low[0], high[0]

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        # a level that no input reaches has its tick all the same
        return self.lo, self.hi
