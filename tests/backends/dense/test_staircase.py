"""Lines against the staircases that they replace, at every reachable integer."""

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.dense.staircase import (
    EXACT_F4,
    fit_rounded,
    fit_scaled,
    fit_shifted,
    slopes,
    steps_of,
)
from snnc.ir.arrays import IntArray

Case: TypeAlias = tuple[IntArray, int, int, int]

UNREACHABLE, ALWAYS = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@st.composite
def staircases(draw: st.DrawFn) -> Case:
    """Thresholds near multiples of a step, smallest count, range of i."""
    step = draw(st.integers(1, 400))
    jitter = draw(st.integers(0, 2))
    n_levels = draw(st.integers(1, 12))
    origin = draw(st.integers(-1000, 1000))
    offsets = draw(st.lists(st.integers(0, jitter), min_size=n_levels, max_size=n_levels))
    theta = np.sort(origin + step * np.arange(n_levels) + np.array(offsets))
    lo = draw(st.integers(-4, 2))
    return theta, lo, int(theta[0]) - draw(st.integers(-5, 900)), int(theta[-1]) + 700


def count(theta: IntArray, lo: int, i: IntArray) -> IntArray:
    return lo + np.array([(value >= theta).sum() for value in i])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(staircases())
def test_a_fitted_line_has_the_same_steps_everywhere(case: Case) -> None:
    theta, lo, i_lo, i_hi = case
    hi = lo + len(theta)
    i = np.arange(i_lo, i_hi + 1)
    largest = np.array([np.abs(i).max()])
    steps = [steps_of(theta, lo, i_lo, i_hi)]
    expected = count(theta, lo, i)
    shifted, rounded = fit_shifted(steps, largest), fit_rounded(steps, largest)
    scaled = fit_scaled(steps, largest, np.zeros(1, dtype=np.int64))
    if shifted is not None:
        y = (i + shifted.offset).astype(np.float32) * shifted.slope.astype(np.float32)
        assert (np.floor(np.clip(y, lo, hi + 0.5)) == expected).all()
    if rounded is not None:
        tied = (i + rounded.offset).astype(np.float32) / rounded.step.astype(np.float32)
        assert (np.rint(np.clip(tied, lo, hi)) == expected).all()
    if scaled is not None:
        exact = (i * scaled.factor + scaled.offset) / 2**scaled.shift
        assert (np.floor(np.clip(exact, lo, hi + 0.5)) == expected).all()
        assert scaled.factor[0] * largest[0] + abs(scaled.offset[0]) <= EXACT_F4


def test_even_steps_are_met_by_a_line() -> None:
    steps = [steps_of(np.array([50, 150, 250, 350]), 0, -1000, 1000)]
    assert fit_shifted(steps, np.array([1000])) is not None


def test_half_even_ties_need_rounding() -> None:
    """round_half_even(i / 4) reaches 1 at 3, 2 at 6, 3 at 11 and 4 at 14: no line does."""
    steps = [steps_of(np.array([3, 6, 11, 14]), 0, -100, 100)]
    assert slopes(steps[0]) is None
    rounded = fit_rounded(steps, np.array([100]))
    assert rounded is not None
    assert (rounded.step[0], rounded.offset[0]) == (4, 0)


def test_factors_stay_within_float32() -> None:
    """1 / 1000 to the needed precision would take the sums past 2^24."""
    theta = np.array([500, 1500, 2500, 3500])
    steps = [steps_of(theta, 0, -(2**22), 2**22)]
    assert fit_scaled(steps, np.array([2**23]), np.array([0])) is None
    assert fit_scaled(steps, np.array([2**12]), np.array([0])) is not None


@pytest.mark.parametrize(
    ("theta", "on", "below"),
    [
        ([10, UNREACHABLE], [10], [9, 20]),
        ([ALWAYS, 10], [0, 10], [9]),
        ([30, 40], [], [20, 20]),
    ],
)
def test_levels_out_of_reach_bind_at_the_ends(
    theta: list[int], on: list[int], below: list[int]
) -> None:
    steps = steps_of(np.array(theta), 0, 0, 20)
    assert steps.on.tolist() == on
    assert steps.below.tolist() == below
