"""Grid detection: do the weights of a channel already lie on a grid of few bits?

A row w lies on a grid of step s where every w is an integer multiple of s within what float32
arithmetic rounds away. The largest magnitude is then M * s for some integer M, so each M is one
candidate for s; the smallest M that holds is the coarsest grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import Array, BoolArray, FloatArray, IntArray

FLOAT32_ROUNDING = 2.0**-22
"""Relative error that two float32 roundings on each side leave: a product, then a fold."""

_FLOAT64_ROUNDING = 2.0**-51
_PRODUCT_BITS = 48
_CANDIDATE_CELLS = 1 << 22
_MAX_ROUNDS = 64


@dataclass(frozen=True)
class Grids:
    """Grids of rows; arrays of shape (R,).

    Attributes:
        step: coarsest step, 0.0 where the row lies on no grid or holds only zeros.
        largest: the row's largest magnitude in steps, 0 where there is none.
    """

    step: FloatArray
    largest: IntArray

    @property
    def found(self) -> BoolArray:
        """Which rows lie on a grid."""
        return self.step > 0


def detect_grids(rows: FloatArray, bits: int) -> Grids:
    """Coarsest grid of each row that fits `bits` bits two's complement.

    Magnitude 2^(bits-1) fits only where one sign alone reaches it (the row or its negative then
    holds -2^(bits-1)).

    Args:
        rows: float64, shape (R, n).
        bits: 2 … 16.
    """
    step, largest = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    block = max(1, _CANDIDATE_CELLS >> (bits - 1))
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        step[part], largest[part] = _detect_block(rows[part], 2 ** (bits - 1))
    return Grids(step, largest)


def _detect_block(rows: FloatArray, most: int) -> tuple[FloatArray, IntArray]:
    magnitude = np.abs(rows)
    top = magnitude.max(axis=1, initial=0.0)
    step, largest = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.int64)
    live = np.flatnonzero(top > 0)
    smallest = np.where(magnitude[live] > 0, magnitude[live], np.inf).min(axis=1)
    possible = np.ones((len(live), most), dtype=bool)
    both = _reaches_both_ends(rows[live], top[live])
    possible[both, most - 1] = False
    _strike_out(possible, smallest / top[live])
    for _ in range(_MAX_ROUNDS):
        keep = possible.any(axis=1)
        live, possible = live[keep], possible[keep]
        if not len(live):
            break
        m = possible.argmax(axis=1) + 1
        ok, worst = _verify(magnitude[live], top[live] / m)
        done = live[ok]
        step[done], largest[done] = _refine(magnitude[done], top[done] / m[ok]), m[ok]
        possible[np.arange(len(live)), m - 1] = False
        live, possible, worst = live[~ok], possible[~ok], worst[~ok]
        _strike_out(possible, worst / top[live])
    return step, largest


def _reaches_both_ends(rows: FloatArray, top: FloatArray) -> BoolArray:
    near = top * (1 - FLOAT32_ROUNDING)
    return (rows.max(axis=1) >= near) & (rows.min(axis=1) <= -near)


def _strike_out(possible: BoolArray, ratio: FloatArray) -> None:
    """Remove candidates M for which a weight of `ratio` times the largest is off the grid."""
    quotient = ratio[:, None] * np.arange(1, possible.shape[1] + 1)
    possible &= _is_near_integer(quotient)


def _verify(magnitude: FloatArray, step: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Which rows lie on their step; and of each row the weight that lies furthest off."""
    quotient = magnitude / step[:, None]
    excess = np.abs(quotient - np.rint(quotient)) - quotient * FLOAT32_ROUNDING
    at = excess.argmax(axis=1)
    each = np.arange(len(magnitude))
    return excess[each, at] <= 0, magnitude[each, at]


def _refine(magnitude: FloatArray, step: FloatArray) -> FloatArray:
    """The step itself where it reproduces its row exactly, else the best fit to the row.

    The step of a quantised layer is the product of two float32 scales: 48 bits hold it.
    """
    count = np.rint(magnitude / step[:, None])
    product = _with_bits(step, _PRODUCT_BITS)
    step = np.where(_reproduces(product, count, magnitude), product, step)
    exact = _reproduces(step, count, magnitude)
    best = (magnitude * count).sum(axis=1) / (count * count).sum(axis=1)
    return np.where(exact, step, best)


def _reproduces(step: FloatArray, count: FloatArray, magnitude: FloatArray) -> BoolArray:
    off = np.abs(count * step[:, None] - magnitude)
    return np.asarray((off <= _FLOAT64_ROUNDING * magnitude).all(axis=1))


def _with_bits(values: FloatArray, n_bits: int) -> FloatArray:
    """Values rounded to a mantissa of `n_bits`."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, n_bits)), exponent - n_bits)


def _is_near_integer(quotient: Array) -> BoolArray:
    return np.abs(quotient - np.rint(quotient)) <= quotient * FLOAT32_ROUNDING
