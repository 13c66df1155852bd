"""Placements: valid, always the same, and near what is known to be best."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.mapping.grid import Grid
from snnc.backends.mapping.place import cost, place
from snnc.backends.mapping.traffic import Flow
from snnc.ir.arrays import FloatArray, IntArray
from snnc.runtime.progress import silent
from tests import needs


def flow_of(source: IntArray, target: IntArray, events: FloatArray) -> Flow:
    return Flow(
        source=source, target=target, phase=np.zeros_like(source), events=events, peak=events
    )


def shuffled_path(n: int, seed: int) -> Flow:
    """n cores in a row, each sends one message to the next; their numbers are shuffled."""
    order = np.random.default_rng(seed).permutation(n)
    return flow_of(order[:-1], order[1:], np.ones(n - 1))


def square(side: int, per_router: int = 1) -> Grid:
    n = side * side * per_router
    return Grid.for_cores(n, columns=side, rows=side, per_router=per_router, cores_per_chip=n)


def test_a_path_fits_nearly_without_detours() -> None:
    grid, flow = square(6), shuffled_path(36, 0)
    slots = place(flow, grid, 36, silent)
    assert sorted(slots) == list(range(36))
    assert 35 <= cost(flow, grid, slots) <= 38


def test_same_flow_same_places() -> None:
    grid, flow = square(4), shuffled_path(16, 1)
    np.testing.assert_array_equal(place(flow, grid, 16, silent), place(flow, grid, 16, silent))


def test_cores_that_talk_share_a_router() -> None:
    pairs = np.random.default_rng(2).permutation(32).reshape(2, 16)
    flow = flow_of(pairs[0], pairs[1], np.full(16, 3.0))
    grid = square(4, per_router=2)
    assert cost(flow, grid, place(flow, grid, 32, silent)) == 0


def test_places_that_are_not_there_stay_empty() -> None:
    grid = Grid.for_cores(21, columns=2, rows=2, per_router=2, cores_per_chip=7)
    slots = place(shuffled_path(20, 3), grid, 20, silent)
    assert len(set(slots)) == 20
    assert grid.usable[slots].all()


def test_nobody_talks() -> None:
    none = np.zeros(0, dtype=np.int64)
    flow = flow_of(none, none, np.zeros(0))
    grid = square(2)
    assert len(set(place(flow, grid, 3, silent))) == 3


@pytest.mark.parametrize("seed", [0, 1])
def test_as_good_as_a_solver_of_quadratic_assignment(seed: int) -> None:
    """SciPy's fast approximate method, then its pairwise exchange until nothing gets better."""
    optimize = needs.module("scipy.optimize")
    rng = np.random.default_rng(seed)
    n = 49
    source, target = rng.integers(0, n, (2, 150))
    flow = flow_of(source, target, rng.integers(1, 100, 150).astype(np.float64))
    grid = square(7)
    amounts = np.zeros((n, n))
    np.add.at(amounts, (source, target), flow.events)
    distances = np.abs(grid.position[:, None] - grid.position[None]).sum(axis=2)
    first = optimize.quadratic_assignment(
        amounts, distances, method="faq", options={"rng": np.random.default_rng(0)}
    ).col_ind
    guess = np.stack([np.arange(n), first], axis=1)
    best = optimize.quadratic_assignment(
        amounts,
        distances,
        method="2opt",
        options={"rng": np.random.default_rng(0), "partial_guess": guess},
    )
    found = cost(flow, grid, place(flow, grid, n, silent))
    assert found <= best.fun * 1.01
