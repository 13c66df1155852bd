"""Which inputs of a linear map a tile of its outputs hears.

A chip sends one message for each event and core that hears it, and a core keeps a list of synapses
for each neuron that it hears: both are questions about these sets. A tile is a product of index
sets, one for each axis, and so is what it hears, save for sparse maps.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, TypeAlias

import numpy as np

from snnc.backends.mapping.model import Box
from snnc.ir.arrays import Array, FloatArray, IntArray, Shape
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.nodes import Node, Product

Tile: TypeAlias = tuple[IntArray, ...]
"""Ascending indices along each axis of a shape; all their combinations are meant."""
Index: TypeAlias = "tuple[Any, ...] | IntArray"
"""Into an array of a map's `in_shape`; an array of integers is into the flat one."""


class Reach:
    """What boxes of a projection's target node hear of its source node.

    Args:
        graph: that holds the projection.
        projection: that carries events.
    """

    def __init__(self, graph: Graph, projection: Projection) -> None:
        self.map: LinearMap = projection.map
        self._port = projection.port
        self._gather = projection.gather
        self._node = graph.nodes[projection.target]
        self._columns = _columns(self.map) if isinstance(self.map, Sparse) else None

    def arrange(self, values: Array, absent: Any) -> Array:
        """Values of source neurons as the map's inputs, shape `map.in_shape`.

        Args:
            values: flat.
            absent: the value of inputs that no source neuron drives.
        """
        if self._gather is not None:
            taken = values[np.maximum(self._gather, 0)]
            values = np.where(self._gather >= 0, taken, absent)
        return values.reshape(self.map.in_shape)

    def heard(self, box: Box) -> Index:
        """The inputs with a synapse to at least one neuron in a box of the target's shape."""
        node, port, map_ = self._node, self._port, self.map
        tile = operands(node, port, tuple(np.arange(lo, hi) for lo, hi in box))
        shape = node.port_shape(port) if isinstance(node, Product) else node.shape
        if self._columns is not None:
            starts, sources = self._columns
            targets = _flat(tile, shape)
            return np.unique(sources[_ranges(starts[targets], starts[targets + 1])])
        tiles = [tile] if shape == map_.out_shape else _tiles(_flat(tile, shape), map_.out_shape)
        if len(tiles) == 1:
            return _index(inputs(map_, tiles[0]))
        mask = np.zeros(map_.in_shape, dtype=bool)
        for each in tiles:
            mask[_index(inputs(map_, each))] = True
        return np.flatnonzero(mask)


def take(values: Array, index: Index) -> Array:
    """The chosen entries, flat."""
    if isinstance(index, tuple):
        return values[index].reshape(-1)
    return values.reshape(-1)[index]


@singledispatch
def inputs(map_: LinearMap, tile: Tile) -> Tile:
    """What a tile of a map's outputs hears, as a tile of its inputs."""
    raise GraphError(f"nobody has said what a tile of a `{map_.kind}` hears")


@inputs.register
def _(map_: Dense, tile: Tile) -> Tile:
    return (*tile[:-1], np.arange(map_.weight.shape[1]))


@inputs.register
def _(map_: Identity, tile: Tile) -> Tile:
    return tile


@inputs.register
def _(map_: SumPool, tile: Tile) -> Tile:
    return (tile[0], *_windows(map_, map_.kernel, tile[1:]))


@inputs.register
def _(map_: Conv, tile: Tile) -> Tile:
    c_out, c_group = map_.weight.shape[:2]
    groups = np.unique(tile[0] // (c_out // map_.groups))
    channels = (groups[:, None] * c_group + np.arange(c_group)).reshape(-1)
    return (channels, *_windows(map_, map_.kernel, tile[1:]))


def operands(node: Node, port: str, tile: Tile) -> Tile:
    """What a tile of a node needs of one port, as a tile of the port's shape.

    A population's neurons are its port's; entries of a matrix product need rows of one operand
    and columns of the other.
    """
    if not isinstance(node, Product) or node.op == "multiply":
        return tile
    inner = np.arange(node.a_shape[-1])
    if port == "a":
        return (*tile[:-1], inner)
    return (*tile[:-2], inner, tile[-1])


def sums(index: Array, amounts: FloatArray, n: int) -> FloatArray:
    """Amounts that have the same index, added up; shape (n,)."""
    return np.bincount(index, weights=amounts, minlength=n).astype(np.float64, copy=False)


def arriving(projection: Projection, rate: FloatArray) -> FloatArray:
    """Synaptic events of each target neuron, flat.

    Args:
        rate: events of each source neuron, flat.
    """
    map_ = projection.map
    x = projection.arrange(rate.reshape(1, -1)).reshape(1, *map_.in_shape)
    if isinstance(map_, Conv):  # all channels of a group hear the same
        one = map_.with_weight(np.ones((map_.groups, *map_.weight.shape[1:])))
        return np.repeat(one.apply(x)[0], map_.weight.shape[0] // map_.groups, axis=0).reshape(-1)
    if isinstance(map_, Dense):
        n_out, n_in = map_.weight.shape
        return np.repeat(x.reshape(-1, n_in).sum(axis=1), n_out)
    if isinstance(map_, Sparse):
        sent = np.repeat(x.reshape(-1), np.diff(map_.indptr))
        return sums(map_.targets, sent, map_.out_size)
    return map_.with_weight(np.ones(map_.weight.shape)).apply(x).reshape(-1)


def _windows(map_: Conv | SumPool, kernel: Shape, tile: Tile) -> Tile:
    """Input positions along each spatial axis that the windows of output positions cover."""
    covered = []
    for axis, at in enumerate(tile):
        taps = np.arange(kernel[axis])[:, None] * map_.dilation[axis]
        places = np.unique(at * map_.stride[axis] - map_.padding[axis][0] + taps)
        covered.append(places[(places >= 0) & (places < map_.in_shape[1 + axis])])
    return tuple(covered)


def _columns(map_: Sparse) -> tuple[IntArray, IntArray]:
    """Sources by target: where each target's begin, and all of them."""
    order = np.argsort(map_.targets, kind="stable")
    sources = np.repeat(np.arange(map_.in_size), np.diff(map_.indptr))[order]
    starts = np.zeros(map_.out_size + 1, dtype=np.int64)
    np.cumsum(np.bincount(map_.targets, minlength=map_.out_size), out=starts[1:])
    return starts, sources


def _ranges(first: IntArray, last: IntArray) -> IntArray:
    """All integers of half-open ranges, one range after the other."""
    lengths = last - first
    begins = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(first - begins, lengths)


def _flat(tile: Tile, shape: Shape) -> IntArray:
    """Flat indices of a tile, ascending."""
    return np.ravel_multi_index(np.ix_(*tile), shape).reshape(-1)


def _tiles(flat: IntArray, shape: Shape) -> list[Tile]:
    """Flat indices as tiles of a shape: where a node's shape is not the map's."""
    where = np.unravel_index(flat, shape)
    tile = tuple(np.unique(axis) for axis in where)
    lengths = [len(axis) for axis in tile]
    if len(flat) == np.prod(lengths, dtype=np.int64):
        return [tile]
    cut = min((n, i) for i, n in enumerate(lengths) if n > 1)[1]
    parts = (flat[where[cut] == at] for at in tile[cut])
    return [each for part in parts for each in _tiles(part, shape)]


def _index(tile: Tile) -> tuple[Any, ...]:
    """A tile as an index of arrays: slices where they do, which copy nothing."""
    slices = []
    for axis in tile:
        step = int(axis[1] - axis[0]) if len(axis) > 1 else 1
        if len(axis) == 0 or (np.diff(axis) != step).any():
            return np.ix_(*tile)
        slices.append(slice(int(axis[0]), int(axis[-1]) + 1, step))
    return tuple(slices)
