"""How each linear map enters the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from snnc.backends.event.layout import Layout, is_flat_window, window_geometry
from snnc.backends.event.pools import Pool
from snnc.backends.event.tables import (
    DENSE,
    GROUPED,
    ONE_TO_ONE,
    SPARSE,
    WINDOW,
)
from snnc.ir.arrays import Array, IntArray, along
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, SumPool


class Ends(Protocol):
    """Layouts at both ends of a projection."""

    @property
    def source(self) -> Layout:
        """Order of the events that are delivered."""

    @property
    def target(self) -> Layout:
        """Order of the target's membranes."""

    @property
    def by_position(self) -> bool:
        """Does `source` order the map's input positions instead of the source's neurons?"""


_Lower = Callable[[Any, Projection, Mapping[str, Pool], Ends], None]


def takes_whole(p: Projection, source_size: int) -> bool:
    """Can the kernel of this map index its weights by source neuron?

    A dense map that takes a part of its source would store a row of zeros for every neuron that
    it leaves out.
    """
    if p.gather is None or not isinstance(p.map, Dense):
        return True
    return p.map.in_size == source_size and bool((p.gather >= 0).all())


def positions(p: Projection, ends: Ends) -> IntArray:
    """Map input position of each delivered index, -1 where the neuron is not taken."""
    order = ends.source.order()
    return order if ends.by_position else p.position(len(order))[order]


def lower_window(row: Any, p: Projection, pools: Mapping[str, Pool], ends: Ends) -> None:
    """Convolutions and pools; over three axes synapse by synapse."""
    assert isinstance(p.map, Conv | SumPool)
    if not is_flat_window(p.map):
        lower_listed(row, p, pools, ends)
        return
    grouped = isinstance(p.map, SumPool) or p.map.groups > 1
    row["kind"] = GROUPED if grouped else WINDOW
    _add_window(row, p, p.map, pools)


def lower_dense(row: Any, p: Projection, pools: Mapping[str, Pool], ends: Ends) -> None:
    """All to all: rows by source neuron; with leading axes a window of one tap."""
    assert isinstance(p.map, Dense)
    if p.map.lead:
        row["kind"] = WINDOW
        _add_window(row, p, p.map, pools)
        return
    row["kind"] = DENSE
    row["pitch"] = p.map.out_size
    at = positions(p, ends)
    by_source = p.map.weight.T[np.maximum(at, 0)][:, ends.target.order()]
    by_source = np.where((at >= 0)[:, None], by_source, 0)
    row["weight"] = add_weights(row, by_source, p, pools)


def lower_identity(row: Any, p: Projection, pools: Mapping[str, Pool], ends: Ends) -> None:
    """One to one."""
    assert isinstance(p.map, Identity)
    if row["maximum"]:
        lower_listed(row, p, pools, ends)
        return
    row["kind"] = ONE_TO_ONE
    at = positions(p, ends)
    row["targets"] = pools["targets"].add(np.where(at >= 0, ends.target.position()[at], -1))
    weight = np.broadcast_to(
        along(p.map.weight, len(p.map.shape), p.map.channel_axis), p.map.shape
    ).reshape(-1)
    row["weight"] = add_weights(row, weight[at], p, pools)


def lower_listed(row: Any, p: Projection, pools: Mapping[str, Pool], ends: Ends) -> None:
    """Any map, synapse by synapse."""
    row["kind"] = SPARSE
    indptr, targets, weights = p.map.to_csr()
    at = positions(p, ends)
    lengths = np.where(at >= 0, np.diff(indptr)[at], 0)
    first = np.zeros(len(at) + 1, dtype=np.int64)
    np.cumsum(lengths, out=first[1:])
    # synapse s of delivered neuron n is synapse indptr[at[n]] + s of the map
    begin = np.where(at >= 0, indptr[:-1][at], 0)
    taken = np.arange(first[-1]) + np.repeat(begin - first[:-1], lengths)
    row["indptr"] = pools["indptr"].add(first)
    row["targets"] = pools["targets"].add(ends.target.position()[targets[taken]])
    if not row["maximum"]:
        row["weight"] = add_weights(row, weights[taken], p, pools)


def add_weights(row: Any, weights: Array, p: Projection, pools: Mapping[str, Pool]) -> int:
    """Store weights, their exponent folded in; their offset."""
    pool = pools["weights64" if row["wide"] else "weights16"]
    return pool.add(weights.astype(np.int64) << p.exponent)


def _add_window(
    row: Any, p: Projection, map_: Conv | SumPool | Dense, pools: Mapping[str, Pool]
) -> None:
    geometry, weights = window_geometry(map_)
    row["geometry"] = pools["geometry"].add(geometry)
    row["pitch"] = weights[0].size
    if not row["maximum"]:
        row["weight"] = add_weights(row, weights, p, pools)


LOWERED: dict[type[LinearMap], _Lower] = {
    Conv: lower_window,
    SumPool: lower_window,
    Dense: lower_dense,
    Identity: lower_identity,
}
"""By the exact class of a map; all others are listed synapse by synapse."""
