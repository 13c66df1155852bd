"""Input grids: DESIGN's formula, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.sources.grids import InputGrid
from snnc.ir.errors import DataError


def test_a_range_is_cut_into_its_bits() -> None:
    grid = InputGrid.over_range(-1.0, 1.0, 8)
    assert grid.step == 2.0 / 255
    # round_half_even(-127.5) = -128
    assert (grid.lo, grid.hi) == (-128, 127)
    assert InputGrid.over_range(0.0, 3.0, 2) == InputGrid(0, 3, 1.0)
    assert InputGrid.over_range(0.5, 1.5, 1) == InputGrid(0, 1, 1.0)


def test_counts_round_half_to_even_and_clip() -> None:
    grid = InputGrid(-2, 5, step=0.5)
    x = np.array([-9.0, -0.25, 0.25, 0.75, 1.0, 1.25, 2.6, 9.0], np.float32)
    assert grid.counts(x).tolist() == [-2, 0, 0, 2, 2, 2, 5, 5]
    assert grid.counts(x).dtype == np.int64
    assert grid.real(np.array([-2, 0, 3])).tolist() == [-1.0, 0.0, 1.5]


def test_a_zero_point_moves_the_counts() -> None:
    grid = InputGrid(0, 255, step=0.1, zero_point=128)
    assert grid.count_range == (-128, 127)
    assert grid.counts(np.array([0.0, 100.0, -100.0])).tolist() == [0, 127, -128]


def test_small_integer_types_declare_themselves() -> None:
    assert InputGrid.of_dtype("uint8") == InputGrid(0, 255)
    assert InputGrid.of_dtype("int8") == InputGrid(-128, 127)
    assert InputGrid.of_dtype("bool") == InputGrid(0, 1)
    assert InputGrid.of_dtype("int32") is None
    assert InputGrid.of_dtype("float32") is None


@pytest.mark.parametrize(
    ("lo", "hi", "step"), [(3, 3, 1.0), (0, 2**32, 1.0), (0, 1, 0.0), (0, 1, float("nan"))]
)
def test_impossible_grids_are_refused(lo: int, hi: int, step: float) -> None:
    with pytest.raises(DataError):
        InputGrid(lo, hi, step)


@pytest.mark.parametrize(
    ("lo", "hi", "bits"), [(0.0, 1.0, 0), (0.0, 1.0, 33), (1.0, 1.0, 8), (0.0, float("inf"), 8)]
)
def test_impossible_ranges_are_refused(lo: float, hi: float, bits: int) -> None:
    with pytest.raises(DataError):
        InputGrid.over_range(lo, hi, bits)


def test_nan_has_no_count() -> None:
    with pytest.raises(DataError, match="NaN"):
        InputGrid(0, 1).counts(np.array([0.0, np.nan]))


def test_json_round_trip_and_refusal() -> None:
    grid = InputGrid(-3, 12, 0.25, 2)
    assert InputGrid.from_json(grid.to_json()) == grid
    for bad in (None, {}, {**grid.to_json(), "lo": 1.5}, {**grid.to_json(), "step": "1"}):
        with pytest.raises(DataError):
            InputGrid.from_json(bad)
