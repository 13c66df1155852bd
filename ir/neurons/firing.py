"""What neurons with a membrane across frames share: fire at it, then reset it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from snnc.ir.arrays import INT64_MIN, Array, FloatArray, IntArray, Shape, readonly
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import IntegerSite, NeuronModel, State
from snnc.ir.neurons.fixed import (
    check_per_neuron,
    fine_units,
    one_for_all,
    spread,
    to_integers,
)

Reset: TypeAlias = Literal["subtract", "zero", "none"]
Rounding: TypeAlias = Literal["step", "half-even", "half-up", "floor"]

RESETS: tuple[str, ...] = ("subtract", "zero", "none")
ROUNDINGS: tuple[str, ...] = ("step", "half-even", "half-up", "floor")


@dataclass(frozen=True, kw_only=True, eq=False)
class Stateful(NeuronModel):
    """A frame in three steps, so that one of them can be looked at, or done otherwise.

    v = integrate(i);  k = fire(v);  v = settle(v, k)
    """

    @abstractmethod
    def integrate(self, i: Array, state: State, axis: int) -> State:
        """The state with a frame's input `i`, shape (N, *shape), before it fires."""

    @abstractmethod
    def fire(self, state: State, axis: int) -> Array:
        """What the state gives, shape (N, *shape)."""

    @abstractmethod
    def settle(self, state: State, k: Array, axis: int) -> State:
        """The state that is left where `k` left the neurons."""

    def latch(self, i: Array, state: State, axis: int) -> tuple[Array, State]:
        state = self.integrate(i, state, axis)
        k = self.fire(state, axis)
        return k, self.settle(state, k, axis)


@dataclass(frozen=True, kw_only=True, eq=False)
class Firing(Stateful):
    """Counts from a membrane v; subclasses say how it is integrated and how it leaks.

    Attributes:
        reset: `subtract`: v - k * (what one count takes); `zero`: to the reset value where k is
            not 0; `none`.
        reset_before: the membrane leaks before its reset, not after: v = leak(v) - …, then the
            next frame adds its input (snnTorch's order).
    """

    reset: Reset = "subtract"
    reset_before: bool = False

    @abstractmethod
    def leak(self, v: Array, axis: int) -> Array:
        """What a frame leaves of the membrane."""

    @abstractmethod
    def taken(self) -> Array:
        """What one count takes from the membrane."""

    @abstractmethod
    def rest(self) -> Array:
        """Where a reset to zero leaves the membrane."""

    @abstractmethod
    def bottom(self) -> Array:
        """What the membrane never falls below from one frame to the next."""

    def settle(self, state: State, k: Array, axis: int) -> State:
        v = state["v"]
        if self.reset_before:
            v = self.leak(v, axis)
        if self.reset == "subtract":
            v = v - k * spread(self.taken(), v, axis)
        elif self.reset == "zero":
            v = np.where(k != 0, spread(self.rest(), v, axis), v)
        return {**state, "v": np.maximum(v, spread(self.bottom(), v, axis))}

    def kept(self, v: Array, axis: int) -> Array:
        """The membrane at a frame's start."""
        return v if self.reset_before else self.leak(v, axis)

    def validate(self, shape: Shape, axis: int) -> None:
        if self.reset not in RESETS:
            raise GraphError(f"reset is one of {', '.join(RESETS)}, got `{self.reset}`")
        lo, hi = self.count_range(shape, axis)
        if not lo <= 0 <= hi:
            raise GraphError(f"counts run from lo through 0 to hi, got {lo} … {hi}")

    def out_range(self, i_lo: Array, i_hi: Array, axis: int) -> tuple[Array, Array]:
        low, high = self.count_range((), axis)
        return np.full(i_lo.shape, low), np.full(i_hi.shape, high)


@dataclass(frozen=True, kw_only=True, eq=False)
class FloatFiring(Firing):
    """Real membranes, the source's own parameters.

    Attributes:
        threshold: for all, each channel or each neuron; positive.
        lo, hi: bounds of the count.
        rounding: `step`: k = v >= threshold, 0 or 1; else k = round(v / threshold) within lo and
            hi, ties to `half-even` or `half-up`, or `floor`.
        strict: `step` fires on `>` instead of `>=`.
        reset_value: where a reset to zero leaves the membrane.
        v_min: the membrane is left no lower; not positive, -inf where nothing holds it.
    """

    forms: ClassVar[frozenset[str]] = frozenset({"float"})
    per_neuron: ClassVar[tuple[str, ...]] = ("threshold", "reset_value", "v_min")

    threshold: FloatArray
    lo: int = 0
    hi: int = 1
    rounding: Rounding = "step"
    strict: bool = False
    reset_value: FloatArray = field(default_factory=lambda: np.array(0.0))
    v_min: FloatArray = field(default_factory=lambda: np.array(-np.inf))

    def __post_init__(self) -> None:
        for name in self.per_neuron:
            object.__setattr__(self, name, readonly(getattr(self, name), np.float64))

    def fire(self, state: State, axis: int) -> Array:
        v = state["v"]
        threshold = spread(self.threshold, v, axis)
        if self.rounding == "step":
            return (v > threshold if self.strict else v >= threshold).astype(np.int64)
        x = v / threshold
        if self.rounding == "half-up":
            x = x + 0.5
        x = np.rint(x) if self.rounding == "half-even" else np.floor(x)
        return np.clip(x, self.lo, self.hi).astype(np.int64)

    def taken(self) -> Array:
        return self.threshold

    def rest(self) -> Array:
        return self.reset_value

    def bottom(self) -> Array:
        return self.v_min

    def reset_thresholds(self) -> FloatArray | None:
        return self.threshold

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        return self.lo, self.hi

    def levels(self) -> tuple[FloatArray, Array]:
        """Where each count begins, in thresholds, shape (L,); and whether only above that."""
        j = np.arange(self.lo + 1, self.hi + 1)
        if self.rounding == "step":
            return np.ones(1), np.array([self.strict])
        if self.rounding == "floor":
            return j.astype(np.float64), np.zeros(len(j), dtype=bool)
        to_even = self.rounding == "half-even"
        # a tie goes to the even neighbour
        return np.asarray(j - 0.5, dtype=np.float64), (j % 2 == 1) & to_even

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        for name in ("threshold", "reset_value", "v_min"):
            check_per_neuron(name, getattr(self, name), shape, axis)
        if not (self.v_min <= 0).all():
            raise GraphError("v_min is positive: the membrane starts at 0")
        if not (self.threshold > 0).all() or not np.isfinite(self.threshold).all():
            raise GraphError("threshold is not positive")
        if self.rounding not in ROUNDINGS:
            raise GraphError(f"rounding is one of {', '.join(ROUNDINGS)}, got `{self.rounding}`")
        if self.rounding == "step" and (self.lo, self.hi) != (0, 1):
            raise GraphError(f"a step gives 0 or 1, not {self.lo} … {self.hi}")
        if self.rounding != "step" and self.strict:
            raise GraphError("only a step can be strict")

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape)}


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedFiring(Firing):
    """Integer membranes in units of 2^-fraction_bits of what a frame brings.

    Attributes:
        lo: smallest count.
        thresholds: rising along the last axis, the levels; shape (L,), (C, L) or (*shape, L).
        reset_step: what one count takes; for all, each channel or each neuron.
        reset_value: where a reset to zero leaves the membrane.
        v_min: the membrane is left no lower; the int64 minimum where nothing holds it.
        fraction_bits: of the membrane.
    """

    forms: ClassVar[frozenset[str]] = frozenset({"integer"})
    per_neuron: ClassVar[tuple[str, ...]] = ("reset_step", "reset_value", "v_min")

    lo: int = 0
    thresholds: IntArray
    reset_step: IntArray
    reset_value: IntArray = field(default_factory=lambda: np.array(0))
    v_min: IntArray = field(default_factory=lambda: np.array(INT64_MIN))
    fraction_bits: int = 0

    def __post_init__(self) -> None:
        for name in ("thresholds", *self.per_neuron):
            object.__setattr__(self, name, readonly(getattr(self, name), np.int64))

    @property
    def hi(self) -> int:
        """Largest count."""
        return self.lo + self.thresholds.shape[-1]

    def fire(self, state: State, axis: int) -> Array:
        v = state["v"]
        k = np.full(v.shape, self.lo, dtype=np.int64)
        for level in np.moveaxis(self.thresholds, -1, 0):
            k += v >= spread(level, v, axis)
        return k

    def taken(self) -> Array:
        return self.reset_step

    def rest(self) -> Array:
        return self.reset_value

    def bottom(self) -> Array:
        return self.v_min

    def reset_thresholds(self) -> FloatArray | None:
        return self.reset_step / 2.0**self.fraction_bits

    def count_range(self, shape: Shape, axis: int) -> tuple[int, int]:
        return self.lo, self.hi

    def resets_to(self, axis: int, ndim: int) -> tuple[Array, Array]:
        """Bounds of what a reset alone can leave, broadcastable to the population's shape."""
        low = high = np.zeros((1,) * ndim, dtype=np.int64)
        if self.reset == "zero":
            rest = spread(self.reset_value, np.zeros((1,) * (ndim + 1)), axis)
            return np.minimum(low, rest), np.maximum(high, rest)
        if self.reset == "none":
            return low, high
        like = np.zeros((1,) * (ndim + 1), dtype=np.int64)
        unit = spread(self.reset_step, like, axis)
        for n, level in enumerate(np.moveaxis(self.thresholds, -1, 0)):
            theta = spread(level, like, axis)
            if self.reset_before:
                theta = self.leak(theta + like, axis)[0]
            reached, missed = self.lo + n + 1, self.lo + n
            if reached > 0:
                low = np.minimum(low, theta - unit * reached)
            if missed < 0:
                high = np.maximum(high, theta - unit * missed)
        return low, high

    def kept_between(
        self, deepest: Array, highest: Array, down: Array, up: Array, axis: int
    ) -> tuple[Array, Array]:
        """Bounds of a membrane.

        Args:
            deepest, highest: magnitudes that inputs alone can leave.
            down, up: magnitudes of one frame's input.
        """
        low, high = self.resets_to(axis, down.ndim)
        if self.reset == "zero" and self.lo == 0 and not self.reset_before:
            # what has not reached the first level is kept, anything above is reset
            below = spread(self.thresholds[..., 0], down[None], axis).astype(object) - 1
            highest = np.minimum(highest, np.maximum(below, high) + up - high)
        held = spread(self.v_min, down[None], axis).astype(object) - down
        if not self.forgets:
            return np.maximum(low - deepest, held), high + highest
        # what a reset leaves meets one more input before it shrinks again
        lowest = np.minimum(-deepest, low - down)
        return np.maximum(lowest, held), np.maximum(highest, high + up)

    def validate(self, shape: Shape, axis: int) -> None:
        super().validate(shape, axis)
        for name in ("reset_step", "reset_value", "v_min"):
            check_per_neuron(name, getattr(self, name), shape, axis)
        if (self.v_min > 0).any():
            raise GraphError("v_min is positive: the membrane starts at 0")
        if self.thresholds.ndim < 1 or self.thresholds.shape[:-1] not in (
            (),
            (shape[axis],),
            shape,
        ):
            raise GraphError(
                f"thresholds have shape (L,), ({shape[axis]}, L) or (*{shape}, L), "
                f"got {self.thresholds.shape}"
            )
        if (np.diff(self.thresholds.astype(object), axis=-1) < 0).any():
            raise GraphError("thresholds fall along the levels")
        if (self.reset_step <= 0).any():
            raise GraphError("the step of a reset is not positive")
        if not 0 <= self.fraction_bits <= 32:
            raise GraphError(f"a membrane has 0 … 32 fraction bits, not {self.fraction_bits}")

    def initial_state(self, shape: Shape) -> State:
        return {"v": np.zeros(shape, dtype=np.int64)}


def fixed_firing(model: FloatFiring, site: IntegerSite, fraction: int) -> dict[str, Any]:
    """The fields of `FixedFiring` that stand for those of a float model."""
    unit = fine_units(model.threshold, site) * 2.0**fraction
    rest = fine_units(model.reset_value, site) * 2.0**fraction
    bottom = fine_units(model.v_min, site) * 2.0**fraction
    held = np.rint(np.where(np.isfinite(bottom), bottom, 0.0)).astype(np.int64)
    lowest = np.where(np.isfinite(bottom), held, INT64_MIN)
    at, strict = model.levels()
    return {
        "lo": model.lo,
        "thresholds": to_integers(unit[..., None] * at, strict),
        "reset_step": np.maximum(np.rint(unit), 1).astype(np.int64),
        "reset_value": one_for_all(np.rint(rest).astype(np.int64)),
        "v_min": one_for_all(lowest),
        "reset": model.reset,
        "reset_before": model.reset_before,
        "fraction_bits": fraction,
    }
