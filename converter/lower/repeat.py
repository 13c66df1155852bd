"""A linear map of elements that stand in its input several times, as a map of each one once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from snnc.converter.lower.layout import repeats
from snnc.converter.lower.values import Synapses
from snnc.ir.arrays import Array, FloatArray, IntArray, Shape
from snnc.ir.maps import Conv, LinearMap, Sparse

_MOST_SYNAPSES = 2**20
"""Where listing every synapse costs more than neurons that repeat: those are then made."""


def join_repeated(
    source: str, size: int, gather: IntArray, map_: LinearMap, name: str
) -> Synapses | None:
    """The synapses of a map whose input takes some source neurons twice or more.

    Args:
        source: node name.
        size: its number of neurons.
        gather: the source neuron at each input of the map, -1 for none.
        map_: the map.
        name: the user's name of the layer.

    Returns:
        None where neurons that repeat are the better form.
    """
    if isinstance(map_, Conv):
        factors = _enlarged(gather.reshape(map_.in_shape))
        if factors is not None and set(map_.dilation) == {1}:
            return _merged(source, gather, map_, factors, name)
    if map_.n_synapses > _MOST_SYNAPSES:
        return None
    return _listed(source, size, gather, map_, name)


def _enlarged(gather: IntArray) -> Shape | None:
    """How often each position stands side by side along each spatial axis; None if uneven."""
    factors = []
    for axis in range(1, gather.ndim):
        lines = np.moveaxis(gather, axis, 0)
        changed = (lines[1:] != lines[:-1]).reshape(len(lines) - 1, -1).any(axis=1)
        factor = int(np.argmax(changed)) + 1 if changed.any() else len(lines)
        if len(lines) % factor or not _same_blocks(lines, factor):
            return None
        factors.append(factor)
    base = gather[_every(factors)]
    return None if (base < 0).any() or repeats(base.reshape(-1)) else tuple(factors)


def _same_blocks(lines: IntArray, factor: int) -> bool:
    return bool((lines == np.repeat(lines[::factor], factor, axis=0)).all())


def _every(factors: Sequence[int]) -> tuple[slice, ...]:
    return (slice(None), *(slice(None, None, f) for f in factors))


def _merged(source: str, gather: IntArray, conv: Conv, factors: Shape, name: str) -> Synapses:
    """A convolution behind a nearest-neighbour enlargement: its taps that meet one pixel add up.

    Along an axis of factor f: y[p] = sum over k, r < f of w[k] v[s p + k - r - pad], where v has
    the pixels at every f-th place and nothing between them.
    """
    at = gather.reshape(conv.in_shape)
    apart = np.full(at.shape, -1)
    apart[_every(factors)] = at[_every(factors)]
    map_ = replace(
        conv,
        weight=_spread_taps(conv.weight, factors),
        padding=tuple((lo + f - 1, hi) for (lo, hi), f in zip(conv.padding, factors, strict=True)),
    )
    magnitude = _spread_taps(np.abs(conv.weight), factors)
    return Synapses(
        source=source, map=map_, gather=apart.reshape(-1), name=name, magnitude=magnitude
    )


def _spread_taps(weight: FloatArray, factors: Shape) -> FloatArray:
    kernel = weight.shape[2:]
    larger = tuple(k + f - 1 for k, f in zip(kernel, factors, strict=True))
    out: Array = np.zeros((*weight.shape[:2], *larger))
    for shift in product(*(range(f) for f in factors)):
        into: Any = (..., *(slice(r, r + k) for r, k in zip(shift, kernel, strict=True)))
        out[into] += weight
    return out


def _listed(source: str, size: int, gather: IntArray, map_: LinearMap, name: str) -> Synapses:
    indptr, targets, weights = map_.to_csr()
    neuron = np.repeat(gather, np.diff(indptr))
    there = neuron >= 0
    pair = neuron[there] * map_.out_size + targets[there]
    met, place = np.unique(pair, return_inverse=True)
    total, absolute = (
        np.bincount(place, weights=w[there], minlength=len(met)).astype(np.float64)
        for w in (weights, np.abs(weights))
    )
    first = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(met // map_.out_size, minlength=size), out=first[1:])
    sparse = Sparse(
        in_shape=(size,),
        out_shape=map_.out_shape,
        indptr=first,
        targets=met % map_.out_size,
        weight=total,
        channel_axis=map_.channel_axis % len(map_.out_shape),
    )
    return Synapses(source=source, map=sparse, name=name, magnitude=absolute)
