"""What quantising costs, activation by activation: alone, and with all before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnc.converter.quantize.steps import Quantizer
from snnc.ir.arrays import Array


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """The error of one integer activation.

    Attributes:
        name: the user's module path.
        operator: the float activation's ONNX operator.
        levels: largest count D.
        lo: smallest count.
        step: real value of count 1; the mean over channels where each has its own.
        n_steps: different steps: 1, or as many as channels.
        clipped_share: share of the float values more than half a step beyond the counts' range.
        sqnr_db: power of the float values over that of the rounding and clipping error, in
            decibels; None where the error or the activation is zero everywhere.
        relative_error: norm of what the quantised network gives here minus the float one's,
            over the latter's norm: the errors of all activations so far; None where it is zero.
        mean_count: mean |count| per neuron in the quantised network, what travels as spikes.
    """

    name: str
    operator: str
    levels: int
    lo: int
    step: float
    n_steps: int
    clipped_share: float
    sqnr_db: float | None
    relative_error: float | None
    mean_count: float

    def to_json(self) -> dict[str, Any]:
        """A row of `layers` in `snnc quantize --json`."""
        return dict(vars(self))


class Measurement:
    """Sums up errors batch by batch.

    Args:
        quantizer: the integer activation.
    """

    def __init__(self, quantizer: Quantizer) -> None:
        self.quantizer = quantizer
        self._power = self._own = self._all = self._counts = 0.0
        self._n = self._n_clipped = 0

    def add(self, floats: Mapping[str, Array], quantized: Mapping[str, Array]) -> None:
        """Take in the values of both networks, tensor name to (N, *shape)."""
        quantizer = self.quantizer
        real = floats[quantizer.site.tensor].astype(np.float64)
        got = quantized[quantizer.site.tensor].astype(np.float64)
        self._power += float((real**2).sum())
        self._own += float(((quantizer.real(real) - real) ** 2).sum())
        self._all += float(((got - real) ** 2).sum())
        self._counts += float(np.abs(quantizer.counts(got)).sum())
        self._n += real.size
        self._n_clipped += quantizer.clipped(real)

    def result(self) -> LayerError:
        """The error over all batches."""
        site, step = self.quantizer.site, np.asarray(self.quantizer.step, dtype=np.float64)
        known = self._power > 0
        return LayerError(
            name=site.module_path,
            operator=site.operator,
            levels=self.quantizer.levels,
            lo=self.quantizer.lo,
            step=float(step.mean()),
            n_steps=step.size,
            clipped_share=self._n_clipped / self._n,
            sqnr_db=10 * math.log10(self._power / self._own) if known and self._own else None,
            relative_error=math.sqrt(self._all / self._power) if known else None,
            mean_count=self._counts / self._n,
        )
