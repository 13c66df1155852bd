"""How each linear map enters the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from snnc.backends.event.costs import (
    Costs,
    set_channel_costs,
    set_dense_costs,
    set_window_costs,
)
from snnc.backends.event.gather import GATHER_LANES, gather_geometry, n_runs
from snnc.backends.event.layout import GROUP_IN, GROUP_OUT, Layout, is_flat_window, window_geometry
from snnc.backends.event.plane import LENGTH, ROWS, SIZE, plane_geometry
from snnc.backends.event.pools import Pool
from snnc.backends.event.tables import (
    BITS_8,
    BITS_16,
    BITS_64,
    DENSE,
    EACH,
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
    def costs(self) -> Costs:
        """Constants of what delivering costs."""

    @property
    def by_position(self) -> bool:
        """Does `source` order the map's input positions instead of the source's neurons?"""


WEIGHTS = ("weights8", "weights16", "weights64")
"""Pools of weights, by the `width` of a projection."""

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
    _add_window(row, p, p.map, pools, ends.costs)


def lower_dense(row: Any, p: Projection, pools: Mapping[str, Pool], ends: Ends) -> None:
    """All to all: rows by source neuron; with leading axes a window of one tap."""
    assert isinstance(p.map, Dense)
    if p.map.lead:
        row["kind"] = WINDOW
        _add_window(row, p, p.map, pools, ends.costs)
        return
    row["kind"] = DENSE
    at = positions(p, ends)
    by_source = p.map.weight.T[np.maximum(at, 0)][:, ends.target.order()]
    by_source = np.where((at >= 0)[:, None], by_source, 0)
    if not row["wide"]:
        by_source = np.pad(by_source, [(0, 0), (0, -p.map.out_size % GATHER_LANES)])
    row["pitch"] = row["gather_pitch"] = by_source.shape[1]
    row["weight"] = add_weights(row, by_source, p, pools)
    if not row["wide"]:
        row["gather"], row["runs"] = row["weight"], n_runs(1, len(by_source))
        set_dense_costs(row)


def lower_identity(row: Any, p: Projection, pools: Mapping[str, Pool], ends: Ends) -> None:
    """One to one."""
    assert isinstance(p.map, Identity)
    if row["maximum"]:
        lower_listed(row, p, pools, ends)
        return
    row["kind"] = ONE_TO_ONE
    at = positions(p, ends)
    targets = np.where(at >= 0, ends.target.position()[at], -1)
    row["straight"] = bool((targets == np.arange(len(targets))).all())
    row["targets"] = pools["targets"].add(targets)
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
    scaled = weights.astype(np.int64) << p.exponent
    row["heaviest"] = max(int(np.abs(scaled).max(initial=0)), 1)
    narrow = scaled.min(initial=0) >= -128 and scaled.max(initial=0) <= 127
    row["width"] = BITS_64 if row["wide"] else BITS_8 if narrow else BITS_16
    return pools[WEIGHTS[row["width"]]].add(scaled)


def _add_window(
    row: Any,
    p: Projection,
    map_: Conv | SumPool | Dense,
    pools: Mapping[str, Pool],
    costs: Costs,
) -> None:
    geometry, weights = window_geometry(map_)
    row["geometry"] = pools["geometry"].add(geometry)
    row["pitch"] = weights[0].size
    if row["maximum"]:
        return
    row["weight"] = add_weights(row, weights, p, pools)
    if row["kind"] == WINDOW:
        if row["width"] != BITS_64:
            _add_gathered(row, p, map_, pools)
            _add_plane(row, p, map_, pools)
            set_window_costs(row, map_, costs)
    elif geometry[GROUP_IN] == geometry[GROUP_OUT] == 1:
        row["kind"] = EACH
        if row["width"] == BITS_8 and not isinstance(map_, Dense):
            _add_gathered(row, p, map_, pools)
            set_channel_costs(row, map_, costs)
            row["spread"] = map_.in_size + GATHER_LANES


def _add_gathered(
    row: Any, p: Projection, map_: Conv | SumPool | Dense, pools: Mapping[str, Pool]
) -> None:
    """The weights once more, as gathering reads them."""
    geometry, weights = gather_geometry(map_)
    row["seen_from"] = pools["geometry"].add(geometry)
    row["gather"] = add_weights(row, weights, p, pools)
    row["gather_pitch"] = weights.shape[-1]
    row["taps"] = weights.shape[0] * weights.shape[1]
    row["runs"] = n_runs(row["taps"], row["taps"] * weights.shape[2])


def _add_plane(
    row: Any, p: Projection, map_: Conv | SumPool | Dense, pools: Mapping[str, Pool]
) -> None:
    """The weights as scattering into a plane reads them: mostly as scattering does anyway."""
    assert not isinstance(map_, SumPool)
    found = plane_geometry(map_, p.exponent) if row["width"] == BITS_8 else None
    if found is None:
        return
    geometry, weights = found
    row["plane"] = pools["geometry"].add(geometry)
    row["plane_length"], row["plane_sums"] = geometry[LENGTH], geometry[ROWS] * geometry[SIZE]
    if weights is None:
        row["plane_weight"] = row["weight"]
    else:
        row["plane_weight"] = add_weights(row, weights, p, pools)


LOWERED: dict[type[LinearMap], _Lower] = {
    Conv: lower_window,
    SumPool: lower_window,
    Dense: lower_dense,
    Identity: lower_identity,
}
"""By the exact class of a map; all others are listed synapse by synapse."""
