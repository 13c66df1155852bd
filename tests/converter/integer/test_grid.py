from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.converter.integer.grid import detect_grids


@st.composite
def grid_rows(draw: Any) -> tuple[int, Any, float]:
    """(bits, integers with at least one non-zero, float32 step)."""
    bits = draw(st.integers(2, 16))
    limit = 2 ** (bits - 1)
    q = draw(st.lists(st.integers(-limit, limit - 1), min_size=1, max_size=40))
    step = draw(st.floats(2.0**-20, 1024.0, width=32))
    return bits, np.array(q), step


@settings(deadline=None)
@given(grid_rows())
def test_a_row_on_a_grid_is_found_with_its_coarsest_step(case: Any) -> None:
    bits, q, step = case
    row = (q.astype(np.float32) * np.float32(step)).astype(np.float64)
    grids = detect_grids(row[None], bits)
    if not q.any():
        assert not grids.found[0]
        return
    assert grids.found[0]
    common = math.gcd(*q.tolist())
    found = np.rint(row / grids.step[0]).astype(int)
    # coarser than the greatest common divisor only where float32 rounding allows it
    assert grids.step[0] >= step * common * (1 - 2.0**-20)
    assert np.abs(found).max() == grids.largest[0] <= 2 ** (bits - 1)
    assert np.abs(found * grids.step[0] - row).max() <= np.abs(row).max() * 2.0**-21
    if len(q) > 8 and bits <= 8:
        np.testing.assert_array_equal(found, q // common)


@settings(deadline=None)
@given(grid_rows(), st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_a_folded_factor_does_not_hide_the_grid(case: Any, factor: float, seed: int) -> None:
    bits, q, step = case
    q = np.append(q, 1)
    row = (q.astype(np.float32) * np.float32(step)).astype(np.float64) * factor
    assert detect_grids(row[None], bits).found[0]


def test_int8_with_a_power_of_two_shift_is_exact() -> None:
    q = np.random.default_rng(0).integers(-128, 128, (16, 90))
    q[:, 0] = -128
    q[:, 1] = 3
    for shift in (-7, 0, 5):
        q[:, 2] = 127
        grids = detect_grids(np.ldexp(q.astype(float), shift), 8)
        assert (grids.step == 2.0**shift).all()
        assert (grids.largest == 128).all()


def test_both_ends_do_not_fit_twos_complement() -> None:
    assert not detect_grids(np.array([[128.0, -128.0, 3.0]]), 8).found[0]
    assert detect_grids(np.array([[128.0, -127.0, 3.0]]), 8).found[0]
    assert detect_grids(np.array([[-128.0, 127.0, 3.0]]), 8).found[0]
    assert detect_grids(np.array([[128.0, -128.0, 64.0]]), 8).found[0]


def test_random_rows_lie_on_no_grid() -> None:
    rows = np.random.default_rng(1).normal(size=(500, 9))
    assert not detect_grids(rows, 8).found.any()
    assert not detect_grids(rows[:40], 16).found.any()


def test_dead_and_empty_rows() -> None:
    grids = detect_grids(np.zeros((3, 5)), 8)
    assert not grids.found.any()
    assert grids.largest.tolist() == [0, 0, 0]
    assert detect_grids(np.zeros((0, 5)), 8).step.shape == (0,)


def test_a_single_weight_is_its_own_step() -> None:
    grids = detect_grids(np.array([[0.3], [-7.5]]), 8)
    assert grids.step.tolist() == [0.3, 7.5]
    assert grids.largest.tolist() == [1, 1]


@pytest.mark.parametrize("n", [1, 50_000])
def test_long_rows(n: int) -> None:
    q = np.resize([5, -128, 127, 2], n)
    grids = detect_grids((q * np.float32(0.013)).astype(np.float64)[None], 8)
    assert grids.step[0] == pytest.approx(0.013 if n > 1 else 0.065, rel=1e-7)
