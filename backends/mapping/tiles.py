"""Which tile of a node to give each core.

The fewest cores count, where every edge takes a routing entry those of the entries included; then
the fewest events that have to be sent twice, then the shortest cuts. Where a kernel is kept once
for all positions of a core, positions are cut before channels: a core with some of the channels
needs every event that the others need, and its synapses grow with the channels alone.
"""

from __future__ import annotations

import numpy as np

from snnc.backends.mapping.boxes import same_axes
from snnc.backends.mapping.demand import Demand
from snnc.backends.mapping.model import Box, Piece, Split
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.nodes import Population

Option = tuple[int, int]
"""A tile's extent along an axis, and the extent that the chip reserves for it."""


def best_split(demand: Demand, limits: dict[str, int]) -> tuple[Split, list[Piece]]:
    """The first tile, in order of preference, whose pieces keep the limits.

    Where none does, the one that breaks the fewest limits by its first piece.

    Args:
        demand: of the node.
        limits: of a core, keys as in `Piece.use`.
    """
    tiles = candidates(demand, limits.get("neurons"))
    for tile in tiles:
        split = Split(node=demand.node.name, shape=demand.node.shape, tile=tile)
        if broken(demand.piece(_first(tile)), limits):
            continue
        pieces = demand.pieces(split)
        if not any(broken(piece, limits) for piece in pieces):
            return split, pieces
    tile = min(tiles, key=lambda tile: len(broken(demand.piece(_first(tile)), limits)))
    split = Split(node=demand.node.name, shape=demand.node.shape, tile=tile)
    return split, demand.pieces(split)


def broken(piece: Piece, limits: dict[str, int]) -> list[str]:
    """What a piece needs more of than a core has."""
    return [kind for kind, limit in limits.items() if piece.use[kind] > limit]


def candidates(demand: Demand, n_neurons: int | None) -> list[Shape]:
    """Tiles within a core's neurons, best first; the smallest one where none is within."""
    options = _options(demand)
    tiles = _combined([[extent for extent, _ in axis] for axis in options])
    reserved = _combined([[extent for _, extent in axis] for axis in options]).prod(axis=1)
    if n_neurons is not None:
        tiles = tiles[np.maximum(reserved, _neurons(demand, tiles)) <= n_neurons]
    if not len(tiles):
        return [tuple(min(extent for extent, _ in axis) for axis in options)]
    shape = np.array(demand.node.shape)
    grid = -(-shape // tiles)
    form, channel = demand.chip.synapses, demand.channel_axis
    by_tap = form is not None and form.kernels == "taps" and channel is not None
    channels = grid[:, channel] if by_tap else np.ones(len(grid))
    deliveries = _deliveries(demand, grid)
    # edges take cores as well, those of the source
    edges_of_core = demand.chip.limit("out_axons_per_core")
    edges = deliveries / edges_of_core if edges_of_core else 0
    surface = ((grid - 1) / shape).sum(axis=1)
    order = np.lexsort((surface, deliveries, grid.prod(axis=1) + edges, channels))
    return [tuple(tile) for tile in tiles[order].tolist()]


def _combined(by_axis: list[list[int]]) -> IntArray:
    """Every combination of one extent for each axis, shape (n, axes)."""
    grids = np.meshgrid(*(np.array(axis, dtype=np.int64) for axis in by_axis), indexing="ij")
    return np.stack([grid.reshape(-1) for grid in grids], axis=1)


def _neurons(demand: Demand, tiles: IntArray) -> IntArray:
    """Neurons of each tile, as `Demand.n_neurons` counts them."""
    node, outputs = demand.node, tiles.prod(axis=1)
    if isinstance(node, Population) or not demand.operand_neurons:
        return outputs
    inner = tiles[:, :-2].prod(axis=1) * node.a_shape[-1]
    return outputs + inner * (tiles[:, -2] + tiles[:, -1])


def _options(demand: Demand) -> list[list[Option]]:
    """Extents to try along each axis.

    Nodes that the chip sees as channels at positions are halved along each axis. With kernels kept
    by tap, channels and the last axis of positions are cut into powers of two, as in every tile
    that Intel's compiler printed. Of other nodes the longest axis is cut into any number of equal
    parts.
    """
    shape, channel = demand.node.shape, demand.channel_axis
    if channel is None:
        free = max(range(len(shape)), key=shape.__getitem__)
        return [_parts(n) if axis == free else _halves(n) for axis, n in enumerate(shape)]
    form = demand.chip.synapses
    if form is None or form.kernels != "taps":
        return [_halves(n) for n in shape]
    last = max((a for a, n in enumerate(shape) if n > 1 and a != channel), default=None)
    options = [_halves(n) for n in shape]
    options[channel] = [(t, t) for t, _ in _powers(shape[channel])]
    if last is not None:
        options[last] = _powers(shape[last])
    return options


def _powers(n: int) -> list[Option]:
    """Powers of two, and the whole in the place of the next one."""
    below = [1 << bit for bit in range((n - 1).bit_length())]
    return [(power, power) for power in below] + [(n, 1 << (n - 1).bit_length())]


def _parts(n: int) -> list[Option]:
    """Equal parts, as many as may be."""
    return [(t, t) for t in sorted({-(-n // m) for m in range(1, n + 1)})]


def _halves(n: int) -> list[Option]:
    """The whole, halved again and again."""
    halves = [n]
    while halves[-1] > 1:
        halves.append(-(-halves[-1] // 2))
    return [(t, t) for t in halves]


def _deliveries(demand: Demand, grid: IntArray) -> IntArray:
    """Source positions times the cores that each has to reach, over the incoming kernels.

    Args:
        demand: of the node.
        grid: tiles along each axis, shape (n, axes).
    """
    total = np.zeros(len(grid), dtype=np.int64)
    for kernel in demand.kernels:
        if not same_axes(demand.node.shape, kernel.out_shape):
            continue
        rest = iter([grid[:, a] for a, n in enumerate(demand.node.shape) if n > 1])
        cut = [next(rest) if n > 1 else np.ones_like(total) for n in kernel.out_shape]
        channels = cut.pop(kernel.axis)
        reached = channels if kernel.groups == 1 else np.ones_like(total)
        for along, tiles in enumerate(cut):
            span = (kernel.taps[along] - 1) * kernel.dilation[along] + 1
            overlap = max(span - kernel.stride[along], 0)
            reached = reached * (kernel.sites_in[along] + (tiles - 1) * overlap)
        total = total + reached
    return total


def _first(tile: Shape) -> Box:
    return tuple((0, extent) for extent in tile)
