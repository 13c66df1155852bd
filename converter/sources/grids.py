"""Grids of inputs: which integers stand for which real values.

A grid is what makes an input countable: q = clip(round_half_even(x / step) + zero_point, lo, hi)
is the integer that the source would store, the *count* q - zero_point is what travels as events,
and (q - zero_point)·step is the real value that the source sees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import DataError
from snnc.ir.nodes import Arithmetic

_MAX_BITS = 32


@dataclass(frozen=True)
class InputGrid:
    """A uniform grid of stored integers lo..hi.

    Attributes:
        lo: smallest stored integer.
        hi: largest stored integer.
        step: real value of integer 1.
        zero_point: the stored integer that stands for 0.0.
        arithmetic: floating-point type in which real values are divided by the step.
    """

    lo: int
    hi: int
    step: float = 1.0
    zero_point: int = 0
    arithmetic: Arithmetic = "float64"

    def __post_init__(self) -> None:
        if not self.lo < self.hi:
            raise DataError(f"an input grid needs lo < hi, not {self.lo}..{self.hi}")
        if not (math.isfinite(self.step) and self.step > 0):
            raise DataError(f"the step of an input grid must be positive, not {self.step}")
        if self.hi - self.lo >= 2**_MAX_BITS:
            raise DataError(f"an input grid of more than {_MAX_BITS} bits cannot travel as counts")

    @classmethod
    def over_range(cls, lo: float, hi: float, bits: int) -> InputGrid:
        """The grid of 2**bits values laid over the real range lo..hi.

        Raises:
            DataError: the range is empty or `bits` is not in 1..32.
        """
        if not 1 <= bits <= _MAX_BITS:
            raise DataError(f"an input grid has 1..{_MAX_BITS} bits, not {bits}")
        if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
            raise DataError(f"an input range needs finite LO < HI, not {lo}, {hi}")
        step = (hi - lo) / (2**bits - 1)
        first = round(lo / step)
        return cls(lo=first, hi=first + 2**bits - 1, step=step)

    @property
    def count_range(self) -> tuple[int, int]:
        """Smallest and largest count."""
        return self.lo - self.zero_point, self.hi - self.zero_point

    @classmethod
    def of_dtype(cls, dtype: str) -> InputGrid | None:
        """The grid that an integer type of at most 8 bits declares by itself, else None."""
        kind = np.dtype(dtype)
        if kind == np.bool_:
            return cls(0, 1)
        if kind.kind not in "iu" or kind.itemsize > 1:
            return None
        return cls(int(np.iinfo(kind).min), int(np.iinfo(kind).max))

    def counts(self, x: Array) -> IntArray:
        """Counts of real values `x` of any shape, rounded half to even in float64, clipped.

        Raises:
            DataError: `x` holds NaN.
        """
        values = np.asarray(x, dtype=self.arithmetic)
        if np.isnan(values).any():
            raise DataError("the input holds NaN")
        lo, hi = self.count_range
        return np.clip(np.rint(values / values.dtype.type(self.step)), lo, hi).astype(np.int64)

    def real(self, counts: IntArray) -> Array:
        """Real values (float64) of counts."""
        return np.asarray(counts, dtype=np.float64) * self.step

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `from_json` reads."""
        return {"lo": self.lo, "hi": self.hi, "step": self.step, "zero_point": self.zero_point}

    @classmethod
    def from_json(cls, value: Any) -> InputGrid:
        """Read `to_json`'s object.

        Raises:
            DataError: the object is not one.
        """
        if not isinstance(value, dict) or set(value) != {"lo", "hi", "step", "zero_point"}:
            raise DataError("an input grid needs the keys lo, hi, step, zero_point")
        lo, hi, step, zero = (value[key] for key in ("lo", "hi", "step", "zero_point"))
        if not all(type(v) is int for v in (lo, hi, zero)) or type(step) not in (int, float):
            raise DataError("lo, hi and zero_point of an input grid are integers, step a number")
        return cls(lo=lo, hi=hi, step=float(step), zero_point=zero)
