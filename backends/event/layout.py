"""Where neurons and weights lie in memory.

Populations lie channel last, so that one event adds whole rows over the output channels. The
weights of a window lie by input channel and kernel tap, taps ordered such that neighbouring taps
meet neighbouring output pixels: then a row of taps is one run in both arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.maps import Conv, Dense, LinearMap, SumPool

# Header of a window's geometry; then (first output, number, first tap) of each input row, then
# of each input column.
(
    HEIGHT,
    WIDTH,
    ROW,
    CHANNELS_IN,
    CHANNELS_OUT,
    GROUP_IN,
    GROUP_OUT,
    TAPS_X,
    STEP_Y,
    STEP_X,
    HEADER,
) = range(11)


@dataclass(frozen=True)
class Layout:
    """Order of a population's neurons: internal index = pixel * channels + channel.

    Attributes:
        channels_first: in C order the channel comes first: index = channel * pixels + pixel.
    """

    pixels: int
    channels: int
    channels_first: bool = False

    @property
    def is_c_order(self) -> bool:
        """Is the internal index the C-order index?"""
        return not self.channels_first or self.pixels == 1 or self.channels == 1

    def order(self) -> IntArray:
        """C-order index of each internal index."""
        index = np.arange(self.pixels * self.channels, dtype=np.int64)
        if self.is_c_order:
            return index
        return index.reshape(self.channels, self.pixels).T.reshape(-1)

    def position(self) -> IntArray:
        """Internal index of each C-order index."""
        order = self.order()
        position = np.empty_like(order)
        position[order] = np.arange(len(order))
        return position

    def same_order(self, other: Layout) -> bool:
        """Do the same neurons lie at the same places?"""
        return (self.is_c_order and other.is_c_order) or self == other


def is_flat_window(map_: LinearMap) -> bool:
    """A convolution or pool over one or two axes: there are no kernels for more."""
    return isinstance(map_, Conv | SumPool) and len(map_.kernel) <= 2


def input_layout(map_: LinearMap) -> Layout | None:
    """The layout in which a map's kernel wants its input; None: any."""
    if is_flat_window(map_):
        return Layout(prod(map_.in_shape[1:]), map_.in_shape[0], channels_first=True)
    if isinstance(map_, Dense) and map_.lead:
        return Layout(prod(map_.lead), map_.in_shape[-1])
    return None


def output_layout(map_: LinearMap) -> Layout | None:
    """The layout in which a map's kernel writes its output; None: any."""
    if is_flat_window(map_):
        return Layout(prod(map_.out_shape[1:]), map_.out_shape[0], channels_first=True)
    if isinstance(map_, Dense) and map_.lead:
        return Layout(prod(map_.lead), map_.out_shape[-1])
    return None


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a window.

    Attributes:
        table: (first output, number of outputs, first tap) of each input position, shape (n, 3).
        taps: kernel index of each stored tap.
        step: from one output that a position meets to its next.
    """

    table: IntArray
    taps: IntArray
    step: int


def window_axis(n: int, n_out: int, kernel: int, stride: int, pad: int, dilation: int) -> Axis:
    """Which taps and outputs each input position meets: x + pad - dilation * k = stride * out.

    The solutions k of one position are `stride / gcd` apart; stored falling and phase by phase,
    they lie side by side while `out` rises by `dilation / gcd`.
    """
    common = gcd(dilation, stride)
    between = stride // common
    taps = [k for phase in range(between) for k in range(kernel)[phase::between][::-1]]
    stored_at = {k: at for at, k in enumerate(taps)}
    table = np.zeros((n, 3), dtype=np.int64)
    for x in range(n):
        at = x + pad
        met = [k for k in reversed(range(kernel)) if _meets(at - dilation * k, stride, n_out)]
        if met:
            table[x] = (at - dilation * met[0]) // stride, len(met), stored_at[met[0]]
    return Axis(table, np.array(taps, dtype=np.int64), dilation // common)


def _meets(at: int, stride: int, n_out: int) -> bool:
    return at % stride == 0 and 0 <= at // stride < n_out


def window_geometry(map_: Conv | SumPool | Dense) -> tuple[IntArray, Array]:
    """Flat geometry of a window, and its weights as the kernels read them.

    Returns:
        geometry as `HEIGHT` … say; weights, shape (C_in, taps y, taps x, C_out / groups).
    """
    if isinstance(map_, Dense):
        axes = [window_axis(1, 1, 1, 1, 0, 1), _tokens(prod(map_.lead))]
        n_out, n_in = map_.weight.shape
        weights = map_.weight.T.reshape(n_in, 1, 1, n_out)
        return _flat(axes, prod(map_.lead), n_in, n_out, 1), weights
    spatial, out = map_.in_shape[1:], map_.out_shape[1:]
    axes = [
        window_axis(n, n_out, kernel, stride, pad, dilation)
        for n, n_out, kernel, stride, (pad, _), dilation in zip(
            spatial, out, map_.kernel, map_.stride, map_.padding, map_.dilation, strict=True
        )
    ]
    if len(axes) == 1:
        axes.insert(0, window_axis(1, 1, 1, 1, 0, 1))
    kernel = window_kernel(map_)
    ordered = kernel[:, :, axes[0].taps][:, :, :, axes[1].taps]
    groups = map_.groups if isinstance(map_, Conv) else map_.in_shape[0]
    geometry = _flat(axes, out[-1], map_.in_shape[0], map_.out_shape[0], groups)
    return geometry, np.ascontiguousarray(_by_input(ordered, groups))


def window_kernel(map_: Conv | SumPool) -> Array:
    """Weights as (C_out, C_in / groups, kernel y, kernel x)."""
    if isinstance(map_, SumPool):
        channels = map_.in_shape[0]
        by_channel = np.broadcast_to(map_.weight, (channels,)).reshape(channels, 1, 1, 1)
        size = (1,) * (2 - len(map_.kernel)) + map_.kernel
        return np.broadcast_to(by_channel, (channels, 1, *size))
    weight = map_.weight
    return weight if weight.ndim == 4 else weight[:, :, None, :]


def _by_input(kernel: Array, groups: int) -> Array:
    """(C_out, C_in / groups, ky, kx) to (C_in, ky, kx, C_out / groups)."""
    c_out, c_group, ky, kx = kernel.shape
    grouped = kernel.reshape(groups, c_out // groups, c_group, ky, kx)
    return grouped.transpose(0, 2, 3, 4, 1).reshape(groups * c_group, ky, kx, c_out // groups)


def _tokens(n: int) -> Axis:
    table = np.stack([np.arange(n), np.ones(n), np.zeros(n)], axis=1).astype(np.int64)
    return Axis(table, np.zeros(1, dtype=np.int64), 1)


def _flat(axes: list[Axis], row: int, c_in: int, c_out: int, groups: int) -> IntArray:
    y, x = axes
    header = np.empty(HEADER, dtype=np.int64)
    header[[HEIGHT, WIDTH, ROW]] = len(y.table), len(x.table), row
    header[[CHANNELS_IN, CHANNELS_OUT]] = c_in, c_out
    header[[GROUP_IN, GROUP_OUT]] = c_in // groups, c_out // groups
    header[[TAPS_X, STEP_Y, STEP_X]] = len(x.taps), y.step, x.step
    return np.concatenate([header, y.table.reshape(-1), x.table.reshape(-1)])
