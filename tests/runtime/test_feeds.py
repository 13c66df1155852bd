"""Feeds: the grid of DESIGN section 3, exact; everything else an error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import DataError, ShapeMismatch
from snnc.runtime.feeds import Feeder, _wrong_shape
from tests.runtime.models import N_IN, make_file


def feeder(**fields: Any) -> Feeder:
    return Feeder(make_file(**fields))


def row(*values: float) -> np.ndarray:
    return np.resize(np.array(values, np.float64), (1, N_IN))


def test_integers_enter_exactly() -> None:
    x = np.array([[0, 1, 2, 3, 4, 4]], np.uint8)
    assert feeder().feeds(x)["x"].tolist() == [[[0, 1, 2, 3, 4, 4]]]


def test_a_zero_point_is_subtracted() -> None:
    made = feeder(lo=-2, hi=2, zero_point=2)
    assert made.feeds(np.array([[0, 1, 2, 3, 4, 4]], np.uint8))["x"].tolist() == [
        [[-2, -1, 0, 1, 2, 2]]
    ]
    with pytest.raises(DataError, match="values run from 5 to 5, the model takes 0 to 4"):
        made.feeds(np.full((1, N_IN), 5))


def test_a_grid_rounds_half_to_even_and_clips() -> None:
    made = feeder(dtype="float32", step=0.5, lo=-1, hi=3)
    # x / step = 0.5, 1.5, 2.5 are ties; -9 and 9 are outside
    found = made.feeds(row(0.25, 0.75, 1.25, -4.5, 4.5, 0.5))["x"]
    assert found.tolist() == [[[0, 2, 2, -1, 3, 1]]]
    assert made.loss.n_values == 6
    assert made.loss.n_clipped == 2
    assert made.loss.n_rounded == 5
    assert made.loss.largest == 4.0


def test_the_grid_divides_in_float64() -> None:
    step = (1.0 - 0.0) / 255
    made = feeder(dtype="float32", step=step, lo=0, hi=255)
    x = np.random.default_rng(0).random((50, N_IN)).astype(np.float32)
    expected = np.rint(x.astype(np.float64) / step).astype(np.int64)
    assert made.feeds(x)["x"][:, 0].tolist() == expected.tolist()


def test_values_on_the_grid_cost_nothing() -> None:
    made = feeder(dtype="float32", step=1 / 3, lo=0, hi=4)
    made.feeds((np.arange(6) % 5 / 3).astype(np.float32)[None])
    assert made.loss.to_json() == {
        "n_values": 6,
        "n_rounded": 0,
        "n_clipped": 0,
        "largest": pytest.approx(0, abs=1e-7),
    }


def test_frames() -> None:
    x = np.zeros((2, 3, N_IN), np.uint8)
    assert feeder().n_frames(x) == 3
    assert feeder().feeds(x)["x"].shape == (2, 3, N_IN)


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((2, 2, 3), "reshape it: x.reshape(-1, 6)"), ((2, 7), None), ((2, 1, 1, 7), None)],
)
def test_wrong_shapes(shape: tuple[int, ...], hint: str | None) -> None:
    with pytest.raises(ShapeMismatch) as caught:
        feeder().feeds(np.zeros(shape))
    assert caught.value.hint == hint


def test_axes_in_another_order_are_not_to_be_reshaped() -> None:
    node = replace(make_file().integer_graph.inputs[0], shape=(3, 1, 2))
    assert _wrong_shape((5, 2, 3, 1), node, None).hint == (
        "transpose its axes, so that one sample has shape (3, 1, 2)"
    )
    assert _wrong_shape((5, 3, 2, 1), node, None).hint == "reshape it: x.reshape(-1, 3, 1, 2)"
    assert _wrong_shape((5, 6), node, None).hint == "reshape it: x.reshape(-1, 3, 1, 2)"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(bad: float) -> None:
    x = np.zeros((3, N_IN))
    x[2, 1] = bad
    with pytest.raises(DataError, match="sample 12 holds NaN or infinite"):
        feeder(dtype="float32").feeds(x, first=10)
