"""Counts as spikes at a rate, and back."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import IntArray


def spikes(counts: IntArray, levels: int, ticks: int) -> IntArray:
    """Evenly spaced unit spikes, `ticks` of them for the largest count.

    What a neuron with threshold `levels` emits that |k| drives in each tick, and that starts half
    full: of a count k, round(|k| * ticks / levels) spikes, ties up, each with the sign of k.

    Args:
        counts: shape (N, *shape), |k| <= levels.
        levels: D of the source.
        ticks: R.

    Returns:
        -1, 0 or 1, shape (N, R, *shape).
    """
    after = np.arange(1, ticks + 1).reshape(-1, *(1,) * (counts.ndim - 1))
    size = np.abs(counts)[:, None]
    sent = (2 * after * size + levels) // (2 * levels)
    before = (2 * (after - 1) * size + levels) // (2 * levels)
    return np.asarray(np.sign(counts)[:, None] * (sent - before), dtype=np.int64)


def read_counts(sent: IntArray, levels: int, ticks: int, lo: int, hi: int) -> IntArray:
    """Counts for which neurons sent so many spikes: round(sent * D / R), ties away from 0.

    Args:
        sent: spikes of a window with their signs.
        levels: D of the neurons.
        ticks: R.
        lo, hi: bounds of the count; what a rate gives is brought within.
    """
    size = (2 * np.abs(sent) * levels + ticks) // (2 * ticks)
    return np.asarray(np.clip(np.sign(sent) * size, lo, hi), dtype=np.int64)


def read_values(total: IntArray, share: int, per_count: int, ticks: int) -> IntArray:
    """What a window brought to neurons that do not fire, as a mean: round half up.

    Args:
        total: sum over the window, in units of share / per_count.
        share, per_count: see `RateForm`.
        ticks: R.
    """
    divisor = ticks * per_count
    return np.asarray((2 * total * share + divisor) // (2 * divisor), dtype=np.int64)
