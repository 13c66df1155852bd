"""From data to feeds: counts of every input and host operator, the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import DataError, ShapeMismatch
from snnc.ir.file import SnncFile
from snnc.ir.nodes import Input
from snnc.runtime.host import host_runners


@dataclass
class InputLoss:
    """What putting inputs on their grid cost, over all feeds so far.

    Attributes:
        n_values: values seen.
        n_rounded: values that were not on the grid.
        n_clipped: values outside its range.
        largest: largest |x - count * step|.
    """

    n_values: int = 0
    n_rounded: int = 0
    n_clipped: int = 0
    largest: float = 0.0

    def to_json(self) -> dict[str, int | float]:
        """Plain values by name."""
        return dict(vars(self))


class Feeder:
    """Turns data into feeds.

    Args:
        file: the model; its integer graph says what the inputs are.

    Raises:
        DataError: the model has more than one input (DATA carries one array).
    """

    def __init__(self, file: SnncFile) -> None:
        graph = file.integer_graph
        if len(graph.inputs) != 1:
            names = ", ".join(node.name for node in graph.inputs)
            raise DataError(
                f"the model has {len(graph.inputs)} inputs ({names}), DATA carries one array `x`"
            )
        self.input = graph.inputs[0]
        self.loss = InputLoss()
        self._hosts = host_runners(file, graph)

    @property
    def shape(self) -> Shape:
        """Shape of one frame of one sample."""
        return self.input.shape

    def n_frames(self, x: Array, where: str | None = None) -> int:
        """Frames in each sample of `x`, shape (N, *shape) or (N, T, *shape).

        Args:
            x: samples.
            where: name of the data set, for messages.

        Raises:
            ShapeMismatch: `x` has neither shape.
        """
        if x.shape[1:] == self.shape:
            return 1
        if x.shape[2:] == self.shape and x.ndim == len(self.shape) + 2 and x.shape[1]:
            return int(x.shape[1])
        raise _wrong_shape(x.shape, self.input, where)

    def feeds(self, x: Array, *, first: int = 0, where: str | None = None) -> dict[str, IntArray]:
        """Counts (or host values) of every source node, shape (N, T, *shape).

        Args:
            x: samples, shape (N, *shape) or (N, T, *shape).
            first: index of the first sample, for messages.
            where: name of the data set, for messages.

        Raises:
            ShapeMismatch: wrong shape.
            DataError: NaN, infinite or (integer input) out of range.
        """
        n_frames = self.n_frames(x, where)
        _check_finite(x, first, where)
        frames = x.reshape(len(x) * n_frames, *self.shape)
        found: dict[str, IntArray] = {}
        if self.input.grid:
            found[self.input.name] = self._count(frames, where)
        for name, host in self._hosts.items():
            found[name] = host.run({self.input.name: frames})
        return {k: v.reshape(len(x), n_frames, *v.shape[1:]) for k, v in found.items()}

    def _count(self, x: Array, where: str | None) -> IntArray:
        node = self.input
        if np.dtype(node.dtype).kind in "bui":
            return _integer_counts(x, node, where)
        return self._grid_counts(x, node)

    def _grid_counts(self, x: Array, node: Input) -> IntArray:
        """clip(round_half_even(x / step), lo, hi) in float64."""
        values = x.astype(np.float64)
        rounded = np.rint(values / node.step)
        counts = np.clip(rounded, node.lo, node.hi).astype(np.int64)
        self._note_loss(values, rounded, counts, node)
        return counts

    def _note_loss(self, values: Array, rounded: Array, counts: IntArray, node: Input) -> None:
        off = np.abs(values - counts * node.step)
        loss = self.loss
        loss.n_values += values.size
        loss.n_clipped += int(np.count_nonzero(rounded != counts))
        # half an ulp of float32 is no loss: the source could not tell either
        as_source = (counts * node.step).astype(node.dtype) != values.astype(node.dtype)
        loss.n_rounded += int(np.count_nonzero(as_source))
        loss.largest = max(loss.largest, float(off.max(initial=0.0)))


def _integer_counts(x: Array, node: Input, where: str | None) -> IntArray:
    """Data less the zero point, exact; anything that is not on the grid is an error."""
    q = np.rint(x).astype(np.int64)
    if x.dtype.kind == "f" and (q != x).any():
        raise DataError(
            f"the model takes {node.dtype}, the data holds fractions such as {x[q != x].flat[0]:g}",
            where=where,
            hint=f"give the data as {node.dtype}",
        )
    counts = q - node.zero_point
    if counts.min() < node.lo or counts.max() > node.hi:
        raise DataError(
            f"values run from {q.min()} to {q.max()}, the model takes "
            f"{node.lo + node.zero_point} to {node.hi + node.zero_point}",
            where=where,
        )
    return counts


def _check_finite(x: Array, first: int, where: str | None) -> None:
    if x.dtype.kind != "f":
        return
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        raise DataError(f"sample {first + int(bad.argmax())} holds NaN or infinite", where=where)


def _wrong_shape(shape: Shape, node: Input, where: str | None) -> ShapeMismatch:
    expected = ", ".join(map(str, node.shape))
    hint = None
    if _long(shape[1:]) != _long(node.shape) and sorted(shape[1:]) == sorted(node.shape):
        hint = f"transpose its axes, so that one sample has shape ({expected})"
    elif size_of(shape[1:]) == node.size:
        hint = f"reshape it: x.reshape(-1, {expected})"
    return ShapeMismatch(
        f"x has shape {shape}, the model takes (N, {expected}) or (N, T, {expected})",
        where=where,
        hint=hint,
    )


def _long(shape: Shape) -> Shape:
    """The axes longer than 1: where these agree, a reshape moves no value."""
    return tuple(n for n in shape if n > 1)
