"""The line that a staircase follows: what an integrate-while-firing neuron can compute of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import INT64_MAX, INT64_MIN, FloatArray, IntArray
from snnc.ir.neurons import IntegerFire


@dataclass(frozen=True, eq=False)
class Line:
    """k = (i - origin) / step, by channel.

    Attributes:
        step: what one count takes, positive, shape (C,).
        origin: i of count 0, shape (C,).
    """

    step: FloatArray
    origin: FloatArray


def fitted_line(model: IntegerFire, i_lo: IntArray, i_hi: IntArray) -> Line:
    """The best line through a staircase: least squares through the middles of its edges.

    A level j that is reached at theta_j stands for the point (theta_j - 1/2, lo + j - 1/2), so
    that a uniform staircase keeps its own step and rounding. Levels that no input reaches do not
    count. Where one edge is left, the line goes through (0, 0) too, where that is possible, else
    it is as steep as integers are; where none is left, flat: the count stays what it is for all
    inputs.

    Args:
        i_lo, i_hi: bounds of the input, shape (C,).
    """
    rows = np.broadcast_to(model.thresholds, (len(i_lo), model.thresholds.shape[1]))
    found = [
        _of_channel(row, model.lo, max(-int(low), int(high), 1))
        for row, low, high in zip(rows, i_lo, i_hi, strict=True)
    ]
    step, origin = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return Line(step, origin)


def _of_channel(thresholds: IntArray, lo: int, reach: int) -> tuple[float, float]:
    """Step and origin of one channel whose input has a magnitude of `reach` at most."""
    is_edge = (thresholds > INT64_MIN) & (thresholds < INT64_MAX)
    i = thresholds[is_edge] - 0.5
    k = lo + np.flatnonzero(is_edge) + 0.5
    if not len(i):
        step = 4.0 * reach
        return step, -step * (lo + int((thresholds == INT64_MIN).sum()))
    across = k - k.mean()
    rise = float((across * i).sum())
    if rise > 0:
        step = rise / float((across * across).sum())
    else:
        middle = float(k.mean())
        step = max(float(i.mean()) / middle, 1.0) if middle else 1.0
    return step, float(i.mean() - step * k.mean())
