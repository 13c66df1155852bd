"""Integer staircases as arithmetic: which line, floored and clipped, has exactly these steps?

A staircase k = lo + #{j : i >= theta_j} is replaced by clip(floor(line(i)), lo, hi) only where
that is proved: both sides never fall along i, so they agree at every reachable integer once they
agree at the last integer below each step and at the first one on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import FloatArray, IntArray

EXACT_F4 = 2**24
"""Every integer up to this has its own float32."""


@dataclass(frozen=True)
class Steps:
    """What a line has to satisfy for one channel: line(on) >= above, line(below) < under.

    Attributes:
        on, above: first reachable integer on a step, and the count from there on.
        below, under: last reachable integer below a step, and the count not yet reached there.
    """

    on: IntArray
    above: IntArray
    below: IntArray
    under: IntArray


@dataclass(frozen=True)
class Shifted:
    """k = floor(clip((i + offset) * slope)): arrays of shape (C,)."""

    slope: FloatArray
    offset: FloatArray


@dataclass(frozen=True)
class Rounded:
    """k = round_half_even(clip((i + offset) / step)): arrays of shape (C,)."""

    step: FloatArray
    offset: FloatArray


@dataclass(frozen=True)
class Scaled:
    """k = floor(clip((i * factor + offset) / 2^shift)), all integers; arrays of shape (C,)."""

    factor: IntArray
    offset: IntArray
    shift: int


def steps_of(thresholds: IntArray, lo: int, i_lo: int, i_hi: int) -> Steps:
    """The steps of one channel that i in i_lo … i_hi can meet."""
    levels = lo + 1 + np.arange(len(thresholds), dtype=np.int64)
    reached, open_ = thresholds <= i_hi, thresholds > i_lo
    return Steps(
        on=np.maximum(thresholds[reached], i_lo),
        above=levels[reached],
        below=np.minimum(thresholds[open_] - 1, i_hi),
        under=levels[open_],
    )


def slopes(steps: Steps) -> tuple[float, float] | None:
    """The open interval of slopes for which some offset fits, or None."""
    run = steps.below[None, :] - steps.on[:, None]
    rise = steps.under[None, :] - steps.above[:, None]
    if ((run == 0) & (rise <= 0)).any():
        return None
    low = (rise[run < 0] / run[run < 0]).max(initial=0.0)
    high = (rise[run > 0] / run[run > 0]).min(initial=np.inf)
    return (float(low), float(high)) if low < high else None


def fit_shifted(all_steps: list[Steps], largest: IntArray) -> Shifted | None:
    """Lines for float32: i + offset is exact there, the product is rounded and then checked.

    Args:
        all_steps: by channel.
        largest: largest |partial sum| of each channel, shape (C,).
    """
    slope, offset = np.zeros(len(all_steps)), np.zeros(len(all_steps))
    for c, steps in enumerate(all_steps):
        line = _shifted_line(steps, int(largest[c]))
        if line is None:
            return None
        slope[c], offset[c] = line
    return Shifted(slope, offset)


def _shifted_line(steps: Steps, largest: int) -> tuple[float, float] | None:
    interval = slopes(steps)
    if interval is None:
        return None
    for slope in _candidates(*interval):
        low = (steps.above / slope - steps.on).max(initial=-np.inf)
        high = (steps.under / slope - steps.below).min(initial=np.inf)
        for bits in range(24):
            offset = _between(low, high, bits)
            if (largest + abs(offset)) * 2**bits > EXACT_F4:
                break
            if _fits(steps, slope, offset):
                return slope, offset
    return None


def _candidates(low: float, high: float) -> list[float]:
    """Slopes inside the interval, as float32; simple ones first."""
    if high == np.inf:
        return [float(np.float32(max(1.0, 2 * low)))]
    middle = [(low + high) / 2, low + (high - low) / 4, high - (high - low) / 4]
    return [float(np.float32(s)) for s in middle]


def _between(low: float, high: float, bits: int) -> float:
    """The multiple of 2^-bits nearest to the middle of an interval, which may be open."""
    if low == -np.inf or high == np.inf:
        middle = high - 0.5 if low == -np.inf else low + 0.5
        middle = 0.0 if abs(middle) == np.inf else middle
    else:
        middle = (low + high) / 2
    return float(np.rint(middle * 2**bits)) / 2**bits


def _fits(steps: Steps, slope: float, offset: float) -> bool:
    def line(i: IntArray) -> FloatArray:
        exact = (i + offset).astype(np.float32)
        return np.floor(exact * np.float32(slope))

    on, below = line(steps.on) >= steps.above, line(steps.below) < steps.under
    return bool(on.all() and below.all())


def fit_rounded(all_steps: list[Steps], largest: IntArray) -> Rounded | None:
    """Half-even steps, whose ties alternate so that no floored line can meet them."""
    step, offset = np.zeros(len(all_steps)), np.zeros(len(all_steps))
    for c, steps in enumerate(all_steps):
        if len(steps.on) < 3:
            return None
        even = int(np.flatnonzero(steps.above % 2 == 0)[0])
        step[c] = (steps.on[2] - steps.on[0]) / 2  # the ties of every second step fall alike
        offset[c] = step[c] * (steps.above[even] - 0.5) - steps.on[even]
        exact = (largest[c] + abs(offset[c])) * 4 <= EXACT_F4  # the offset may hold quarters
        if not (exact and step[c] > 0 and _rounds(steps, step[c], offset[c])):
            return None
    return Rounded(step, offset)


def _rounds(steps: Steps, step: float, offset: float) -> bool:
    def line(i: IntArray) -> FloatArray:
        return np.rint((i + offset).astype(np.float32) / np.float32(step))

    on, below = line(steps.on) >= steps.above, line(steps.below) < steps.under
    return bool(on.all() and below.all())


def fit_scaled(all_steps: list[Steps], largest: IntArray, bias: IntArray) -> Scaled | None:
    """Lines whose factors can be multiplied into weights: every sum stays an exact float32.

    Args:
        all_steps: by channel.
        largest: largest |partial sum| of each channel without bias, shape (C,).
        bias: largest |bias| of each channel, shape (C,).
    """
    intervals = [slopes(steps) for steps in all_steps]
    for shift in range(24):
        lines = []
        for steps, interval, sums, b in zip(all_steps, intervals, largest, bias, strict=True):
            line = interval and _scaled_line(steps, interval, shift, int(sums), int(b))
            if not line:
                break
            lines.append(line)
        if len(lines) == len(all_steps):
            factor, offset = np.array(lines, dtype=np.int64).T
            return Scaled(factor, offset, shift)
    return None


def _scaled_line(
    steps: Steps, interval: tuple[float, float], shift: int, largest: int, bias: int
) -> tuple[int, int] | None:
    unit = 2**shift
    first = int(interval[0] * unit) + 1
    last = first if interval[1] == np.inf else int(np.ceil(interval[1] * unit)) - 1
    for factor in {first, (first + last) // 2, last}:
        if factor < 1 or factor > last or factor * (largest + bias) > EXACT_F4:
            continue
        low = (steps.above * unit - factor * steps.on).max(initial=-EXACT_F4)
        high = (steps.under * unit - factor * steps.below).min(initial=EXACT_F4) - 1
        offset = int(np.clip(0, low, high))
        if low <= high and factor * (largest + bias) + abs(offset) <= EXACT_F4:
            return factor, offset
    return None
