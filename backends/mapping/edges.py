"""Edges from a piece to other cores, for chips whose every edge takes a routing entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.mapping.boxes import project, same_axes
from snnc.backends.mapping.demand import Demand, shared_sites
from snnc.backends.mapping.kernels import Kernel, kernel_of
from snnc.backends.mapping.model import Box, Split
from snnc.ir.arrays import IntArray
from snnc.ir.graph import Projection
from snnc.ir.maps import Dense
from snnc.ir.nodes import Node, Product

POSITION_SLOTS = 2
"""Routing entries of an edge that all channels of a position share (nengo-loihi, block.py:
`slots_per_axon` of a 32-bit population axon, which any number of channels can use)."""


def axons_out(
    demand: Demand, split: Split, targets: Mapping[str, tuple[Split, int]]
) -> list[dict[str, int]]:
    """Edges of each piece by outgoing projection.

    An event needs one for each core that it reaches; where the target shares weights over
    positions, all channels of a position share it. A product's operand counts as reaching all of
    the product's cores.

    Args:
        demand: of the node that emits.
        split: of it.
        targets: splits of all nodes.
    """
    boxes = split.boxes()
    edges: list[dict[str, int]] = [{} for _ in boxes]
    for p in demand.outgoing:
        target, cores = targets[p.name]
        shared = shared_sites(p, demand.node, demand.chip)
        if shared is not None and same_axes(target.shape, shared.out_shape):
            reach = _Reach.of(shared, target)
            by_piece = [reach.edges(project(box, split.shape, shared.in_shape)) for box in boxes]
        elif isinstance(p.map, Dense) and not p.map.lead:
            by_piece = _by_neuron(p, split, np.full(p.map.in_size, target.n_pieces))
        elif (kernel := kernel_of(p.map)) and same_axes(target.shape, kernel.out_shape):
            by_piece = _by_neuron(p, split, _Reach.of(kernel, target).each())
        else:
            by_piece = _by_synapse(p, split, target, shared)
        slots = cores * (1 if shared is None else POSITION_SLOTS)
        for at, n in enumerate(by_piece):
            edges[at][p.name] = slots * n
    return edges


def port_split(node: Node, port: str, split: Split) -> tuple[Split, int]:
    """How a port is split where its node is split so, and how many cores need each part."""
    if not isinstance(node, Product) or node.op == "multiply":
        return split, 1
    *lead, rows, columns = split.tile
    if port == "a":
        tile, cores = (*lead, rows, node.a_shape[-1]), split.grid[-1]
    else:
        tile, cores = (*lead, node.b_shape[-2], columns), split.grid[-2]
    return Split(node=node.name, shape=node.port_shape(port), tile=tile), cores


def _by_neuron(p: Projection, split: Split, cores: IntArray) -> list[int]:
    """Edges of each piece, from the cores that each input of the map reaches."""
    position = p.position(split.size)
    reached = np.where(position >= 0, cores[position], 0)
    piece = split.piece_at(np.arange(split.size)) - split.first
    return np.bincount(piece, reached).astype(np.int64).tolist()


def _by_synapse(p: Projection, split: Split, target: Split, shared: Kernel | None) -> list[int]:
    """Edges of each piece, synapse by synapse; channels of a position share them if `shared`."""
    indptr, targets, _ = p.map.to_csr()
    source = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    if p.gather is not None:
        source = p.gather[source]
        targets, source = targets[source >= 0], source[source >= 0]
    piece = split.piece_at(source) - split.first
    if shared is not None:
        at = list(np.unravel_index(source, shared.in_shape))
        at[shared.axis] = np.zeros_like(source)
        source = np.ravel_multi_index(at, shared.in_shape)
    reached = target.piece_at(targets) - target.first
    edges = np.unique(np.stack([piece, source, reached]), axis=1)
    return np.bincount(edges[0], minlength=split.n_pieces).tolist()


@dataclass(frozen=True)
class _Reach:
    """Tiles of a target that a kernel's inputs reach.

    Attributes:
        kernel: of the projection.
        first, last: tiles along the channels, by input channel.
        sites: number of tiles along each axis of positions, by input position.
    """

    kernel: Kernel
    first: IntArray
    last: IntArray
    sites: tuple[IntArray, ...]

    @classmethod
    def of(cls, kernel: Kernel, target: Split) -> _Reach:
        """Reach of a kernel into a split of its outputs."""
        rest = iter([t for t, n in zip(target.tile, target.shape, strict=True) if n > 1])
        tile = [next(rest) if n > 1 else 1 for n in kernel.out_shape]
        channels = tile.pop(kernel.axis)
        group = np.arange(kernel.in_shape[kernel.axis]) // kernel.group_in
        sites = []
        for along, extent in enumerate(tile):
            tiles = np.zeros(kernel.sites_in[along], dtype=np.int64)
            for lo in range(0, kernel.sites_out[along], extent):
                span = (lo, min(lo + extent, kernel.sites_out[along]))
                tiles += [len(taps) > 0 for taps in kernel.met(along, span)]
            sites.append(tiles)
        last = ((group + 1) * kernel.group_out - 1) // channels
        return cls(kernel, group * kernel.group_out // channels, last, tuple(sites))

    def edges(self, box: Box) -> int:
        """Edges of a box of inputs whose channels share them."""
        lo, hi = self.kernel.channels(box)
        n = int(self.last[hi - 1] - self.first[lo] + 1)
        for tiles, span in zip(self.sites, self.kernel.sites(box), strict=True):
            n *= int(tiles[slice(*span)].sum())
        return n

    def each(self) -> IntArray:
        """Tiles that each input reaches, flat C order of the kernel's `in_shape`."""
        counts = list(self.sites)
        counts.insert(self.kernel.axis, self.last - self.first + 1)
        grid = np.ones(self.kernel.in_shape, dtype=np.int64)
        for axis, count in enumerate(counts):
            shape = [1] * len(counts)
            shape[axis] = -1
            grid = grid * count.reshape(shape)
        return grid.reshape(-1)
