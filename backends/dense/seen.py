"""What nodes emitted, counted outside of the graph: how, and where that stands in memory.

A tensor of bytes that a session has computed lies there anyway. To add it up in one compiled pass
over all of them costs less than operators beside each, of which every one has its start to pay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from snnc.backends.dense.builder import DType
from snnc.backends.dense.sums import alike
from snnc.ir.arrays import Array, IntArray, Shape, size_of

LARGEST_SUM = 2**31 - 1
"""Sums of bytes are kept in int32; those of float32 in int64."""
LARGEST_BYTE = 255
LABEL_COST, RUN_COST = 16, 16
"""Of a position and of a run, in neurons: what a short loop costs before it begins."""
ALIGNMENT = 64
"""Bytes: of a cache line."""
SUMS: dict[DType, str] = {"u1": "i4", "f4": "i8"}
"""Types that can be counted here, and what holds their sums."""


@dataclass(frozen=True)
class Labels:
    """Which sum each neuron is added to.

    Attributes:
        runs: (n, 3): begin, end and sum of neurons in a row; None: the sums go by position.
        positions: number n of a position: its `channels` neurons (of the last axis, or the last
            ones) are added to the sums from n * channels on.
        n_sums: number of sums.
    """

    runs: IntArray | None
    positions: IntArray
    channels: int
    n_sums: int

    @property
    def flat(self) -> IntArray:
        """As the kernels read them."""
        return self.positions if self.runs is None else self.runs.reshape(-1)

    @property
    def n(self) -> int:
        """Positions or runs."""
        return len(self.positions if self.runs is None else self.runs)

    def add(self, totals: Array) -> IntArray:
        """The sums of (size,) totals, as the kernels compute them."""
        if self.runs is not None:
            sums = np.zeros(self.n_sums, dtype=np.int64)
            parts = np.add.reduceat(totals, self.runs[:, 0], dtype=np.int64)
            np.add.at(sums, self.runs[:, 2], parts)
            return sums
        parts = totals.reshape(-1, self.channels)
        alike = [parts[chosen].sum(axis=0, dtype=np.int64) for chosen in self.by_label]
        return np.concatenate(alike)

    @cached_property
    def by_label(self) -> list[IntArray]:
        """Positions of each label."""
        order = np.argsort(self.positions, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.positions))[:-1])


@dataclass(frozen=True)
class Seen:
    """What one node emits, and how that is counted.

    Attributes:
        tensor: (rows, *shape), integers.
        dtype: its type.
        weights: (q, n_sums): of each sum in each column.
        masks: for each choice of rows the neurons whose payloads decide; None: all.
        fired: are events counted, or is each of them a unit spike?
        largest: |value|.
    """

    tensor: str
    dtype: DType
    shape: Shape
    labels: Labels
    weights: IntArray
    masks: tuple[IntArray | None, ...]
    fired: bool
    largest: int

    @property
    def block(self) -> int:
        """Rows whose values can be added in their own type."""
        return LARGEST_BYTE // max(1, self.largest) if self.dtype == "u1" else 1

    @property
    def size(self) -> int:
        """Neurons."""
        return size_of(self.shape)


def labels_of(matrix: IntArray, shape: Shape) -> tuple[Labels, IntArray]:
    """The cheapest labels for weights (size, q) of neurons of some shape, and what sums weigh."""
    size, q = matrix.shape
    label, first = alike(matrix)
    begins = np.flatnonzero(np.diff(label, prepend=-1))
    ends = np.append(begins[1:], size)
    in_runs = Labels(np.stack([begins, ends, label[begins]], axis=1), label[:0], 1, len(first))
    offers = [(RUN_COST * in_runs.n + q * in_runs.n_sums, in_runs, matrix[first])]
    for split in range(max(1, len(shape))):
        channels = size_of(shape[split:])
        label, first = alike(matrix.reshape(size // channels, -1))
        by_position = Labels(None, label, channels, len(first) * channels)
        kept = matrix.reshape(-1, channels, q)[first].reshape(-1, q)
        offers.append((LABEL_COST * by_position.n + q * by_position.n_sums, by_position, kept))
    _, labels, weights = min(offers, key=lambda offer: offer[0])
    return labels, np.ascontiguousarray(weights.T)


def fits(dtype: DType, largest: int, size: int, rows: int) -> bool:
    """Can a tensor be counted here, of values up to `largest`?"""
    return dtype == "f4" or (dtype == "u1" and largest * size * rows <= LARGEST_SUM)


class Tray:
    """Room for what some rows emit, the tensors of a type one behind the other.

    Attributes:
        rows: number of rows.
        flat: all tensors of a type.
        views: by tensor: its part, (rows, *shape).
    """

    def __init__(self, seen: Sequence[Seen], rows: int) -> None:
        self.rows = rows
        self.flat: dict[DType, Array] = {}
        self._begins: dict[str, int] = {}
        self._starts: dict[tuple[str, ...], NDArray[np.uint64]] = {}
        self.views: dict[str, Array] = {}
        for dtype in SUMS:
            self._lay(dtype, [s for s in seen if s.dtype == dtype])

    def _lay(self, dtype: DType, seen: list[Seen]) -> None:
        size_of_one = np.dtype(dtype).itemsize
        line = ALIGNMENT // size_of_one
        room = {s.tensor: -(-self.rows * s.size // line) * line for s in seen}
        ends = np.cumsum([0, *room.values()])
        begins = dict(zip(room, ends[:-1].tolist(), strict=True))
        raw = np.empty((int(ends[-1]) + line) * size_of_one, dtype=np.uint8)
        skipped = -raw.ctypes.data % ALIGNMENT
        flat = raw[skipped : skipped + int(ends[-1]) * size_of_one].view(dtype)
        for s in seen:
            at = begins[s.tensor]
            self.views[s.tensor] = flat[at : at + self.rows * s.size].reshape(-1, *s.shape)
        self.flat[dtype] = flat
        self._begins |= begins

    def starts(self, tensors: tuple[str, ...]) -> NDArray[np.uint64]:
        """Where some tensors of a type begin in it."""
        if tensors not in self._starts:
            at = [self._begins[name] for name in tensors]
            self._starts[tensors] = np.array(at, dtype=np.uint64)
        return self._starts[tensors]

    def fill(self, tensors: dict[str, Array]) -> None:
        """Copy what was not computed in place."""
        for name, view in self.views.items():
            if tensors[name] is not view:
                view[...] = tensors[name].reshape(view.shape)
