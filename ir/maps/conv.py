"""Convolution: weights shared over positions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import GraphError
from snnc.ir.maps.base import MAPS, Csr, LinearMap, exact_matmul, sort_csr
from snnc.ir.maps.windows import (
    Padding,
    Tap,
    check_window,
    count_window,
    tap_slices,
    window_shape,
)


@MAPS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class Conv(LinearMap):
    """Cross-correlation (as PyTorch's) along one to three spatial axes, with zero padding.

    y[o, p] = sum over c, k of weight[o, c, k] * x[group(o) + c, stride * p + dilation * k - pad]

    Attributes:
        weight: shape (C_out, C_in / groups, *kernel).
        in_shape: (C_in, *spatial).
        stride, dilation: one entry for each spatial axis.
        padding: (before, after) for each spatial axis; padding has no synapses.
    """

    kind: ClassVar[str] = "conv"
    channel_axis: ClassVar[int] = 0

    in_shape: Shape
    stride: Shape
    padding: Padding
    dilation: Shape
    groups: int = 1

    @property
    def kernel(self) -> Shape:
        """Kernel extent along each spatial axis."""
        return self.weight.shape[2:]

    @property
    def out_shape(self) -> Shape:
        return (self.weight.shape[0], *self._out_spatial)

    @property
    def _out_spatial(self) -> Shape:
        spatial = self.in_shape[1:]
        return window_shape(spatial, self.kernel, self.stride, self.padding, self.dilation)

    def validate(self) -> None:
        n_spatial = len(self.in_shape) - 1
        if n_spatial not in (1, 2, 3) or self.weight.ndim != n_spatial + 2:
            raise GraphError(
                f"conv weights {self.weight.shape} do not fit an input of shape {self.in_shape}: "
                "expected (C_out, C_in / groups, *kernel) over 1 to 3 spatial axes"
            )
        c_out, c_group = self.weight.shape[:2]
        if c_group * self.groups != self.in_shape[0] or c_out % self.groups:
            raise GraphError(
                f"conv weights {self.weight.shape} with {self.groups} groups do not fit "
                f"{self.in_shape[0]} input channels"
            )
        spatial = self.in_shape[1:]
        check_window(spatial, self.kernel, self.stride, self.padding, self.dilation)

    def apply(self, x: Array) -> Array:
        n, (c_out, c_group) = len(x), self.weight.shape[:2]
        x = x.reshape(n, self.groups, c_group, *self.in_shape[1:])
        weight = self.weight.reshape(self.groups, c_out // self.groups, c_group, *self.kernel)
        out = np.zeros((n, *weight.shape[:2], *self._out_spatial), np.result_type(x, weight))
        for tap, ins, outs in self._taps():
            patch = x[(..., *ins)]
            flat = patch.reshape(n, self.groups, c_group, -1)
            part = exact_matmul(weight[(..., *tap)], flat)
            out[(..., *outs)] += part.reshape(n, *weight.shape[:2], *patch.shape[3:])
        return out.reshape(n, *self.out_shape)

    def count_synapses(self, present: Array) -> IntArray:
        c_out, c_group = self.weight.shape[:2]
        grouped = present.reshape(self.groups, c_out // self.groups, c_group, *self.kernel)
        taps = grouped.sum(axis=1, dtype=np.int64).reshape(self.in_shape[0], *self.kernel)
        spatial, out = self.in_shape[1:], self._out_spatial
        return count_window(taps, spatial, out, self.stride, self.padding, self.dilation)

    def to_csr(self) -> Csr:
        c_out, c_group = self.weight.shape[:2]
        per_group = c_out // self.groups
        source_at = np.arange(self.in_size).reshape(self.in_shape)
        target_at = np.arange(self.out_size).reshape(self.out_shape)
        none = np.zeros(0, dtype=np.int64)  # every tap may lie in the padding
        sources, targets, weights = [none], [none], [none.astype(self.weight.dtype)]
        for tap, ins, outs in self._taps():
            for g in range(self.groups):
                src = source_at[g * c_group : (g + 1) * c_group][(slice(None), *ins)]
                dst = target_at[g * per_group : (g + 1) * per_group][(slice(None), *outs)]
                w = self.weight[g * per_group : (g + 1) * per_group][(..., *tap)]
                shape = (per_group, c_group, size_of(src.shape[1:]))
                sources.append(np.broadcast_to(src.reshape(1, c_group, -1), shape).ravel())
                targets.append(np.broadcast_to(dst.reshape(per_group, 1, -1), shape).ravel())
                weights.append(np.broadcast_to(w[:, :, None], shape).ravel())
        return sort_csr(
            np.concatenate(sources), np.concatenate(targets), np.concatenate(weights), self.in_size
        )

    def weight_channels(self) -> IntArray:
        c_out = self.weight.shape[0]
        return np.repeat(np.arange(c_out), self.weight.size // c_out)

    def _taps(self) -> Iterator[Tap]:
        spatial, out = self.in_shape[1:], self._out_spatial
        return tap_slices(spatial, out, self.kernel, self.stride, self.padding, self.dilation)
