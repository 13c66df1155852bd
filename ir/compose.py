"""Two projections in a row as one: linear maps composed, exact in integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape, size_of
from snnc.ir.errors import PassFailed
from snnc.ir.graph import Projection
from snnc.ir.maps import Identity, LinearMap, Sparse
from snnc.ir.maps.base import Csr

LARGEST_COMPOSED = 2**27
"""Pairs of synapses that one composition may visit: some ten seconds of work."""
_CHUNK = 2**22
"""Pairs that are held at once."""


def compose(
    first: Projection, second: Projection, *, sizes: tuple[int, int], shape: Shape, axis: int
) -> Projection:
    """The projection that brings straight to the end what two bring by way of a sum.

    Convolutions stay convolutions where the other projection is an identity; else the synapses
    are listed one by one.

    Args:
        first: into the sum.
        second: out of the sum; its name, target and port are those of the result.
        sizes: neurons of the first's source and of the sum.
        shape: of the port that the second reaches.
        axis: channel axis within `shape`.

    Raises:
        PassFailed: the composed map takes more than `LARGEST_COMPOSED` pairs of synapses.
    """
    frames = first.frames + second.frames
    joined = replace(
        second,
        source=first.source,
        exponent=first.exponent + second.exponent,
        delay=0 if frames else first.delay + second.delay,
        frames=frames,
    )
    if _scales_outputs(first, second):
        return replace(joined, map=_scaled(first.map, second.map), gather=first.gather)
    if isinstance(first.map, Identity) and first.map.weight.ndim == 0:
        weight = second.map.weight * first.map.weight
        return replace(joined, map=second.map.with_weight(weight), gather=_through(first, second))
    return replace(joined, map=_listed(first, second, sizes, shape, axis), gather=None)


def _scales_outputs(first: Projection, second: Projection) -> bool:
    """Is the second an identity whose weights are those of the first map's channels?"""
    if not isinstance(second.map, Identity) or second.gather is not None:
        return False
    if second.map.weight.ndim == 0:
        return True
    ours, theirs = first.map, second.map
    inner = size_of(ours.out_shape[ours.channel_axis % len(ours.out_shape) + 1 :])
    return ours.n_channels == theirs.n_channels and inner == size_of(
        theirs.shape[theirs.channel_axis + 1 :]
    )


def _scaled(map_: LinearMap, by: LinearMap) -> LinearMap:
    """The map with its outputs multiplied by an identity's weights, for all or by channel."""
    if by.weight.ndim == 0:
        return map_.with_weight(map_.weight * by.weight)
    weight = map_.weight
    if weight.ndim == 0:
        return map_.with_weight(weight * by.weight)
    factors = by.weight[map_.weight_channels()].reshape(weight.shape)
    return map_.with_weight(weight * factors)


def _through(first: Projection, second: Projection) -> IntArray | None:
    """The source neuron of each input of the second map, by way of an identity."""
    if first.gather is None or second.gather is None:
        return first.gather if second.gather is None else second.gather
    taken = first.gather[np.maximum(second.gather, 0)]
    return np.where(second.gather >= 0, taken, -1)


def _listed(
    first: Projection, second: Projection, sizes: tuple[int, int], shape: Shape, axis: int
) -> Sparse:
    """Any two maps: every synapse of the first followed by those of the neuron that it reaches."""
    ours, theirs = _by_source(first, sizes[0]), _by_source(second, sizes[1])
    n_pairs = np.diff(theirs[0])[ours[1]]
    total = int(n_pairs.sum())
    if total > LARGEST_COMPOSED:
        raise PassFailed(
            f"what `{first.source}` brings to `{second.target}` by way of `{second.source}` takes "
            f"{total:,} pairs of synapses to compose, at most {LARGEST_COMPOSED:,}",
            where=second.source,
            hint="use a target with graded spikes, which passes the sum on as it is",
        )
    n_out = size_of(shape)
    keys, weights = [], []
    for begin, end in _chunks(ours[0], n_pairs):
        key, weight = _pairs(ours, theirs, begin, end, n_out)
        keys.append(key)
        weights.append(weight)
    key, weight = np.concatenate(keys), np.concatenate(weights)
    indptr = np.searchsorted(key, np.arange(sizes[0] + 1) * n_out)
    return Sparse(
        weight=weight,
        in_shape=(sizes[0],),
        out_shape=shape,
        indptr=indptr,
        targets=key % n_out,
        channel_axis=axis,
    )


def _by_source(p: Projection, source_size: int) -> Csr:
    """A projection's synapses by source neuron, behind its gather."""
    indptr, targets, weights = p.map.to_csr()
    if p.gather is None:
        return indptr, targets, weights
    position = p.position(source_size)
    count = np.where(position >= 0, np.diff(indptr)[position], 0)
    at = spans(indptr[position], count)
    return np.concatenate([[0], np.cumsum(count)]), targets[at], weights[at]


def spans(begin: IntArray, count: IntArray) -> IntArray:
    """begin[0] … begin[0] + count[0] - 1, then those of the next, and so on."""
    offset = np.cumsum(count) - count
    return np.arange(int(count.sum()), dtype=np.int64) + np.repeat(begin - offset, count)


def _chunks(indptr: IntArray, n_pairs: IntArray) -> Iterator[tuple[int, int]]:
    """Ranges of source neurons of at most `_CHUNK` pairs each, single neurons excepted."""
    done = np.concatenate([[0], np.cumsum(n_pairs)])[indptr]
    begin, n = 0, len(indptr) - 1
    while begin < n:
        fitting = int(np.searchsorted(done, done[begin] + _CHUNK, side="right")) - 1
        end = min(max(fitting, begin + 1), n)
        yield begin, end
        begin = end


def _pairs(ours: Csr, theirs: Csr, begin: int, end: int, n_out: int) -> tuple[IntArray, Array]:
    """Composed synapses of some source neurons: source * n_out + target, rising, and weights."""
    part = slice(int(ours[0][begin]), int(ours[0][end]))
    middle = ours[1][part]
    source = np.repeat(np.arange(begin, end, dtype=np.int64), np.diff(ours[0][begin : end + 1]))
    count = np.diff(theirs[0])[middle]
    at = spans(theirs[0][middle], count)
    key = np.repeat(source, count) * n_out + theirs[1][at]
    weight = np.repeat(ours[2][part], count) * theirs[2][at]
    key, place = np.unique(key, return_inverse=True)
    total = np.zeros(len(key), dtype=np.int64)
    np.add.at(total, place, weight)
    return key, total
