from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.converter.integer.solve import Constants, Items, Solution, solve

NOTHING = Constants(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool))


def items(*rows: tuple[int, int, float, float], channelwise: bool = False) -> Items:
    """Rows as (root, projection, top, grid)."""
    root, projection, top, grid = (np.array(column) for column in zip(*rows, strict=True))
    grid = grid.astype(float)
    largest = np.where(grid > 0, np.rint(top / np.where(grid > 0, grid, 1)), 0).astype(np.int64)
    flags = np.full(len(rows), channelwise)
    return Items(root, projection, top.astype(float), grid, largest, flags)


def run(rows: Items, n_roots: int, n_projections: int, **options: int) -> Solution:
    return solve(rows, NOTHING, n_roots, n_projections, options.pop("bits", 8), **options)


def test_one_grid_is_taken_as_it_is() -> None:
    found = run(items((0, 0, 12.7, 0.1), (1, 0, 3.0, 1.0)), 2, 1)
    assert found.step.tolist() == [0.1, 1.0]
    assert found.exponent.tolist() == [0]


def test_no_grid_uses_the_whole_width() -> None:
    found = run(items((0, 0, 2.54, 0.0)), 1, 1)
    assert found.step.tolist() == [2.54 / 127]


def test_rational_grids_meet() -> None:
    found = run(items((0, 0, 0.5, 0.25), (0, 1, 0.2, 0.2)), 1, 2)
    np.testing.assert_allclose(found.step, [0.05])
    assert found.exponent.tolist() == [0, 0]


def test_an_exponent_for_the_coarser_of_two_grids() -> None:
    found = run(items((0, 0, 127 * 8.0, 8.0), (0, 1, 127.0, 1.0)), 1, 2)
    assert found.step.tolist() == [1.0]
    assert found.exponent.tolist() == [3, 0]


def test_an_exponent_serves_all_channels() -> None:
    """Channel 0 needs 2^3 on projection 0, channel 1 has to follow with a finer step."""
    rows = items((0, 0, 127 * 8.0, 8.0), (0, 1, 127.0, 1.0), (1, 0, 3.0, 1.0), (1, 1, 5.0, 1.0))
    found = run(rows, 2, 2)
    assert found.exponent.tolist() == [3, 0]
    assert found.step.tolist() == [1.0, 1 / 8]


def test_a_lowest_weight_takes_no_multiple() -> None:
    """-128 on one branch: the other branch's finer grid cannot be reached by multiples."""
    found = run(items((0, 0, 128.0, 1.0), (0, 1, 1.0, 0.5)), 1, 2)
    assert found.step.tolist() == [0.5]
    assert found.exponent.tolist() == [1, 0]


def test_a_limit_on_exponents() -> None:
    found = run(items((0, 0, 1.0, 0.0), (0, 1, 2.0**-9, 0.0)), 1, 2, max_exponent=4)
    assert found.exponent.tolist() == [4, 0]
    assert found.step.tolist() == [1 / 127 / 16]


def test_channels_without_rows_have_no_step() -> None:
    assert run(items((1, 0, 1.0, 0.0)), 3, 1).step.tolist() == [0, 1 / 127, 0]


def test_a_reset_threshold_is_an_integer() -> None:
    reset = Constants(np.array([0]), np.array([1.0]), np.array([True]))
    step = solve(items((0, 0, 2.54, 0.0)), reset, 1, 1, 8).step[0]
    assert (1 / step).is_integer()
    assert step >= 2.54 / 127


@settings(deadline=None)
@given(st.data())
def test_every_row_fits_and_grids_that_can_meet_stay_exact(data: st.DataObject) -> None:
    bits = data.draw(st.sampled_from([2, 4, 8, 12]))
    most = 2 ** (bits - 1) - 1
    n_roots, n_projections = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 3))
    rows = []
    for root in range(n_roots):
        for projection in range(n_projections):
            grid = 2.0 ** data.draw(st.integers(-6, 6)) * data.draw(st.sampled_from([0, 1, 3]))
            top = grid * data.draw(st.integers(1, most)) or data.draw(st.floats(0.01, 50))
            rows.append((root, projection, top, grid))
    given_items = items(*rows)
    found = run(given_items, n_roots, n_projections, bits=bits)
    assert (found.exponent >= 0).all()
    assert found.exponent.min() == 0 or (given_items.grid > 0).any()
    unit = found.step[given_items.root] * 2.0 ** found.exponent[given_items.projection]
    assert (np.rint(given_items.top / unit) <= most).all()
    if n_projections == 1:
        exact = given_items.grid > 0
        count = given_items.grid[exact] / unit[exact]
        np.testing.assert_array_equal(count, np.rint(count))
