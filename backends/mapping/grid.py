"""Where cores lie: routers on the mesh of a chip, chips side by side, and the ways between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from snnc.ir.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The routers of all chips as one mesh; chips follow each other row by row.

    A slot is a place for a core. Slots are numbered chip by chip, within a chip router by router.

    Attributes:
        columns, rows: routers of a chip.
        per_router: cores of a router.
        cores_per_chip: that can be used; the routers may have more.
        chip_columns: chips in a row.
        n_chips: that are there; the last row of chips may not be full.
    """

    columns: int
    rows: int
    per_router: int
    cores_per_chip: int
    chip_columns: int
    n_chips: int

    @classmethod
    def for_cores(
        cls, n_cores: int, *, columns: int, rows: int, per_router: int, cores_per_chip: int
    ) -> Self:
        """As many chips as `n_cores` need, laid out so that the mesh is nearly a square."""
        n_chips = max(1, -(-n_cores // cores_per_chip))
        return cls(
            columns=columns,
            rows=rows,
            per_router=per_router,
            cores_per_chip=cores_per_chip,
            chip_columns=min(n_chips, math.ceil(math.sqrt(n_chips * rows / columns))),
            n_chips=n_chips,
        )

    @property
    def chip_rows(self) -> int:
        """Rows of chips."""
        return -(-self.n_chips // self.chip_columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of routers, chips that are not there included."""
        return self.chip_rows * self.rows, self.chip_columns * self.columns

    @cached_property
    def position(self) -> IntArray:
        """Column and row of each slot, shape (n_slots, 2)."""
        per_chip = self.columns * self.rows * self.per_router
        chip, within = np.divmod(np.arange(self.chip_columns * self.chip_rows * per_chip), per_chip)
        row, column = np.divmod(within // self.per_router, self.columns)
        x = chip % self.chip_columns * self.columns + column
        return np.stack([x, chip // self.chip_columns * self.rows + row], axis=1)

    @cached_property
    def usable(self) -> BoolArray:
        """Which slots hold a core that is there."""
        per_chip = self.columns * self.rows * self.per_router
        chip, within = np.divmod(np.arange(len(self.position)), per_chip)
        return (chip < self.n_chips) & (within < self.cores_per_chip)

    @property
    def slots_at(self) -> IntArray:
        """First slot of each router, shape `shape`."""
        firsts = np.zeros(self.shape, dtype=np.int64)
        x, y = self.position[:: self.per_router].T
        firsts[y, x] = np.arange(0, len(self.position), self.per_router)
        return firsts

    def chip(self, slots: IntArray) -> IntArray:
        """Chip of each slot."""
        return slots // (self.columns * self.rows * self.per_router)

    def chips_between(self, a: IntArray, b: IntArray) -> IntArray:
        """Borders of chips on the way from slots a to slots b."""
        row, column = np.divmod(self.chip(a), self.chip_columns)
        to_row, to_column = np.divmod(self.chip(b), self.chip_columns)
        return np.abs(to_row - row) + np.abs(to_column - column)

    def row_major(self, n: int) -> IntArray:
        """The first n usable slots, chip by chip: the naive order."""
        return np.flatnonzero(self.usable)[:n]

    def along_curve(self, n: int) -> IntArray:
        """Likewise along a Hilbert curve, which keeps what follows each other together."""
        order = max(1, (max(self.shape) - 1).bit_length())
        slots = np.flatnonzero(self.usable)
        x, y = self.position[slots].T
        return slots[np.argsort(_hilbert(x, y, order), kind="stable")][:n]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ways:
    """What messages do on the mesh in one frame; all are sums over the frame.

    Attributes:
        east_west, north_south: hops between routers.
        across_chips: borders of chips that are crossed.
    """

    east_west: float
    north_south: float
    across_chips: float

    @property
    def hops(self) -> float:
        """Of both directions."""
        return self.east_west + self.north_south


def ways_by_source(
    grid: Grid, slots: IntArray, source: IntArray, target: IntArray, amount: FloatArray
) -> tuple[Ways, ...]:
    """What the messages of each core do, as `ways` adds it up.

    Args:
        grid: the mesh.
        slots: of each core, shape (n_cores,).
        source, target: core of each entry.
        amount: messages of each entry.
    """
    start, end = slots[source], slots[target]
    x, y = np.abs(grid.position[start] - grid.position[end]).T
    each = (x, y, grid.chips_between(start, end))
    sums = [np.bincount(source, weights=amount * n, minlength=len(slots)) for n in each]
    columns = np.stack(sums, axis=1).tolist()
    return tuple(Ways(east_west=a, north_south=b, across_chips=c) for a, b, c in columns)


def ways(grid: Grid, source: IntArray, target: IntArray, amount: FloatArray) -> Ways:
    """Hops of messages between slots, each on a shortest way."""
    x, y = np.abs(grid.position[source] - grid.position[target]).T
    return Ways(
        east_west=float(amount @ x),
        north_south=float(amount @ y),
        across_chips=float(amount @ grid.chips_between(source, target)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Link:
    """A wire from one router to the next.

    Attributes:
        start, end: (column, row) of the routers.
        amount: messages over it.
    """

    start: tuple[int, int]
    end: tuple[int, int]
    amount: float


def link_loads(
    grid: Grid, source: IntArray, target: IntArray, amount: FloatArray
) -> dict[tuple[int, int], FloatArray]:
    """Messages over every link where each goes along its row first, then along its column.

    Returns:
        By direction (columns, rows) of a step: shape `grid.shape`, messages that leave each
        router that way.
    """
    (x, y), (to_x, to_y) = grid.position[source].T, grid.position[target].T
    n_rows, n_columns = grid.shape
    loads = {}
    for step in (1, -1):
        there = (to_x - x) * step > 0
        loads[step, 0] = _steps(y, x, to_x, amount, there, (n_rows, n_columns), step)
        there = (to_y - y) * step > 0
        loads[0, step] = _steps(to_x, y, to_y, amount, there, (n_columns, n_rows), step).T
    return loads


def busiest_link(loads: dict[tuple[int, int], FloatArray]) -> Link:
    """The link with the most messages."""
    step = max(loads, key=lambda key: float(loads[key].max()))
    row, column = np.unravel_index(int(loads[step].argmax()), loads[step].shape)
    start = int(column), int(row)
    return Link(
        start=start, end=(start[0] + step[0], start[1] + step[1]), amount=float(loads[step].max())
    )


def _steps(
    line: IntArray,
    first: IntArray,
    last: IntArray,
    amount: FloatArray,
    chosen: BoolArray,
    shape: tuple[int, int],
    step: int,
) -> FloatArray:
    """Messages that leave each place of each line towards `step`, shape `shape`."""
    line, first, last, amount = line[chosen], first[chosen], last[chosen], amount[chosen]
    low = np.minimum(first, last) + (step < 0)
    high = np.maximum(first, last) + (step < 0)
    change = np.zeros(shape[0] * (shape[1] + 1))
    for at, sign in ((low, 1), (high, -1)):
        flat = line * (shape[1] + 1) + at
        change += sign * np.bincount(flat, weights=amount, minlength=len(change))
    return change.reshape(shape[0], -1).cumsum(axis=1)[:, :-1]


def _hilbert(x: IntArray, y: IntArray, order: int) -> IntArray:
    """Place of each point on the Hilbert curve through a square of side 2 ** order."""
    x, y, along = x.copy(), y.copy(), np.zeros(len(x), dtype=np.int64)
    side = 1 << order
    half = side >> 1
    while half:
        right, down = (x & half) > 0, (y & half) > 0
        along += half * half * ((3 * right) ^ down)
        turned = ~down & right
        x[turned], y[turned] = side - 1 - x[turned], side - 1 - y[turned]
        x, y = np.where(down, x, y), np.where(down, y, x)
        half >>= 1
    return along
