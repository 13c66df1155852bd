"""Any synapses at all, listed one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, readonly
from snnc.ir.errors import GraphError
from snnc.ir.maps.base import MAPS, Csr, LinearMap


@MAPS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Sparse(LinearMap):
    """Synapses by source neuron (compressed rows), targets ascending within a source.

    Attributes:
        weight: shape (nnz,).
        indptr: shape (n_in + 1,); source n owns synapses indptr[n] to indptr[n + 1] - 1.
        targets: shape (nnz,), flat C-order index of the target neuron.
        channel_axis: the axis of `out_shape` that is the channel, not negative.
    """

    kind: ClassVar[str] = "sparse"

    in_shape: Shape
    out_shape: Shape
    indptr: IntArray
    targets: IntArray
    channel_axis: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "indptr", readonly(self.indptr, np.int64))
        object.__setattr__(self, "targets", readonly(self.targets, np.int64))
        super().__post_init__()

    def validate(self) -> None:
        if self.weight.shape != self.targets.shape or self.weight.ndim != 1:
            raise GraphError(
                f"{self.targets.shape} targets and {self.weight.shape} weights are not one list"
            )
        if self.indptr.shape != (self.in_size + 1,) or self.indptr[0] != 0:
            raise GraphError(f"indptr has shape {self.indptr.shape}, expected n_in + 1 entries")
        if self.indptr[-1] != len(self.targets) or (np.diff(self.indptr) < 0).any():
            raise GraphError("indptr does not rise from 0 to the number of synapses")
        if not 0 <= self.channel_axis < len(self.out_shape):
            raise GraphError(f"channel axis {self.channel_axis} is no axis of {self.out_shape}")
        if len(self.targets) == 0:
            return
        if self.targets.min() < 0 or self.targets.max() >= self.out_size:
            raise GraphError(f"a target is outside of 0 … {self.out_size - 1}")
        rising = np.diff(self._source_of() * self.out_size + self.targets) > 0
        if not rising.all():
            raise GraphError("targets do not rise within each source")

    def apply(self, x: Array) -> Array:
        x = x.reshape(len(x), self.in_size)
        out = np.zeros((len(x), self.out_size), dtype=np.result_type(x, self.weight))
        source = self._source_of()
        for row, values in zip(out, x, strict=True):
            np.add.at(row, self.targets, self.weight * values[source])
        return out.reshape(len(x), *self.out_shape)

    def count_synapses(self, present: Array) -> IntArray:
        counts = np.bincount(self._source_of()[present], minlength=self.in_size)
        return counts.astype(np.int64).reshape(self.in_shape)

    def to_csr(self) -> Csr:
        return self.indptr, self.targets, self.weight

    def rows(self) -> Array:
        """Not rectangular: one row with every weight; see `weight_channels`."""
        return self.weight.reshape(1, -1)

    def weight_channels(self) -> IntArray:
        return np.unravel_index(self.targets, self.out_shape)[self.channel_axis].astype(np.int64)

    def _source_of(self) -> IntArray:
        return np.repeat(np.arange(self.in_size, dtype=np.int64), np.diff(self.indptr))
