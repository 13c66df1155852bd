"""Effective weights of a projection, row by row: one row for each output channel of its map.

Effective weight = map weight x step of the source: the real value that one integer of the source
adds. Rows come in chunks, so that no second copy of a large layer is ever made in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, size_of
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, SumPool
from snnc.ir.maps.sparse import Sparse

_CHUNK = 1 << 22


@dataclass(frozen=True, eq=False)
class Rows:
    """Effective weights by row.

    Attributes:
        map: the map, its weights real.
        weights: shape (R, n): the map's weights by row; padded with zeros where ragged.
        scale: step of the source at each weight, shape () or (G, n): row r uses scale
            r // (R / G). 0 where nothing arrives.
    """

    map: LinearMap
    weights: FloatArray
    scale: FloatArray

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.weights)

    def chunks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Consecutive rows with their effective weights, shape (r, n)."""
        height = max(1, _CHUNK // max(1, self.weights.shape[1]))
        for start in range(0, self.n_rows, height):
            part = slice(start, min(start + height, self.n_rows))
            yield part, self.weights[part] * self._scale_of(part)

    def _scale_of(self, part: slice) -> FloatArray:
        if self.scale.ndim == 0 or len(self.scale) == 1:
            return self.scale
        group = np.arange(part.start, part.stop) // (self.n_rows // len(self.scale))
        return self.scale[group]

    def to_weight(self, integers: IntArray) -> IntArray:
        """Integer rows, shape (R, n), as the map's weight array."""
        if isinstance(self.map, Sparse):
            channel, place = _places(self.map)
            return integers[channel, place]
        if isinstance(self.map, Identity | SumPool):
            flat, used = integers[:, 0], np.broadcast_to(self.scale != 0, integers.shape)[:, 0]
            # what nothing arrives at may have any weight
            common = flat[used][0] if used.any() else flat[0]
            return common.reshape(()) if (flat[used] == common).all() else flat
        return integers.reshape(self.map.weight.shape)


def effective_rows(projection: Projection, source_step: FloatArray) -> tuple[Projection, Rows]:
    """Rows of a projection; the projection comes back sparse where no other map can hold them.

    Args:
        source_step: step of each source neuron, shape () or (source size,).
    """
    complete = projection.gather is None or bool((projection.gather >= 0).all())
    if source_step.ndim == 0 and complete:
        return projection, Rows(projection.map, _weights(projection.map), source_step)
    at_input = _at_input(projection, source_step)
    scale = _scale(projection.map, at_input)
    if scale is None:
        projection = replace(projection, map=_as_sparse(projection.map))
        scale = _scale(projection.map, at_input)
        assert scale is not None
    return projection, Rows(projection.map, _weights(projection.map), scale)


def _at_input(projection: Projection, source_step: FloatArray) -> FloatArray:
    """Step at each map input position, 0 where nothing arrives."""
    if projection.gather is None:
        return source_step
    taken = source_step if source_step.ndim == 0 else source_step[np.maximum(projection.gather, 0)]
    return np.where(projection.gather >= 0, taken, 0.0)


def _weights(map_: LinearMap) -> FloatArray:
    if isinstance(map_, Sparse):
        channel, place = _places(map_)
        padded = np.zeros((map_.n_channels, int(place.max(initial=0)) + 1))
        padded[channel, place] = map_.weight
        return padded
    if isinstance(map_, Identity | SumPool):
        return np.broadcast_to(map_.weight, (map_.n_channels,)).reshape(-1, 1)
    return map_.rows()


def _scale(map_: LinearMap, at_input: FloatArray) -> FloatArray | None:
    """The source's steps by column of the rows, None where they differ inside a column."""
    shape = map_.in_shape
    if isinstance(map_, Sparse):
        channel, place = _places(map_)
        scale = np.zeros((map_.n_channels, int(place.max(initial=0)) + 1))
        source = np.repeat(np.arange(map_.in_size), np.diff(map_.indptr))
        scale[channel, place] = at_input[source]
        return scale
    if isinstance(map_, Dense):
        by_column = _constant(at_input.reshape(-1, shape[-1]).T)
        return None if by_column is None else by_column[None]
    if isinstance(map_, Conv):
        by_channel = _constant(at_input.reshape(shape[0], -1))
        if by_channel is None:
            return None
        return np.repeat(by_channel, size_of(map_.kernel)).reshape(map_.groups, -1)
    by_channel = _constant(
        np.moveaxis(at_input.reshape(shape), map_.channel_axis, 0).reshape(map_.n_channels, -1)
    )
    return None if by_channel is None else by_channel[:, None]


def _constant(values: FloatArray) -> FloatArray | None:
    """The one value of each row, zeros apart; None where a row has several."""
    top = values.max(axis=1)
    if ((values != 0) & (values != top[:, None])).any():
        return None
    return top


def _places(map_: Sparse) -> tuple[IntArray, IntArray]:
    """Row and place in the row of each synapse."""
    channel = map_.weight_channels()
    order = np.argsort(channel, kind="stable")
    count = np.bincount(channel, minlength=map_.n_channels)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    place = np.empty(len(channel), dtype=np.int64)
    place[order] = np.arange(len(channel)) - np.repeat(first, count)
    return channel, place


def _as_sparse(map_: LinearMap) -> Sparse:
    indptr, targets, weight = map_.to_csr()
    return Sparse(
        in_shape=map_.in_shape,
        out_shape=map_.out_shape,
        indptr=indptr,
        targets=targets,
        weight=weight,
        channel_axis=map_.channel_axis % len(map_.out_shape),
    )


def scale_rows(map_: LinearMap, factor: Array) -> LinearMap:
    """A map with each row times its factor, shape (R,)."""
    weight = map_.weight
    if isinstance(map_, Sparse):
        return map_.with_weight(weight * factor[map_.weight_channels()])
    if weight.ndim == 0:
        uniform = bool((factor == factor[0]).all())
        return map_.with_weight(weight * (factor[0] if uniform else factor))
    by_row = factor.reshape(-1, *(1,) * (weight.ndim - 1))
    return map_.with_weight(weight * by_row)


def quantise_rows(
    rows: Rows, unit: FloatArray, sign: Array
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Integer rows round_half_even(effective weight / unit) * sign.

    Args:
        unit: real value of integer weight 1 for each row, shape (R,).
        sign: 1 or -1 for each row.

    Returns:
        integer rows (R, n); per row the largest |error| and the sum of squared errors, real.
    """
    integers = np.empty(rows.weights.shape, dtype=np.int64)
    largest, squares = np.zeros(rows.n_rows), np.zeros(rows.n_rows)
    for part, weights in rows.chunks():
        near = np.rint(weights / unit[part, None])
        error = weights - near * unit[part, None]
        largest[part] = np.abs(error).max(axis=1, initial=0.0)
        squares[part] = (error * error).sum(axis=1)
        integers[part] = near.astype(np.int64) * sign[part, None]
    return integers, largest, squares
