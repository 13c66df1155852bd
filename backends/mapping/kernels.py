"""Maps with weights shared over positions, seen alike: groups of channels and taps along axes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from snnc.backends.mapping.model import Box
from snnc.ir.arrays import Shape, size_of
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, SumPool
from snnc.ir.maps.windows import Padding

Parts: TypeAlias = tuple[tuple[int, int], ...]
"""Sizes and how often each occurs."""


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """A map whose weights do not depend on the position.

    Attributes:
        in_shape, out_shape: of the map.
        axis: the channel axis, of both shapes.
        groups: of channels; input channels meet the output channels of their own group.
        taps, stride, padding, dilation: one entry for each axis but the channel.
    """

    in_shape: Shape
    out_shape: Shape
    axis: int
    groups: int
    taps: Shape
    stride: Shape
    padding: Padding
    dilation: Shape

    @property
    def sites_in(self) -> Shape:
        """Input positions along each axis but the channel."""
        return self.in_shape[: self.axis] + self.in_shape[self.axis + 1 :]

    @property
    def sites_out(self) -> Shape:
        """Output positions along each axis but the channel."""
        return self.out_shape[: self.axis] + self.out_shape[self.axis + 1 :]

    @property
    def group_in(self) -> int:
        """Input channels of a group."""
        return self.in_shape[self.axis] // self.groups

    @property
    def group_out(self) -> int:
        """Output channels of a group."""
        return self.out_shape[self.axis] // self.groups

    @cached_property
    def n_taps(self) -> int:
        """Kernel taps."""
        return size_of(self.taps)

    def channels(self, box: Box) -> tuple[int, int]:
        """Range of output channels in a box of `out_shape`."""
        return box[self.axis]

    def sites(self, box: Box) -> Box:
        """Ranges of output positions in a box of `out_shape`."""
        return box[: self.axis] + box[self.axis + 1 :]

    def group_parts(self, channels: tuple[int, int]) -> Parts:
        """Output channels that a range has of each group that it meets, and in how many groups."""
        lo, hi = channels
        size = self.group_out
        first, last = lo // size, (hi - 1) // size
        if first == last:
            return ((hi - lo, 1),)
        edges = ((first + 1) * size - lo, hi - last * size)
        return ((edges[0], 1), (size, last - first - 1), (edges[1], 1))

    def met(self, along: int, span: tuple[int, int]) -> list[tuple[int, ...]]:
        """For each input position along an axis: the taps that lead into a span of outputs."""
        if (along, span) not in self._met:
            self._met[along, span] = self._meet(along, span)
        return self._met[along, span]

    @cached_property
    def _met(self) -> dict[tuple[int, tuple[int, int]], list[tuple[int, ...]]]:
        return {}

    def _meet(self, along: int, span: tuple[int, int]) -> list[tuple[int, ...]]:
        n, stride = self.sites_in[along], self.stride[along]
        pad, dilation = self.padding[along][0], self.dilation[along]
        lo, hi = span
        met: list[list[int]] = [[] for _ in range(n)]
        for tap in range(self.taps[along]):
            at = np.arange(lo, hi) * stride + tap * dilation - pad
            for position in at[(at >= 0) & (at < n)]:
                met[position].append(tap)
        return [tuple(taps) for taps in met]


def kernel_of(map_: LinearMap) -> Kernel | None:
    """The kernel of a map with shared weights, None for any other."""
    if isinstance(map_, Conv | SumPool):
        groups = map_.groups if isinstance(map_, Conv) else map_.in_shape[0]
        return Kernel(
            in_shape=map_.in_shape,
            out_shape=map_.out_shape,
            axis=0,
            groups=groups,
            taps=tuple(map_.kernel),
            stride=map_.stride,
            padding=map_.padding,
            dilation=map_.dilation,
        )
    if isinstance(map_, Identity):
        return _pointwise(map_.shape, map_.shape, map_.channel_axis, map_.n_channels)
    if isinstance(map_, Dense) and map_.lead:
        return _pointwise(map_.in_shape, map_.out_shape, len(map_.lead), 1)
    return None


def _pointwise(in_shape: Shape, out_shape: Shape, axis: int, groups: int) -> Kernel:
    n = len(in_shape) - 1
    return Kernel(
        in_shape=in_shape,
        out_shape=out_shape,
        axis=axis,
        groups=groups,
        taps=(1,) * n,
        stride=(1,) * n,
        padding=((0, 0),) * n,
        dilation=(1,) * n,
    )
