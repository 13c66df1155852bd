"""Edges from a piece to other cores, for chips whose every edge takes a routing entry."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.backends.mapping.boxes import project, same_axes
from snnc.backends.mapping.demand import Demand, shared_sites
from snnc.backends.mapping.kernels import Kernel, kernel_of
from snnc.backends.mapping.model import Split
from snnc.ir.arrays import IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense


def axons_out(
    graph: Graph, demand: Demand, split: Split, splits: Mapping[str, Split]
) -> list[dict[str, int]]:
    """Edges of each piece by outgoing projection.

    An event needs one for each core that it reaches; where the target shares weights over
    positions, all channels of a position share it.
    """
    boxes = split.boxes()
    edges: list[dict[str, int]] = [{} for _ in boxes]
    for p in demand.outgoing:
        cores = _cores_reached(graph, p, splits[p.target], demand.node.size)
        kernel = shared_sites(p, demand.node, demand.chip)
        if kernel is None:
            by_piece = np.bincount(split.piece_at(np.arange(len(cores))) - split.first, cores)
            for at, n in enumerate(by_piece):
                edges[at][p.name] = int(n)
            continue
        by_site = cores.reshape(kernel.in_shape)
        for at, box in enumerate(boxes):
            part = by_site[
                tuple(slice(*span) for span in project(box, split.shape, kernel.in_shape))
            ]
            edges[at][p.name] = int(part.max(axis=kernel.axis).sum())
    return edges


def _cores_reached(graph: Graph, p: Projection, target: Split, n_source: int) -> IntArray:
    """Pieces of the target that each source neuron's event reaches, shape (n_source,)."""
    kernel = kernel_of(p.map)
    if kernel is not None and same_axes(target.shape, kernel.out_shape):
        by_position = _by_kernel(kernel, target)
    elif isinstance(p.map, Dense) or p.target not in {n.name for n in graph.populations}:
        by_position = np.full(p.map.in_size, target.n_pieces, dtype=np.int64)
    else:
        indptr, targets, _ = p.map.to_csr()
        sources = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
        pairs = np.unique(sources * target.n_pieces + target.piece_at(targets) - target.first)
        by_position = np.bincount(pairs // target.n_pieces, minlength=p.map.in_size)
    position = p.position(n_source)
    return np.where(position >= 0, by_position[position], 0)


def _by_kernel(kernel: Kernel, target: Split) -> IntArray:
    """Tiles reached from each input position of a kernel, flat C order of its `in_shape`."""
    rest = iter([t for t, n in zip(target.tile, target.shape, strict=True) if n > 1])
    tile = [next(rest) if n > 1 else 1 for n in kernel.out_shape]
    channel = tile.pop(kernel.axis)
    group = np.arange(kernel.in_shape[kernel.axis]) // kernel.group_in
    first, last = group * kernel.group_out, (group + 1) * kernel.group_out - 1
    counts = [last // channel - first // channel + 1]
    for along, extent in enumerate(tile):
        tiles = np.zeros(kernel.sites_in[along], dtype=np.int64)
        for lo in range(0, kernel.sites_out[along], extent):
            hi = min(lo + extent, kernel.sites_out[along])
            tiles += [len(taps) > 0 for taps in kernel.met(along, (lo, hi))]
        counts.append(tiles)
    reached = counts[1:]
    reached.insert(kernel.axis, counts[0])
    grid = np.ones(kernel.in_shape, dtype=np.int64)
    for axis, count in enumerate(reached):
        shape = [1] * len(reached)
        shape[axis] = -1
        grid = grid * count.reshape(shape)
    return grid.reshape(-1)
