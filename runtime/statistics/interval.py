"""Confidence intervals over the samples of a data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np

from snnc.ir.arrays import Array, FloatArray

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 0
METHOD = (
    f"{CONFIDENCE:.0%} intervals of means: percentile bootstrap over samples, {RESAMPLES} "
    f"resamples, numpy PCG64 with seed {SEED}; of accuracy: Wilson score; of mean counts by "
    "population and channel: normal, from the standard error over samples"
)
"""As reports print it."""
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Interval:
    """A mean and its interval; low and high are None where there is one sample only."""

    mean: float
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, float | None]:
        """All three by name."""
        return asdict(self)


def bootstrap(values: Array) -> list[Interval]:
    """Interval of each column's mean.

    Args:
        values: shape (N, columns), a row for each sample.
    """
    n, means = len(values), values.mean(axis=0)
    if n < 2:
        return [Interval(float(mean), None, None) for mean in means]
    generator = np.random.Generator(np.random.PCG64(SEED))
    resampled: FloatArray = np.empty((RESAMPLES, values.shape[1]))
    step = max(1, _AT_ONCE // n)
    for first in range(0, RESAMPLES, step):
        rows = slice(first, min(first + step, RESAMPLES))
        drawn = generator.integers(n, size=(rows.stop - first, n))
        for column, each in enumerate(values.T.astype(np.float64)):
            resampled[rows, column] = each[drawn].mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return [Interval(*map(float, each)) for each in zip(means, low, high, strict=True)]


class Spread:
    """Means and standard errors of several columns, sample after sample (Welford, 1962)."""

    def __init__(self, n_columns: int) -> None:
        self.n = 0
        self.mean: FloatArray = np.zeros(n_columns)
        self._squares: FloatArray = np.zeros(n_columns)

    def add(self, row: FloatArray) -> None:
        """Take a sample in, shape (columns,)."""
        self.n += 1
        before = row - self.mean
        self.mean = self.mean + before / self.n
        self._squares = self._squares + before * (row - self.mean)

    def bounds(self) -> tuple[FloatArray, FloatArray] | None:
        """Lower and upper ends of the normal interval, none below 0; None of fewer than two."""
        if self.n < 2:
            return None
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        error = z * np.sqrt(self._squares / (self.n - 1) / self.n)
        return np.maximum(self.mean - error, 0.0), self.mean + error


def wilson(n_right: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share, n >= 1."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    share = n_right / n
    centre, spread = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # rounding must not pass the share
