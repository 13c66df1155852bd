"""A mapping laid out on chips: a place for each core, and what that means for messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.backends.mapping.grid import (
    Grid,
    Link,
    Ways,
    busiest_link,
    link_loads,
    ways,
    ways_by_source,
)
from snnc.backends.mapping.model import Mapping
from snnc.backends.mapping.place import place
from snnc.backends.mapping.traffic import Flow, Load, Tell
from snnc.ir.arrays import IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Cores on the mesh.

    Attributes:
        grid: the mesh of all chips.
        slots: of each core, shape (n_cores,).
        ways: of the messages between cores in one frame.
        ways_by_core: likewise of the messages that each core sends.
        naive: as `ways`, if cores were placed in the order of the graph, chip by chip.
        busiest_link: in the busiest tick; messages go along their row first.
    """

    grid: Grid
    slots: IntArray
    ways: Ways
    ways_by_core: tuple[Ways, ...]
    naive: Ways
    busiest_link: Link


def lay_out(mapping: Mapping, load: Load, tell: Tell) -> Layout | None:
    """Place the cores of a mapping; None where the chip file does not say how cores lie.

    Args:
        mapping: a graph cut for a chip.
        load: what its cores do.
        tell: is told after each step of the placement.
    """
    chip = mapping.chip
    if chip.mesh is None or chip.cores_per_chip is None:
        return None
    grid = Grid.for_cores(
        mapping.n_cores,
        columns=chip.mesh.columns,
        rows=chip.mesh.rows,
        per_router=chip.mesh.cores_per_router,
        cores_per_chip=chip.cores_per_chip,
    )
    slots = place(load.flow, grid, mapping.n_cores, tell)
    between = load.flow.between()
    return Layout(
        grid=grid,
        slots=slots,
        ways=_ways(between, grid, slots),
        ways_by_core=ways_by_source(grid, slots, between.source, between.target, between.events),
        naive=_ways(between, grid, grid.row_major(mapping.n_cores)),
        busiest_link=_busiest_link(between, grid, slots),
    )


def _ways(flow: Flow, grid: Grid, slots: IntArray) -> Ways:
    return ways(grid, slots[flow.source], slots[flow.target], flow.events)


def _busiest_link(flow: Flow, grid: Grid, slots: IntArray) -> Link:
    found = []
    for phase in np.unique(flow.phase) if len(flow.phase) else [0]:
        now = flow.phase == phase
        source, target = slots[flow.source[now]], slots[flow.target[now]]
        found.append(busiest_link(link_loads(grid, source, target, flow.peak[now])))
    return max(found, key=lambda link: link.amount)
