"""Cores of a mapping as the page draws them: a small block of squares for each router."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.ir.arrays import IntArray


def core_map(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Places and work of all cores.

    Args:
        mapping: what `snnc map -o map.json` writes.

    Returns:
        Of every core: `x`, `y` (squares), `node` (index into `names`), `events` (synaptic, in a
        tick), `use` by kind; `columns` and `rows`: where chips begin.
    """
    cores = mapping["cores"]
    names = list(dict.fromkeys(core["node"] for core in cores))
    index = {name: i for i, name in enumerate(names)}
    placed = all(core["router"] is not None for core in cores)
    place, block = _by_router(cores) if placed else (_in_rows(len(cores)), (1, 1))
    chips = np.array([core["chip"] if placed else 0 for core in cores])
    return {
        "x": place[:, 0],
        "y": place[:, 1],
        "node": np.array([index[core["node"]] for core in cores]),
        "names": names,
        "events": np.array([core["synaptic_events_per_tick"] for core in cores], dtype=np.float64),
        "use": {kind: np.array([core["use"][kind] for core in cores]) for kind in cores[0]["use"]},
        "columns": _borders(place[:, 0], chips, block[0]),
        "rows": _borders(place[:, 1], chips, block[1]),
    }


def _in_rows(n_cores: int) -> IntArray:
    row, column = np.divmod(np.arange(n_cores), math.ceil(math.sqrt(n_cores)))
    return np.stack([column, row], axis=1)


def _by_router(cores: Any) -> tuple[IntArray, tuple[int, int]]:
    """Squares of cores, and the block that a router's cores make."""
    routers = np.array([core["router"] for core in cores])
    _, which = np.unique(routers, axis=0, return_inverse=True)
    order = np.zeros(len(cores), dtype=np.int64)
    seen: dict[int, int] = {}
    for i, router in enumerate(which.reshape(-1).tolist()):
        order[i] = seen.get(router, 0)
        seen[router] = int(order[i]) + 1
    wide = math.ceil(math.sqrt(max(seen.values())))
    block = wide, -(-max(seen.values()) // wide)
    row, column = np.divmod(order, wide)
    return routers * block + np.stack([column, row], axis=1), block


def _borders(at: IntArray, chips: IntArray, block: int) -> list[int]:
    """Where chips begin along one axis, but for the first: multiples of a block."""
    first = {int(chip): int(at[chips == chip].min()) // block * block for chip in np.unique(chips)}
    return sorted(set(first.values()) - {min(first.values())})
