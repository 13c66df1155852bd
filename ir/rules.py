"""Fire rules: the source's own elementwise operations, in its order and dtype.

A rule takes a real pre-activation to a count. Rounding, clip bounds and divisors are steps of
the rule, never conventions: `round(clip(x, 0, 4))` and `floor(clip(x, 0, 4) + 0.5)` differ at
ties, `x / s` and `x * (1 / s)` as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from snnc.ir.arrays import Array, FloatArray, along, readonly
from snnc.ir.errors import GraphError

Step: TypeAlias = Callable[..., Array]


def requantise(x: Array, unit: Array, multiplier: Array) -> Array:
    """What a quantised layer makes of its integer accumulator before it rounds, as x's dtype.

    float32(x / unit) * multiplier in float32, x / unit being the accumulator.
    """
    accumulator = np.rint(x / unit).astype(np.float32)
    return (accumulator * np.asarray(multiplier, dtype=np.float32)).astype(x.dtype)


RULE_OPS: dict[str, Step] = {
    "add": np.add,
    "sub": np.subtract,
    "rsub": lambda x, a: a - x,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "clip": lambda x, lo, hi: np.minimum(np.maximum(x, lo), hi),
    "max": np.maximum,
    "min": np.minimum,
    "round": np.rint,  # half to even
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "single": lambda x: x.astype(np.float32).astype(x.dtype),
    "requantise": requantise,
    "leaky": lambda x, a: np.where(x < 0, x * a, x),
    "sign": np.sign,
    "reached": lambda x, *levels: sum(x >= level for level in levels).astype(x.dtype),
    "greater": lambda x, a: (x > a).astype(x.dtype),
    "greater-equal": lambda x, a: (x >= a).astype(x.dtype),
}
"""Elementwise operations of a rule by name; arguments broadcast per channel."""


@dataclass(frozen=True, eq=False)
class RuleOp:
    """One elementwise operation.

    Attributes:
        name: a key of `RULE_OPS`.
        args: arrays of shape () or (C,), in the rule's dtype when they are used.
    """

    name: str
    args: tuple[Array, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in RULE_OPS:
            raise GraphError(f"unknown fire rule operation `{self.name}`")
        object.__setattr__(self, "args", tuple(readonly(a) for a in self.args))

    @classmethod
    def of(cls, name: str, *args: ArrayLike) -> Self:
        """Build one from numbers or arrays."""
        return cls(name, tuple(np.asarray(a) for a in args))


@dataclass(frozen=True, eq=False)
class FireRule:
    """Elementwise operations from a real pre-activation to an integer-valued count.

    Attributes:
        ops: applied first to last.
        dtype: the source's floating-point type, in which every operation is done.
    """

    OPS: ClassVar[dict[str, Step]] = RULE_OPS

    ops: tuple[RuleOp, ...]
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if self.dtype not in ("float16", "float32", "float64"):
            raise GraphError(f"fire rules work in a floating-point type, got `{self.dtype}`")

    def __call__(self, x: Array, axis: int = 0) -> FloatArray:
        """Counts, integer-valued float64 of the shape of `x`.

        Args:
            x: real pre-activations, shape (N, *shape); cast to the rule's dtype first.
            axis: channel axis within `shape`.
        """
        dtype: Any = np.dtype(self.dtype)
        # the source computes inf and NaN without a word as well; who makes a staircase sees them
        with np.errstate(over="ignore", invalid="ignore"):
            y = np.asarray(x).astype(dtype)
            for op in self.ops:
                args = [along(a.astype(dtype), y.ndim - 1, axis) for a in op.args]
                y = RULE_OPS[op.name](y, *args)
        return y.astype(np.float64)
