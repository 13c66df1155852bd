"""From what an activation was seen to do to the step and the bounds of its counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from snnc.converter.quantize.observe import Observation
from snnc.converter.quantize.sites import Site, along_axis
from snnc.ir.arrays import Array, FloatArray

Method: TypeAlias = Literal["minmax", "percentile", "mse"]
METHODS: tuple[str, ...] = get_args(Method)
"""Names of the ways to choose a range."""

_CANDIDATES = np.geomspace(1.0, 0.02, 120)
"""Fractions of the observed range that `mse` tries."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantizer:
    """k = round_half_even(clip(x / step, lo, levels)), in float32; the value is k * step.

    Attributes:
        site: the activation that it takes the place of.
        levels: largest count D.
        lo: smallest count, 0 or negative.
        step: real value of count 1, float32, () or (C,).
    """

    site: Site
    levels: int
    lo: int
    step: Array

    def counts(self, values: Array) -> FloatArray:
        """Counts of real values (N, *shape)."""
        scaled = values.astype(np.float32) / along_axis(self.step, self.site)
        return np.rint(np.clip(scaled, self.lo, self.levels)).astype(np.float64)

    def real(self, values: Array) -> FloatArray:
        """Values (N, *shape) as the quantised activation gives them."""
        return self.counts(values) * along_axis(self.step, self.site)

    def clipped(self, values: Array) -> int:
        """How many of the values lie more than half a step beyond the smallest or largest count."""
        scaled = values / along_axis(self.step, self.site)
        return int(((scaled > self.levels + 0.5) | (scaled < self.lo - 0.5)).sum())


def choose(
    site: Site, seen: Observation, *, levels: int, method: Method, percentile: float
) -> Quantizer:
    """Choose the step of one activation.

    Args:
        site: the activation.
        seen: its values on the calibration data.
        levels: largest count D.
        method: `minmax`: the largest value is D; `percentile`: that share of all values lies in
            the range; `mse`: the smallest squared error.
        percentile: in percent, for `percentile`.
    """
    reach = np.maximum(seen.hi, -seen.lo)
    if method == "percentile":
        reach = _percentile(seen, reach, percentile / 100)
    elif method == "mse":
        reach = _least_error(seen, reach, levels)
    live = reach > 0
    reach = np.where(live, reach, reach.max() if live.any() else 1.0)
    step = (reach / levels).astype(np.float32)
    lowest = np.rint(seen.lo / step).min()
    return Quantizer(
        site=site,
        levels=levels,
        lo=max(-levels, int(lowest)),
        step=step if step.size > 1 else step.reshape(()),
    )


def _percentile(seen: Observation, reach: FloatArray, share: float) -> FloatArray:
    """The smallest magnitude below which `share` of the values lies."""
    found = []
    for centres, counts, most in zip(seen.centres, seen.counts, reach, strict=True):
        order = np.argsort(np.abs(centres), kind="stable")
        inside = np.cumsum(counts[order]) >= share * counts.sum()
        magnitude = np.abs(centres[order][np.argmax(inside)])
        # a quantile of 0 (most values are 0) would make every value clip
        found.append(magnitude if magnitude > most / len(centres) else most)
    return np.minimum(np.array(found), reach)


def _least_error(seen: Observation, reach: FloatArray, levels: int) -> FloatArray:
    """The range with the smallest squared error over the histogram."""
    best, least = reach, np.full(reach.shape, np.inf)
    lowest = -levels if (seen.lo < 0).any() else 0
    for fraction in _CANDIDATES:
        step = np.where(reach > 0, reach * fraction / levels, 1.0)[:, None]
        rounded = np.rint(np.clip(seen.centres / step, lowest, levels)) * step
        error = (seen.counts * (rounded - seen.centres) ** 2).sum(axis=1)
        better = error < least
        best, least = np.where(better, reach * fraction, best), np.where(better, error, least)
    return best
