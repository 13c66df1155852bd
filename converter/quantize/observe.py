"""What values an activation takes on data: range first, then a histogram over it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.converter.quantize.sites import Site
from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.errors import DataError

N_BINS = 2048


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """Values of one activation, for all channels (C = 1) or for each of C.

    Attributes:
        lo: smallest value or 0, shape (C,).
        hi: largest value or 0, shape (C,).
        centres: real values in the middle of the bins, shape (C, N_BINS).
        counts: values in each bin, shape (C, N_BINS).
    """

    lo: FloatArray
    hi: FloatArray
    centres: FloatArray
    counts: IntArray


class Observer:
    """Takes in values batch by batch: all of them for the range, then all for the histogram.

    Args:
        site: the activation.
        per_channel: keep channels apart.
    """

    def __init__(self, site: Site, *, per_channel: bool) -> None:
        self.site = site
        apart = per_channel and not site.is_output and bool(site.shape)
        self.n_channels = site.shape[site.axis] if apart else 1
        self._lo = np.zeros(self.n_channels)
        self._hi = np.zeros(self.n_channels)
        self._counts = np.zeros((self.n_channels, N_BINS), dtype=np.int64)

    def add_range(self, values: Array) -> None:
        """Widen the range: values (N, *shape).

        Raises:
            DataError: a value is NaN or infinite.
        """
        rows = self._by_channel(values)
        if not np.isfinite(rows).all():
            raise DataError(
                "the activation takes NaN or infinite values on these data",
                where=self.site.module_path,
            )
        self._lo = np.minimum(self._lo, rows.min(axis=1))
        self._hi = np.maximum(self._hi, rows.max(axis=1))

    def add_values(self, values: Array) -> None:
        """Count values (N, *shape) into the bins of the range."""
        rows = self._by_channel(values)
        bins = (rows - self._lo[:, None]) / self._width[:, None]
        index = np.clip(bins.astype(np.int64), 0, N_BINS - 1)
        index += np.arange(self.n_channels)[:, None] * N_BINS
        found = np.bincount(index.ravel(), minlength=self.n_channels * N_BINS)
        self._counts += found.reshape(self.n_channels, N_BINS)

    @property
    def _width(self) -> FloatArray:
        spans = self._hi - self._lo
        return np.where(spans > 0, spans, 1.0) / N_BINS

    def result(self) -> Observation:
        """What was seen."""
        middle = (np.arange(N_BINS) + 0.5) * self._width[:, None] + self._lo[:, None]
        return Observation(lo=self._lo, hi=self._hi, centres=middle, counts=self._counts)

    def _by_channel(self, values: Array) -> FloatArray:
        """Shape (C, values of the channel)."""
        if self.n_channels == 1:
            return values.reshape(1, -1).astype(np.float64)
        moved = np.moveaxis(values, 1 + self.site.axis, 0)
        return moved.reshape(self.n_channels, -1).astype(np.float64)
