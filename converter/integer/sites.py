"""Sites: the places of a float graph whose integer step has to be found, channel by channel.

A site is a membrane (accumulator, firing population), a port of a product, a real value that
leaves the host, or a maximum over such values. Where a step is given by the source (counts of
firing populations, inputs on a grid, host counts) there is no site.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snnc.ir.arrays import FloatArray, IntArray, Shape
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import LinearMap, Sparse
from snnc.ir.nodes import HostOp, Node, Population, Product


def origin(graph: Graph, name: str) -> Node:
    """The node whose integers a node emits: itself, or what a maximum is taken over."""
    node = graph.nodes[name]
    while isinstance(node, Population) and node.model.combine == "max":
        node = graph.nodes[graph.incoming(node.name)[0].source]
    return node


def emits_free(graph: Graph, name: str) -> bool:
    """Does a node emit integers whose step is ours to choose?"""
    node = origin(graph, name)
    if isinstance(node, Population):
        return node.model.step_is_free
    return isinstance(node, HostOp) and node.result == "value"


def emission_step(graph: Graph, name: str) -> float:
    """Step of what a node emits, in steps of its site."""
    node = origin(graph, name)
    return 2.0**-node.model.emission_bits if isinstance(node, Population) else 1.0


def target_site(graph: Graph, projection: Projection) -> str | None:
    """The site that a projection feeds, if it feeds one."""
    node = graph.nodes[projection.target]
    if isinstance(node, Product):
        return f"{node.name}#{projection.port}"
    if not isinstance(node, Population):
        return None
    if node.model.combine == "max" and not emits_free(graph, node.name):
        return None
    return node.name


def sites(graph: Graph) -> Iterator[tuple[str, int]]:
    """Every site with its number of channels, in topological order."""
    for node in graph.nodes.values():
        if isinstance(node, Product):
            yield from ((f"{node.name}#{port}", 1) for port in node.ports)
        elif isinstance(node, HostOp) and node.result == "value":
            yield node.name, node.shape[node.channel_axis]
        elif isinstance(node, Population) and (
            node.model.combine != "max" or emits_free(graph, node.name)
        ):
            yield node.name, node.n_channels


def neuron_channels(shape: Shape, axis: int) -> IntArray:
    """Channel of every neuron, flat C order."""
    index = np.arange(shape[axis], dtype=np.int64)
    spread = index.reshape((-1,) + (1,) * (len(shape) - 1 - axis % len(shape)))
    return np.broadcast_to(spread, shape).reshape(-1)


def row_targets(graph: Graph, projection: Projection) -> tuple[IntArray, IntArray]:
    """Which channels of its target site each row of a map feeds.

    Returns:
        rows and channels, one entry for each pair that meets, ordered by row.
    """
    map_, node = projection.map, graph.nodes[projection.target]
    n_rows = map_.n_channels
    if isinstance(node, Product):
        return np.arange(n_rows), np.zeros(n_rows, dtype=np.int64)
    axis = getattr(node, "channel_axis", 0)
    if map_.out_shape == node.shape and map_.channel_axis % len(node.shape) == axis:
        return np.arange(n_rows), np.arange(n_rows)
    return _pairs(
        neuron_channels(map_.out_shape, map_.channel_axis), neuron_channels(node.shape, axis)
    )


def row_sources(graph: Graph, projection: Projection) -> tuple[IntArray, IntArray]:
    """Which channels of its source each row of a channel-wise map reads."""
    map_, node = projection.map, graph.nodes[projection.source]
    channels = neuron_channels(node.shape, getattr(node, "channel_axis", 0))
    if isinstance(map_, Sparse):
        rows, at = map_.weight_channels(), np.repeat(np.arange(map_.in_size), np.diff(map_.indptr))
    else:
        rows, at = neuron_channels(map_.in_shape, map_.channel_axis), np.arange(map_.in_size)
    neuron = at if projection.gather is None else projection.gather[at]
    taken = neuron >= 0
    return _pairs(rows[taken], channels[neuron[taken]])


def first_target(rows: IntArray, channels: IntArray, n_rows: int) -> IntArray:
    """One channel of each row, shape (n_rows,)."""
    first = np.zeros(n_rows, dtype=np.int64)
    first[rows[::-1]] = channels[::-1]
    return first


def _pairs(rows: IntArray, channels: IntArray) -> tuple[IntArray, IntArray]:
    if not len(rows):
        return rows, channels
    width = int(channels.max()) + 1
    both = np.unique(rows * width + channels)
    return both // width, both % width


def row_weights(map_: LinearMap) -> FloatArray | None:
    """The one magnitude of each row of a map, shape (C,); None where a row has several.

    Identities and pools have one, and so have sparse maps that only repeat or sum.
    """
    if map_.kind in ("identity", "sum-pool"):
        return np.abs(np.broadcast_to(map_.weight, (map_.n_channels,)))
    if not isinstance(map_, Sparse) or not map_.weight.size:
        return None
    magnitude, row = np.abs(map_.weight), map_.weight_channels()
    largest = np.zeros(map_.n_channels)
    np.maximum.at(largest, row, magnitude)
    return largest if (magnitude == largest[row]).all() else None


def is_channelwise(map_: LinearMap) -> bool:
    """Is each row one weight?"""
    return row_weights(map_) is not None
