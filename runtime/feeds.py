"""From data to feeds: counts of every input and of what the host makes of inputs alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import DataError, ShapeMismatch
from snnc.ir.file import SnncFile
from snnc.ir.nodes import Input
from snnc.ir.signs import input_parts, whole_inputs, with_parts
from snnc.ir.stages import crosses_host
from snnc.runtime.host import host_parts, to_integers

Samples: TypeAlias = Array | Mapping[str, Array]
"""What a model takes, samples first: its first input, or every input by name."""
_Given: TypeAlias = list[tuple[Input, Array]]
"""Every input, and the samples that are given for it."""


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

    def __add__(self, other: InputLoss) -> InputLoss:
        return InputLoss(
            n_values=self.n_values + other.n_values,
            n_rounded=self.n_rounded + other.n_rounded,
            n_clipped=self.n_clipped + other.n_clipped,
            largest=max(self.largest, other.largest),
        )

    def to_json(self) -> dict[str, int | float]:
        """Plain values by name."""
        return dict(vars(self))


class Feeder:
    """Turns data into feeds.

    Host operators that read inputs alone are computed here, the same for every engine; where the
    host works on events too, a run computes what it needs (`snnc.runtime.staged`).

    Args:
        file: the model; its integer graph says what the inputs are.

    Attributes:
        inputs: that data is for.
        names: theirs, in order.
        loss: what the grids of all feeds so far have cost.
    """

    def __init__(self, file: SnncFile) -> None:
        graph = file.integer_graph
        self._split = input_parts(graph)
        self.inputs = whole_inputs(graph)
        self.names = tuple(node.name for node in self.inputs)
        self.loss = InputLoss()
        self._model_frames = int(graph.metadata.get("n_frames", 1))
        self._parts = () if crosses_host(graph) else host_parts(file, graph)

    @property
    def input(self) -> Input:
        """The first input: the one that DATA's `x` is for."""
        return self.inputs[0]

    @property
    def shape(self) -> Shape:
        """Shape of one frame of one sample of the first input."""
        return self.input.shape

    def n_frames(self, x: Samples, where: str | None = None) -> int:
        """Frames in each sample, each input (N, *shape) or (N, T, *shape).

        Args:
            x: samples.
            where: name of the data set, for messages.

        Raises:
            ShapeMismatch: an array has neither shape.
            DataError: an input is missing, or inputs differ in their frames.
        """
        return self._n_frames(self._given(x, where), where)

    def _n_frames(self, given: _Given, where: str | None) -> int:
        found = {node.name: self._frames_of(x, node, where) for node, x in given}
        n = next(iter(found.values()))
        if any(other != n for other in found.values()):
            listed = ", ".join(f"{name} {n}" for name, n in found.items())
            raise DataError(f"the inputs differ in their frames: {listed}", where=where)
        return n

    def frames(self, x: Samples, where: str | None = None) -> dict[str, Array]:
        """Raw data by input, shape (N, T, *shape)."""
        given = self._given(x, where)
        n = self._n_frames(given, where)
        return {i.name: x.reshape(len(x), n, *i.shape) for i, x in self._in_frames(given)}

    def feeds(self, x: Samples, *, first: int = 0, where: str | None = None) -> dict[str, Array]:
        """Counts (or host values) of every source node, shape (N, T, *shape).

        An input that travels in parts is there as a whole, too. Analog inputs that a run's host
        operators read are among them, as they are.

        Args:
            x: samples, each input of shape (N, *shape) or (N, T, *shape).
            first: index of the first sample, for messages.
            where: name of the data set, for messages.

        Raises:
            ShapeMismatch: wrong shape.
            DataError: NaN, infinite or (integer input) out of range.
        """
        given = self._given(x, where)
        n_frames = self._n_frames(given, where)
        raw: dict[str, Array] = {}
        for node, array in self._in_frames(given):
            _check_finite(array, first, where)
            raw[node.name] = array.reshape(-1, *node.shape)
        found: dict[str, Array] = {}
        for node in self.inputs:
            if node.grid:
                found[node.name] = self._count(raw[node.name], node, where)
            elif not self._parts:
                found[node.name] = raw[node.name]
        n_rows = len(next(iter(raw.values())))
        for part in self._parts:
            result = part.run(n_rows, raw, {})
            for host in part.nodes:
                found[host.name] = to_integers(host, result.values[host.name])
        found = with_parts(self._split, found)
        return {k: v.reshape(-1, n_frames, *v.shape[1:]) for k, v in found.items()}

    def _given(self, x: Samples, where: str | None) -> _Given:
        given = x if isinstance(x, Mapping) else {self.names[0]: x}
        missing = [name for name in self.names if name not in given]
        if missing:
            raise DataError(
                f"the model has {len(self.inputs)} inputs ({', '.join(self.names)}), the data has "
                f"no array `{missing[0]}`",
                where=where,
                hint="DATA is an .npz with one array for each input, under its name",
            )
        return [(node, given[node.name]) for node in self.inputs]

    def _frames_of(self, x: Array, node: Input, where: str | None) -> int:
        """By the shape alone: x may be a data set that is not in memory."""
        if self._model_frames > 1 and x.shape[1:] == node.shape:
            return self._model_frames
        return _n_frames(x, node, where)

    def _in_frames(self, given: _Given) -> _Given:
        """A sample without frames is the same in every frame of a model that has several."""
        n = self._model_frames
        if n == 1:
            return given
        return [
            (node, np.broadcast_to(x[:, None], (len(x), n, *node.shape)))
            if x.shape[1:] == node.shape
            else (node, x)
            for node, x in given
        ]

    def _count(self, x: Array, node: Input, where: str | None) -> IntArray:
        if np.dtype(node.dtype).kind in "bui":
            return _integer_counts(x, node, where)
        return self._grid_counts(x, node)

    def _grid_counts(self, x: Array, node: Input) -> IntArray:
        """clip(round_half_even(x / step), lo, hi), the division in the input's arithmetic."""
        values = x.astype(np.float64)
        step = np.dtype(node.arithmetic).type(node.step)
        rounded = np.rint(values.astype(node.arithmetic, copy=False) / step)
        clipped = np.minimum(np.maximum(rounded, node.lo), node.hi)
        counts = clipped.astype(np.int64)
        self._note_loss(values, counts * node.step, node)
        self.loss.n_clipped += int(np.count_nonzero(rounded != clipped))
        return counts

    def _note_loss(self, values: Array, kept: Array, node: Input) -> None:
        loss = self.loss
        loss.n_values += values.size
        # half an ulp of float32 is no loss: the source could not tell either
        as_source = kept.astype(node.dtype) != values.astype(node.dtype)
        loss.n_rounded += int(np.count_nonzero(as_source))
        loss.largest = max(loss.largest, float(np.abs(values - kept).max(initial=0.0)))


def _n_frames(x: Array, node: Input, where: str | None) -> int:
    if x.shape[1:] == node.shape:
        return 1
    if x.shape[2:] == node.shape and x.ndim == len(node.shape) + 2 and x.shape[1]:
        return int(x.shape[1])
    raise _wrong_shape(x.shape, node, where)


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
    finite = np.isfinite(x)
    if not finite.all():
        bad = ~finite.reshape(len(x), -1).all(axis=1)
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
