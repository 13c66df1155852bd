"""Recognise integer activations: clip, round and scale in any order and form.

Behind the rounding every value lies on a grid a·k + b. What follows is followed on that grid: a
clip in real units becomes a clip of the count, multiplications become the step, a zero point is
taken off. What stands before the rounding is kept to the letter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnc.converter.lower.layout import FlatStep
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import ElementOp
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.rules import FireRule, RuleOp

_COMPARING = frozenset({"greater", "greater-equal", "reached", "sign"})
ROUNDING = frozenset({"round", "floor", "ceil", "trunc"}) | _COMPARING
"""Operations whose result is an integer."""

BOUNDING = frozenset({"clip", "max", "min"})
BENDING = BOUNDING | {"leaky"}
"""Operations that neither are linear nor give integers."""

_ON_GRID = 1e-4
_BEYOND = {"float16": 6e4, "float32": 1e30, "float64": 1e300}
_UNBOUNDED = 2.0**31


@dataclass(frozen=True, eq=False)
class Activation:
    """An integer activation found in a chain of elementwise operations.

    Behind `n_steps` operations the real value is sign * step * count + offset.

    Attributes:
        n_rounded: steps up to and including the rounding.
        counts: operations on the count behind the rounding, constants in counts.
        n_core: steps that make the count.
        n_steps: steps that the activation takes, scaling included.
        step: real value of count 1, () or (C,), positive.
        offset: () or (C,), mostly 0.
        sign: 1 or -1.
    """

    n_rounded: int
    counts: tuple[RuleOp, ...]
    n_core: int
    n_steps: int
    step: FloatArray
    offset: FloatArray
    sign: int = 1


def first_rounding(steps: Sequence[FlatStep]) -> int | None:
    """Index of the first operation whose result is an integer."""
    return next((i for i, s in enumerate(steps) if s.op.name in ROUNDING), None)


def recognise(steps: Sequence[FlatStep], shape: Shape, axis: int) -> Activation:
    """Follow the grid behind the first rounding of `steps`, which has one.

    Args:
        steps: elementwise operations in one layout.
        shape: of the population-to-be.
        axis: its channel axis.
    """
    rounded = first_rounding(steps)
    assert rounded is not None
    walk = _Walk(_Grid(shape, axis), rounded + 1)
    for step in steps[rounded + 1 :]:
        if not walk.follow(step.op):
            break
    return walk.result(steps)


class _Walk:
    """Follow a grid step by step, from right behind the rounding."""

    def __init__(self, grid: _Grid, start: int) -> None:
        self.grid = grid
        self.start = start
        self.core = start
        self.counts: list[RuleOp] = []
        self.states = [(grid.a, grid.b)]
        self._retreat: tuple[int, int, int] | None = None

    @property
    def at(self) -> int:
        """Steps taken so far."""
        return self.start + len(self.states) - 1

    def follow(self, op: ElementOp) -> bool:
        """Take one more operation, or refuse and stand where the activation ends."""
        if op.name in ROUNDING:
            if op.name in _COMPARING or not self.grid.is_whole:
                return False
            # it changes nothing; but what a later clip cuts off the grid begins here
            self._retreat = self._retreat or (self.at, self.core, len(self.counts))
            self.core = self.at + 1
        elif op.name in BOUNDING:
            ops = self.grid.bounded(op)
            if ops is None:
                self._go_back()
                return False
            self.counts += ops
            self.core = self.at + 1
        elif not self.grid.move(op):
            return False
        self.states.append((self.grid.a, self.grid.b))
        return True

    def _go_back(self) -> None:
        if self._retreat is not None:
            at, self.core, n_counts = self._retreat
            del self.states[at - self.start + 1 :]
            del self.counts[n_counts:]

    def result(self, steps: Sequence[FlatStep]) -> Activation:
        """The activation, as far as its real value stays step * count."""
        n, shift = self.core, np.array(0.0)
        for end in range(self.core, self.at + 1):
            a, b = self.states[end - self.start]
            last = steps[end - 1]
            offset = np.asarray(b / a)
            if end > self.core and last.origin.tensor is None:
                continue
            if not offset.any():
                n, shift = end, np.array(0.0)
            elif end > self.core and last.op.name in ("mul", "div") and _whole(offset):
                n, shift = end, np.rint(offset)  # a zero point is taken off the count
        a, b = self.states[n - self.start]
        counts = (*self.counts, RuleOp("add", (shift,))) if shift.any() else tuple(self.counts)
        return Activation(
            n_rounded=self.start,
            counts=counts,
            n_core=self.core,
            n_steps=n,
            step=np.abs(a),
            offset=np.zeros(()) if shift.any() else b,
            sign=-1 if np.all(a < 0) else 1,
        )


class _Grid:
    """a * k + b, with a and b of shape () or (C,)."""

    def __init__(self, shape: Shape, axis: int) -> None:
        self.shape, self.axis = shape, axis
        self.a: FloatArray = np.array(1.0)
        self.b: FloatArray = np.array(0.0)

    def move(self, op: ElementOp) -> bool:
        """Follow a linear operation; False (and no change) where the grid cannot."""
        arg = op.args[0].by_channel(self.shape, self.axis) if op.args else np.array(0.0)
        if arg is None:
            return False
        if op.name in ("mul", "div") and not _one_sign(arg):
            return False
        if op.name == "add":
            self.b = self.b + arg
        elif op.name == "sub":
            self.b = self.b - arg
        elif op.name == "mul":
            self.a, self.b = self.a * arg, self.b * arg
        elif op.name == "div":
            self.a, self.b = self.a / arg, self.b / arg
        elif op.name == "neg":
            self.a, self.b = -self.a, -self.b
        elif op.name == "rsub":
            self.a, self.b = -self.a, arg - self.b
        else:
            return False
        return True

    @property
    def is_whole(self) -> bool:
        """Are all values integers?"""
        return _whole(self.a) and _whole(self.b)

    def bounded(self, op: ElementOp) -> list[RuleOp] | None:
        """A clip as operations on the count; None where it cuts between two counts."""
        bounds = [a.by_channel(self.shape, self.axis) for a in op.args]
        if any(b is None for b in bounds) or not _one_sign(self.a):
            return None
        lo, hi = _limits(op.name, [np.asarray(b) for b in bounds])
        lo, hi = np.asarray((lo - self.b) / self.a), np.asarray((hi - self.b) / self.a)
        if (self.a < 0).all():
            lo, hi = hi, lo
        if not (_whole(lo) and _whole(hi)):
            return None
        ops = []
        if np.isfinite(lo).any():
            ops.append(RuleOp("max", (np.rint(lo),)))
        if np.isfinite(hi).any():
            ops.append(RuleOp("min", (np.rint(hi),)))
        return ops


def _whole(values: FloatArray) -> bool:
    """Are these integers, but for what float arithmetic lost?"""
    finite = values[np.isfinite(values)]
    return bool((np.abs(finite - np.rint(finite)) < _ON_GRID).all())


def _one_sign(values: FloatArray) -> bool:
    return bool(np.all(values > 0) or np.all(values < 0))


def _limits(name: str, args: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
    if name == "clip":
        return args[0], args[1]
    infinite = np.array(np.inf)
    return (args[0], infinite) if name == "max" else (-infinite, args[0])


def rule_bounds(rule: FireRule, shape: Shape, axis: int) -> tuple[int, int] | None:
    """Smallest and largest count that a non-decreasing rule can give; None where it has none."""
    beyond = _BEYOND[rule.dtype]
    lo, hi = evaluate(rule, -beyond, shape, axis), evaluate(rule, beyond, shape, axis)
    if not (np.isfinite(lo).all() and np.isfinite(hi).all()):
        return None
    if max(np.abs(lo).max(), np.abs(hi).max()) >= _UNBOUNDED:
        return None
    return int(lo.min()), int(hi.max())


def evaluate(rule: FireRule, x: float, shape: Shape, axis: int) -> FloatArray:
    """The rule at one pre-activation, for every channel."""
    ones = tuple(n if i == axis else 1 for i, n in enumerate(shape))
    with np.errstate(invalid="ignore", over="ignore"):
        return rule(np.full((1, *ones), x), axis)


def rule_ops(steps: Sequence[FlatStep], shape: Shape, axis: int) -> tuple[RuleOp, ...] | None:
    """Operations to the letter; None where a constant differs from position to position."""
    ops = []
    for step in steps:
        args = [a.by_channel(shape, axis) for a in step.op.args]
        if any(a is None for a in args):
            return None
        ops.append(RuleOp(step.op.name, tuple(np.asarray(a) for a in args)))
    return tuple(ops)


def decreasing(op: ElementOp) -> bool:
    """Does the operation turn the order of values, in any channel?"""
    if op.name in ("neg", "rsub"):
        return True
    return op.name in ("mul", "div", "leaky") and bool((op.args[0].values < 0).any())


def channel_axis_of(args: Sequence[Spread], shape: Shape, default: int) -> int:
    """The axis of `shape` along which constants differ, if they agree on one."""
    for arg in args:
        if arg.is_scalar:
            continue
        for axis in range(len(shape)):
            if arg.by_channel(shape, axis) is not None:
                return axis
    return default
