"""All-to-all synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import GraphError
from snnc.ir.maps.base import MAPS, Csr, LinearMap, exact_matmul


@MAPS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Dense(LinearMap):
    """y[..., o] = sum over i of weight[o, i] * x[..., i]

    Attributes:
        weight: shape (n_out, n_in).
        lead: leading axes (tokens) that share the weights; () for a plain layer.
    """

    kind: ClassVar[str] = "dense"
    channel_axis: ClassVar[int] = -1

    lead: Shape = ()

    @property
    def in_shape(self) -> Shape:
        return (*self.lead, self.weight.shape[1])

    @property
    def out_shape(self) -> Shape:
        return (*self.lead, self.weight.shape[0])

    def validate(self) -> None:
        if self.weight.ndim != 2:
            raise GraphError(f"dense weights have 2 axes (out, in), got {self.weight.shape}")

    def apply(self, x: Array) -> Array:
        return exact_matmul(x.reshape(-1, *self.in_shape), self.weight.T)

    def count_synapses(self, present: Array) -> IntArray:
        return np.broadcast_to(present.sum(axis=0, dtype=np.int64), self.in_shape).copy()

    def to_csr(self) -> Csr:
        n_out, n_in = self.weight.shape
        n_lead = size_of(self.lead)
        indptr = np.arange(n_lead * n_in + 1, dtype=np.int64) * n_out
        targets = np.repeat(np.arange(n_lead, dtype=np.int64), n_in * n_out) * n_out
        targets += np.tile(np.arange(n_out, dtype=np.int64), n_lead * n_in)
        return indptr, targets, np.tile(self.weight.T.reshape(-1), n_lead)

    def weight_channels(self) -> IntArray:
        return np.repeat(np.arange(self.weight.shape[0]), self.weight.shape[1])
