"""Random linear maps between shapes, with integer weights.

A registered map without a maker here makes its own in a class method
`example(shape, largest, rng)`, as neuron models do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from snnc.ir.arrays import IntArray, Shape, size_of
from snnc.ir.errors import GraphError
from snnc.ir.maps import MAPS, Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.maps.windows import window_shape

MapMaker: TypeAlias = Callable[[Shape, int, np.random.Generator], LinearMap]
"""Source shape and largest |weight| to a map whose `in_size` is the source's size."""


def dense(shape: Shape, largest: int, rng: np.random.Generator) -> LinearMap:
    """All to all; over the last axis only where there are several and chance says so."""
    n_out = int(rng.integers(3, 9))
    if len(shape) > 1 and rng.random() < 0.4:
        return Dense(weight=weights((n_out, shape[-1]), largest, rng), lead=shape[:-1])
    return Dense(weight=weights((n_out, size_of(shape)), largest, rng))


def conv(shape: Shape, largest: int, rng: np.random.Generator) -> LinearMap:
    """Stride, padding, dilation and groups at random, one or two spatial axes."""
    in_shape = spatial_shape(shape)
    groups = int(rng.choice([g for g in range(1, in_shape[0] + 1) if in_shape[0] % g == 0]))
    c_out = groups * int(rng.integers(1, max(2, 6 // groups)))
    kernel: list[int] = []
    stride: list[int] = []
    dilation: list[int] = []
    padding: list[tuple[int, int]] = []
    for n in in_shape[1:]:
        k, d = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2]))
        lo, hi = (int(rng.integers(0, 3)) for _ in range(2))
        if d * (k - 1) + 1 > n + lo + hi:
            k, d = 1, 1
        kernel.append(k)
        dilation.append(d)
        padding.append((lo, hi))
        stride.append(int(rng.integers(1, 3)))
    weight = weights((c_out, in_shape[0] // groups, *kernel), largest, rng)
    return Conv(
        weight=weight,
        in_shape=in_shape,
        stride=tuple(stride),
        padding=tuple(padding),
        dilation=tuple(dilation),
        groups=groups,
    )


def sum_pool(shape: Shape, largest: int, rng: np.random.Generator) -> LinearMap:
    """Windows with stride and padding; weight for all or by channel."""
    weight = by_channel(spatial_shape(shape)[0], min(largest, 3), rng)
    return window_pool(shape, weight, rng)


def window_pool(shape: Shape, weight: IntArray, rng: np.random.Generator) -> SumPool:
    """A sum-pool of random windows that each hold at least one input."""
    in_shape = spatial_shape(shape)
    kernel = tuple(int(rng.integers(1, min(3, n) + 1)) for n in in_shape[1:])
    stride = tuple(int(rng.integers(1, k + 1)) for k in kernel)
    padding = tuple((int(rng.integers(0, k)), int(rng.integers(0, k))) for k in kernel)
    ones = (1,) * len(kernel)
    if size_of(window_shape(in_shape[1:], kernel, stride, padding, ones)) < 2:
        padding = tuple((0, 0) for _ in kernel)
        stride = ones
    return SumPool(in_shape=in_shape, kernel=kernel, stride=stride, padding=padding, weight=weight)


def identity(shape: Shape, largest: int, rng: np.random.Generator) -> LinearMap:
    """One to one, weight for all or by channel."""
    axis = int(rng.integers(len(shape)))
    return Identity(shape=shape, weight=by_channel(shape[axis], largest, rng), channel_axis=axis)


def sparse(shape: Shape, largest: int, rng: np.random.Generator) -> LinearMap:
    """Any synapses; some neurons may have none."""
    n_out = int(rng.integers(3, 10))
    out_shape: Shape = (n_out,) if rng.random() < 0.5 else (n_out, 2)
    present = rng.random((size_of(shape), size_of(out_shape))) < rng.uniform(0.2, 0.7)
    source, targets = np.nonzero(present)
    indptr = np.zeros(len(present) + 1, dtype=np.int64)
    np.cumsum(np.bincount(source, minlength=len(present)), out=indptr[1:])
    return Sparse(
        in_shape=shape,
        out_shape=out_shape,
        indptr=indptr,
        targets=targets,
        weight=weights(targets.shape, largest, rng),
        channel_axis=int(rng.integers(len(out_shape))),
    )


MAKERS: dict[str, MapMaker] = {
    Dense.kind: dense,
    Conv.kind: conv,
    SumPool.kind: sum_pool,
    Identity.kind: identity,
    Sparse.kind: sparse,
}


def make_map(kind: str, shape: Shape, largest: int, rng: np.random.Generator) -> LinearMap:
    """A random map of `kind` out of `shape`, weights up to about ±largest."""
    maker = MAKERS.get(kind) or getattr(MAPS[kind], "example", None)
    if maker is None:
        raise GraphError(
            f"no random parameters for linear map `{kind}`",
            hint="give it a class method `example(shape, largest, rng)`",
        )
    map_: LinearMap = maker(shape, largest, rng)
    return map_


def weights(shape: Shape, largest: int, rng: np.random.Generator) -> IntArray:
    """Integers up to ±largest; the extremes and stored zeros are common."""
    drawn = rng.integers(-largest, largest + 1, shape)
    drawn[rng.random(shape) < 0.15] = 0
    drawn[rng.random(shape) < 0.05] = -largest - 1
    return drawn.astype(np.int64)


def by_channel(n: int, largest: int, rng: np.random.Generator) -> IntArray:
    """A non-zero weight for all, or one for each of `n` channels."""
    shape: Shape = () if rng.random() < 0.5 else (n,)
    drawn = rng.integers(1, largest + 1, shape) * rng.choice([-1, 1, 1], shape)
    return np.asarray(drawn, dtype=np.int64)


def spatial_shape(shape: Shape) -> Shape:
    """`shape` as (C, *spatial) with one or two spatial axes; the size stays."""
    if len(shape) == 1:
        return (1, *shape)
    return shape if len(shape) <= 3 else (size_of(shape[:-2]), *shape[-2:])


def injection(n_map: int, n_source: int, rng: np.random.Generator) -> IntArray:
    """A gather: a random choice of source neurons, none twice, -1 where they run out."""
    taken = np.full(n_map, -1, dtype=np.int64)
    n_taken = min(n_map, n_source)
    where = rng.permutation(n_map)[:n_taken]
    taken[where] = rng.permutation(n_source)[:n_taken]
    if n_taken > 2 and rng.random() < 0.3:
        taken[where[0]] = -1
    return taken
