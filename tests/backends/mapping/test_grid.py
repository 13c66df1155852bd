"""Meshes and the ways on them, against walking message by message."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from snnc.backends.mapping.grid import Grid, busiest_link, link_loads, ways

LOIHI = {"columns": 8, "rows": 4, "per_router": 4, "cores_per_chip": 128}


def test_one_chip() -> None:
    grid = Grid.for_cores(5, **LOIHI)
    assert (grid.n_chips, grid.shape, len(grid.position)) == (1, (4, 8), 128)
    assert grid.position[:5].tolist() == [[0, 0], [0, 0], [0, 0], [0, 0], [1, 0]]
    assert grid.position[-1].tolist() == [7, 3]


@pytest.mark.parametrize(("n_cores", "n_chips", "shape"), [(129, 2, (8, 8)), (1000, 8, (16, 16))])
def test_chips_lie_nearly_in_a_square(n_cores: int, n_chips: int, shape: tuple[int, int]) -> None:
    grid = Grid.for_cores(n_cores, **LOIHI)
    assert (grid.n_chips, grid.shape) == (n_chips, shape)


def test_only_what_is_there_is_used() -> None:
    grid = Grid.for_cores(25, columns=2, rows=2, per_router=2, cores_per_chip=5)
    assert (grid.n_chips, grid.chip_columns, grid.chip_rows) == (5, 3, 2)
    assert grid.usable.sum() == 25
    for order in (grid.row_major(25), grid.along_curve(25)):
        assert len(set(order)) == 25
        assert grid.usable[order].all()
        assert grid.chip(order).max() == 4


def test_every_router_knows_its_slots() -> None:
    grid = Grid.for_cores(300, **LOIHI)
    rows, columns = grid.shape
    for y in range(rows):
        for x in range(columns):
            first = grid.slots_at[y, x]
            assert (grid.position[first : first + 4] == [x, y]).all()


def test_the_curve_goes_from_neighbour_to_neighbour() -> None:
    grid = Grid.for_cores(64, columns=8, rows=8, per_router=1, cores_per_chip=64)
    steps = np.abs(np.diff(grid.position[grid.along_curve(64)], axis=0)).sum(axis=1)
    assert (steps == 1).all()


def test_ways_by_walking() -> None:
    rng = np.random.default_rng(0)
    grid = Grid.for_cores(500, **LOIHI)
    source, target = rng.integers(0, len(grid.position), (2, 200))
    amount = rng.integers(1, 9, 200).astype(np.float64)
    walked: Counter[tuple[int, int, int, int]] = Counter()
    borders = 0.0
    for a, b, n in zip(source, target, amount, strict=True):
        (x, y), end = grid.position[a].tolist(), grid.position[b].tolist()
        while [x, y] != end:  # along the row first
            dx = int(np.sign(end[0] - x))
            dy = int(np.sign(end[1] - y)) if dx == 0 else 0
            walked[x, y, dx, dy] += n
            before = (x // 8, y // 4)
            x, y = x + dx, y + dy
            borders += n * (before != (x // 8, y // 4))
    found = ways(grid, source, target, amount)
    assert found.hops == sum(walked.values())
    assert found.across_chips == borders
    assert found.east_west == sum(n for (*_, dx, _), n in walked.items() if dx)
    loads = link_loads(grid, source, target, amount)
    for (dx, dy), load in loads.items():
        for (y, x), n in np.ndenumerate(load):
            assert n == walked[x, y, dx, dy]
    busiest = busiest_link(loads)
    assert busiest.amount == max(walked.values())
    step = np.subtract(busiest.end, busiest.start)
    assert walked[*busiest.start, int(step[0]), int(step[1])] == busiest.amount
