"""Boxes of neurons: their size, and what they are in another shape of the same neurons."""

from __future__ import annotations

import numpy as np

from snnc.backends.mapping.model import Box
from snnc.ir.arrays import Shape


def whole(shape: Shape) -> Box:
    """All of a shape."""
    return tuple((0, n) for n in shape)


def box_size(box: Box) -> int:
    """Number of neurons."""
    size = 1
    for lo, hi in box:
        size *= hi - lo
    return size


def same_axes(shape: Shape, other: Shape) -> bool:
    """Are two shapes equal but for axes of extent 1?"""
    return [n for n in shape if n > 1] == [n for n in other if n > 1]


def project(box: Box, shape: Shape, other: Shape) -> Box:
    """The smallest box of `other` that holds a box of `shape`; both shapes have one C order."""
    if shape == other:
        return box
    if same_axes(shape, other):
        rest = iter([span for span, n in zip(box, shape, strict=True) if n > 1])
        return tuple(next(rest) if n > 1 else (0, 1) for n in other)
    at = np.ravel_multi_index(np.ix_(*(np.arange(lo, hi) for lo, hi in box)), shape)
    coordinates = np.unravel_index(np.ravel(at), other)
    return tuple((int(c.min()), int(c.max()) + 1) for c in coordinates)
