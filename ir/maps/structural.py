"""Maps without kernels: identity and sum-pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, along
from snnc.ir.errors import GraphError
from snnc.ir.maps.base import MAPS, Csr, LinearMap, sort_csr
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
class Identity(LinearMap):
    """y[n] = weight * x[n], the weight one for all or one for each channel.

    Attributes:
        shape: shape of both ends.
        weight: shape () or (C,).
        channel_axis: the axis of `shape` that is the channel, not negative.
    """

    kind: ClassVar[str] = "identity"

    weight: Array = field(default_factory=lambda: np.int64(1))  # type: ignore[arg-type,return-value]
    shape: Shape
    channel_axis: int = 0

    @property
    def in_shape(self) -> Shape:
        return self.shape

    @property
    def out_shape(self) -> Shape:
        return self.shape

    def validate(self) -> None:
        if not 0 <= self.channel_axis < len(self.shape):
            raise GraphError(f"channel axis {self.channel_axis} is not an axis of {self.shape}")
        _check_channel_weight(self)

    def apply(self, x: Array) -> Array:
        x = x.reshape(len(x), *self.shape)
        return x * along(self.weight, len(self.shape), self.channel_axis)

    def count_synapses(self, present: Array) -> IntArray:
        spread = along(present.astype(np.int64), len(self.shape), self.channel_axis)
        return np.broadcast_to(spread, self.shape).copy()

    def to_csr(self) -> Csr:
        index = np.arange(self.in_size, dtype=np.int64)
        weight = along(self.weight, len(self.shape), self.channel_axis)
        weights = np.broadcast_to(weight, self.shape).ravel()
        return np.arange(self.in_size + 1, dtype=np.int64), index, weights

    def weight_channels(self) -> IntArray:
        return np.arange(self.weight.size, dtype=np.int64)


@MAPS.register
@dataclass(frozen=True, kw_only=True, eq=False)
class SumPool(LinearMap):
    """Sum over a sliding window of each channel; an average's divisor lives in the step.

    Into a `Max` population it names the windows over which the maximum is taken.

    Attributes:
        in_shape: (C, *spatial), one to three spatial axes.
        kernel, stride: one entry for each spatial axis.
        padding: (before, after) for each spatial axis; padding has no synapses.
        weight: shape () or (C,).
    """

    kind: ClassVar[str] = "sum-pool"
    channel_axis: ClassVar[int] = 0

    weight: Array = field(default_factory=lambda: np.int64(1))  # type: ignore[arg-type,return-value]
    in_shape: Shape
    kernel: Shape
    stride: Shape
    padding: Padding

    @property
    def dilation(self) -> Shape:
        """Pools are not dilated."""
        return (1,) * len(self.kernel)

    @property
    def out_shape(self) -> Shape:
        return (self.in_shape[0], *self._out_spatial)

    @property
    def _out_spatial(self) -> Shape:
        spatial = self.in_shape[1:]
        return window_shape(spatial, self.kernel, self.stride, self.padding, self.dilation)

    def validate(self) -> None:
        spatial = self.in_shape[1:]
        check_window(spatial, self.kernel, self.stride, self.padding, self.dilation)
        _check_channel_weight(self)

    def apply(self, x: Array) -> Array:
        x = x.reshape(len(x), *self.in_shape)
        out = np.zeros((len(x), *self.out_shape), dtype=x.dtype)
        for _, ins, outs in self._taps():
            out[(..., *outs)] += x[(..., *ins)]
        return out * along(self.weight, len(self.in_shape), 0)

    def count_synapses(self, present: Array) -> IntArray:
        n = self.in_shape[0]
        by_channel = np.broadcast_to(present.astype(np.int64), (n,))
        taps = np.broadcast_to(along(by_channel, len(self.in_shape), 0), (n, *self.kernel))
        spatial, out = self.in_shape[1:], self._out_spatial
        return count_window(taps, spatial, out, self.stride, self.padding, self.dilation)

    def to_csr(self) -> Csr:
        source_at = np.arange(self.in_size).reshape(self.in_shape)
        target_at = np.arange(self.out_size).reshape(self.out_shape)
        weight_at = np.broadcast_to(along(self.weight, len(self.in_shape), 0), self.in_shape)
        none = np.zeros(0, dtype=np.int64)  # every tap may lie in the padding
        parts = [(none, none, none.astype(self.weight.dtype))]
        parts += [
            (
                source_at[(..., *ins)].ravel(),
                target_at[(..., *outs)].ravel(),
                weight_at[(..., *ins)].ravel(),
            )
            for _, ins, outs in self._taps()
        ]
        source, target, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
        return sort_csr(source, target, weight, self.in_size)

    def weight_channels(self) -> IntArray:
        return np.arange(self.weight.size, dtype=np.int64)

    def _taps(self) -> Iterator[Tap]:
        spatial, out = self.in_shape[1:], self._out_spatial
        return tap_slices(spatial, out, self.kernel, self.stride, self.padding, self.dilation)


def _check_channel_weight(map_: LinearMap) -> None:
    if map_.weight.shape not in ((), (map_.n_channels,)):
        raise GraphError(
            f"{map_.kind} weights are () or ({map_.n_channels},), got {map_.weight.shape}"
        )
