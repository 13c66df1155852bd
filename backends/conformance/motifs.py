"""The parts that random graphs are put together from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from snnc.backends.conformance.draft import LARGEST_VALUE, Draft
from snnc.backends.conformance.maps import make_map, window_pool
from snnc.backends.conformance.recipes import ROUNDINGS, integer_models, staircase
from snnc.ir.arrays import IntArray, Shape, size_of
from snnc.ir.graph import Projection
from snnc.ir.maps import MAPS, Conv, Dense, Identity, LinearMap
from snnc.ir.neurons import (
    Accumulator,
    Delta,
    IntegerFire,
    LoihiLIF,
    LoihiReadout,
    Max,
    Sigma,
    SigmaDelta,
)
from snnc.ir.nodes import Node

LARGEST_SOURCE = 2**30
"""Nodes that can give larger values are read, but nothing is built on them."""

OF_24_BITS = (LoihiLIF, LoihiReadout, Delta, SigmaDelta, Sigma)
"""Neurons that are Lava's own, registers included: they stop where those overflow."""

LARGEST_CURRENT = 2**17
"""What reaches them at most, so that some frames of it, shifted by 6, stay within."""


@dataclass
class Source:
    """Where a motif starts: a draft and the largest count that it should use."""

    draft: Draft
    most: int

    @property
    def rng(self) -> np.random.Generator:
        """The draft's generator."""
        return self.draft.rng

    def any(self) -> str:
        """A node that emits, the latest ones most likely."""
        names = [name for name in self.draft.values if self.draft.bound[name] < LARGEST_SOURCE]
        back = min(int(self.rng.geometric(0.6)), len(names))
        return names[-back]

    def node(self, name: str) -> Node:
        """By name."""
        return self.draft.nodes[name]

    def largest_weight(self, bound: int) -> int:
        """A weight bound that keeps sums over a source of that bound within reach."""
        choices = [w for w in (2, 7, 127, 32767) if bound * w < LARGEST_VALUE // 2**10]
        weights = [4, 4, 4, 1][: len(choices)]
        return int(self.rng.choice(choices, p=np.array(weights) / sum(weights)))

    def n_levels(self) -> int:
        """L of a staircase; large ones are rare."""
        return int(min(self.most, self.rng.choice([1, 2, 3, 4, 4, 7, 15, 40, 255])))


Motif: TypeAlias = Callable[[Source], None]


def layer(source: Source) -> None:
    """A map of any kind into a staircase."""
    fire(source, [weighted(source, source.any())])


def spiking_layer(source: Source) -> None:
    """A map into a neuron whose membrane may live across frames, or any other model."""
    p = weighted(source, source.any())
    shape = p.map.out_shape
    near = [model.kind for model in OF_24_BITS]
    kinds = [k for k in integer_models() if k not in (Max.kind, IntegerFire.kind, *near)]
    # fewer currents suit them, so that those that do are theirs
    if source.draft.reach([p]) < LARGEST_CURRENT and source.rng.random() < 0.6:
        kinds = near
    kind = str(source.rng.choice(kinds))
    source.draft.add_population(kind, [p], shape, p.map.channel_axis % len(shape))


def residual(source: Source) -> None:
    """An accumulator, a branch behind a neuron that reads it, and their sum."""
    draft, rng = source.draft, source.rng
    p = weighted(source, source.any())
    shape, axis = p.map.out_shape, p.map.channel_axis % len(p.map.out_shape)
    stream = draft.add_population(Accumulator.kind, [p], shape, axis)
    inner = fire(source, [draft.project(stream, Identity(shape=shape))])
    branch = draft.project(inner, same_shape(source, shape, axis))
    skip = draft.project(stream, Identity(shape=shape), exponent=int(rng.integers(0, 3)))
    total = draft.add_population(Accumulator.kind, [skip, branch], shape, axis)
    draft.traits.add("residual")
    if rng.random() < 0.7:
        fire(source, [draft.project(total, Identity(shape=shape, channel_axis=axis))])


def branches(source: Source) -> None:
    """Two or three projections with their own exponents and delays into one population."""
    draft, rng = source.draft, source.rng
    first = weighted(source, source.any())
    shape = first.map.out_shape
    others = [
        draft.pick(
            source.any(),
            shape,
            weight=int(rng.integers(-5, 6)) or 1,
            exponent=int(rng.integers(0, 4)),
            delay=int(rng.choice([0, 0, 1, 3])),
        )
        for _ in range(rng.integers(1, 3))
    ]
    draft.traits.add("branches")
    fire(source, [first, *others])


def recurrent(source: Source) -> None:
    """A staircase with synapses on itself, and sometimes one that meets an earlier frame."""
    draft, rng = source.draft, source.rng
    projections = [weighted(source, source.any())]
    shape, axis = projections[0].map.out_shape, projections[0].map.channel_axis
    if rng.random() < 0.5:
        late = draft.pick(source.any(), shape, frames=int(rng.integers(1, 3)))
        projections.append(late)
    back = same_shape(source, shape, axis % len(shape))
    loop = draft.project("", back, frames=int(rng.choice([1, 1, 2])))
    draft.traits.add("recurrent")
    fire(source, projections, [loop])


def concat(source: Source) -> None:
    """Two nodes side by side, through gathers that leave the other's places empty."""
    draft = source.draft
    a, b = source.any(), source.any()
    sizes = draft.nodes[a].size, draft.nodes[b].size
    shape = (sum(sizes),)
    left = np.concatenate([np.arange(sizes[0]), np.full(sizes[1], -1)])
    right = np.concatenate([np.full(sizes[0], -1), np.arange(sizes[1])])
    draft.traits.add("concat")
    fire(
        source,
        [
            draft.project(name, Identity(shape=shape), gather=gather)
            for name, gather in ((a, left), (b, right))
        ],
    )


def max_pool(source: Source) -> None:
    """A maximum over windows, then usually a layer behind it."""
    draft, name = source.draft, source.any()
    pool = window_pool(draft.nodes[name].shape, np.array(1), source.rng)
    draft.add_population(Max.kind, [draft.project(name, pool)], pool.out_shape, 0)
    if source.rng.random() < 0.5:
        layer(source)


def product(source: Source) -> None:
    """A matrix or elementwise product of two operands, then a staircase on it."""
    draft, rng = source.draft, source.rng
    m, k, n = (int(d) for d in rng.integers(2, 5, 3))
    op = str(rng.choice(["matmul", "multiply"]))
    lead: Shape = () if rng.random() < 0.5 else (2,)
    shapes: list[Shape] = [(*lead, m, k), (*lead, k, n), (*lead, m, n)]
    if op == "multiply":
        shapes = [(m, k)] * 3
    a, b = (operand(source, shape) for shape in shapes[:2])
    if draft.reach(a) * draft.reach(b) * k > LARGEST_VALUE:
        return
    name = draft.add_product(op, a, b, shapes)
    fire(source, [draft.project(name, Identity(shape=shapes[2]))])


MOTIFS: dict[str, Motif] = {
    "layer": layer,
    "spiking-layer": spiking_layer,
    "recurrent": recurrent,
    "residual": residual,
    "branches": branches,
    "concat": concat,
    "max-pool": max_pool,
    "product": product,
}


def weighted(source: Source, name: str) -> Projection:
    """An open projection out of `name` through a map of any kind."""
    draft, rng = source.draft, source.rng
    node = draft.nodes[name]
    kind = str(rng.choice(sorted(MAPS)))
    map_ = make_map(kind, node.shape, source.largest_weight(draft.bound[name]), rng)
    options: dict[str, object] = {"exponent": int(rng.choice([0, 0, 0, 1, 3]))}
    if rng.random() < 0.2:
        options["delay"] = int(rng.integers(1, 4))
    if rng.random() < 0.15:
        options["gather"] = rng.permutation(node.size)
        draft.traits.add("permutation")
    return draft.project(name, map_, **options)


def fire(
    source: Source, projections: list[Projection], on_itself: Sequence[Projection] = ()
) -> str:
    """A staircase population on what arrives, reshaped now and then."""
    draft, rng = source.draft, source.rng
    map_ = projections[0].map
    shape, axis = map_.out_shape, map_.channel_axis % len(map_.out_shape)
    if rng.random() < 0.1:
        shape, axis = (size_of(shape),), 0
    rounding, n_levels = str(rng.choice(ROUNDINGS)), source.n_levels()
    draft.traits.add(f"rounding:{rounding}")

    def fitted(i: IntArray, axis: int, rng: np.random.Generator) -> IntegerFire:
        return staircase(i, axis, rng, rounding, n_levels)

    return draft.add_population(IntegerFire.kind, projections, shape, axis, fitted, on_itself)


def same_shape(source: Source, shape: Shape, axis: int) -> LinearMap:
    """A map that keeps the shape: a padded convolution, or all to all."""
    weight_bound = int(source.rng.choice([3, 127]))
    rng = source.rng
    if len(shape) in (2, 3) and axis == 0:
        kernel = (3,) * (len(shape) - 1)
        ones = (1,) * len(kernel)
        weight = rng.integers(-weight_bound, weight_bound + 1, (shape[0], shape[0], *kernel))
        return Conv(
            weight=weight,
            in_shape=shape,
            stride=ones,
            padding=((1, 1),) * len(kernel),
            dilation=ones,
        )
    size = size_of(shape)
    return Dense(weight=rng.integers(-weight_bound, weight_bound + 1, (size, size)))


def operand(source: Source, shape: Shape) -> list[Projection]:
    """One or two open projections into a product's port."""
    draft, rng = source.draft, source.rng
    return [
        draft.pick(source.any(), shape, weight=int(rng.integers(1, 4)))
        for _ in range(rng.integers(1, 3))
    ]
