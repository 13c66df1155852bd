"""Spiking neurons with a membrane that lives across frames: IF and LIF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, Shape, along, readonly
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import NEURONS, NeuronModel, State

Reset: TypeAlias = Literal["subtract", "zero"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Integrating(NeuronModel):
    """Membrane, threshold and reset; subclasses say how the membrane leaks."""

    threshold: Array
    reset: Reset = "subtract"
    strict: bool = False

    def __post_init__(self) -> None:
        kind = np.asarray(self.threshold).dtype.kind
        dtype = np.int64 if kind in "iu" else np.float64
        object.__setattr__(self, "threshold", readonly(self.threshold, dtype))

    def validate(self, shape: Shape, axis: int) -> None:
        if self.threshold.shape not in ((), (shape[axis],)):
            raise GraphError(
                f"threshold is () or ({shape[axis]},), got shape {self.threshold.shape}"
            )
        if (self.threshold <= 0).any():
            raise GraphError("threshold is not positive")
        if self.reset not in ("subtract", "zero"):
            raise GraphError(f"reset is `subtract` or `zero`, got `{self.reset}`")

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape, dtype=self.threshold.dtype)}

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        v = self._leak(state["v"]) + i
        threshold = along(self.threshold, i.ndim - 1, axis)
        k = (v > threshold if self.strict else v >= threshold).astype(np.int64)
        after = v - k * threshold if self.reset == "subtract" else np.where(k, 0, v)
        return k, {"v": after.astype(v.dtype)}

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        return np.zeros(i_lo.shape, dtype=np.int64), np.ones(i_hi.shape, dtype=np.int64)

    def _leak(self, v: Array) -> Array:
        raise NotImplementedError


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class IF(_Integrating):
    """v = v + i;  k = v >= threshold;  v = v - threshold * k  (or v = 0 where k)

    Attributes:
        threshold: shape () or (C,), positive, in the membrane's unit.
        reset: `subtract` or `zero`.
        strict: fire on `>` instead of `>=`.
    """

    kind: ClassVar[str] = "if"

    def _leak(self, v: Array) -> Array:
        return v


@NEURONS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(_Integrating):
    """v = leak(v) + i;  k = v >= threshold;  v = v - threshold * k  (or v = 0 where k)

    leak(v) = sign(v) * ((|v| * leak_multiplier) >> leak_shift) for integers: towards zero, as
    Loihi does. For reals leak(v) = v * leak_multiplier / 2^leak_shift.

    Attributes:
        threshold: shape () or (C,), positive, in the membrane's unit.
        leak_multiplier: kept fraction of the membrane times 2^leak_shift.
        leak_shift: fraction bits of the multiplier.
        reset: `subtract` or `zero`.
        strict: fire on `>` instead of `>=`.
    """

    kind: ClassVar[str] = "lif"

    leak_multiplier: int
    leak_shift: int = 12

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        if not 0 <= self.leak_multiplier <= 2**self.leak_shift:
            raise GraphError(
                f"a leak keeps between nothing and all: leak_multiplier is 0 … "
                f"{2**self.leak_shift}, got {self.leak_multiplier}"
            )

    def _leak(self, v: Array) -> Array:
        if v.dtype.kind == "f":
            return v * (self.leak_multiplier / 2**self.leak_shift)
        return np.sign(v) * ((np.abs(v) * self.leak_multiplier) >> self.leak_shift)
