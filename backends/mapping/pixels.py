"""Kernels as Loihi 1 keeps them: a list for each way in which an input position meets them.

nengo-loihi, conv.py, `conv2d_loihi_weights`: positions share a list where they meet the same taps;
a list tells its neurons as offsets from a base below 256, so that cores with more neurons hold
copies for further bases.
"""

from __future__ import annotations

from functools import reduce
from typing import TypeAlias

import numpy as np

from snnc.backends.chips import SynapseFormat
from snnc.backends.mapping.kernels import Kernel
from snnc.backends.mapping.lists import index_width, list_words, stored_widths
from snnc.backends.mapping.model import Box
from snnc.ir.arrays import IntArray

Meeting: TypeAlias = tuple[tuple[int, ...], int, int]
"""Taps that an input position meets along an axis, and the first and last output they lead to."""

_BASES = 256


def meetings(kernel: Kernel, sites: Box) -> tuple[tuple[Meeting, ...], ...]:
    """For each axis of positions, those input positions that reach a box of outputs."""
    found = []
    for along, (lo, hi) in enumerate(sites):
        stride, dilation = kernel.stride[along], kernel.dilation[along]
        pad = kernel.padding[along][0]
        found.append(
            tuple(
                (taps, (i + pad - taps[-1] * dilation) // stride - lo,
                 (i + pad - taps[0] * dilation) // stride - lo)
                for i, taps in enumerate(kernel.met(along, (lo, hi)))
                if taps
            )
        )  # fmt: skip
    return tuple(found)


def pixel_cost(
    axes: tuple[tuple[Meeting, ...], ...], extents: tuple[int, ...], n_out: int, n_pairs: int,
    bits: int, form: SynapseFormat,
) -> tuple[int, int]:  # fmt: skip
    """Words and axons of the kernels into a core.

    Args:
        axes: as `meetings` gives them.
        extents: output positions of the core along each axis.
        n_out: output channels of the core.
        n_pairs: pairs of input and output channels that meet at a tap.
        bits: of a weight.
        form: the chip's.
    """
    patterns: list[dict[tuple[int, ...], int]] = [{} for _ in axes]
    ids = [
        [p.setdefault(m[0], len(p)) for m in axis] for p, axis in zip(patterns, axes, strict=True)
    ]
    first = _grid([[m[1] for m in axis] for axis in axes], extents) * n_out
    span = _grid([[m[2] - m[1] for m in axis] for axis in axes], extents) * n_out + n_out - 1
    base = first // _BASES
    pattern = _grid(ids, tuple(len(p) for p in patterns))
    highest = int((base * _BASES + span).max(initial=0))
    shapes = np.unique(np.stack([pattern.reshape(-1), base.reshape(-1)]), axis=1)[0]
    lengths = [[len(taps) for taps in p] for p in patterns]
    n_taps = reduce(np.multiply.outer, [np.array(n) for n in lengths], np.array(1)).reshape(-1)
    index = index_width(highest + 1, form)
    words = sum(
        list_words(n_pairs * int(n_taps[shape]), width + index, form)
        for shape in shapes
        for width in stored_widths(bits, form)
    )
    return words, first.size


def _grid(values: list[list[int]], extents: tuple[int, ...]) -> IntArray:
    """Flat C-order position of every combination, one value for each axis of `extents`."""
    total = np.zeros((1,) * len(values), dtype=np.int64)
    for axis, along in enumerate(values):
        shape = [1] * len(values)
        shape[axis] = -1
        total = total * extents[axis] + np.array(along, dtype=np.int64).reshape(shape)
    return total
