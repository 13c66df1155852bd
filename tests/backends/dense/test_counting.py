"""Sums over neurons: exact whatever the payloads, the weights and the type that carries them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.dense.builder import Builder, DType
from snnc.backends.dense.counting import Columns, Sums, digit_bits, weighted_sums
from snnc.backends.dense.execute import compute, make_session
from snnc.backends.dense.maps import as_transposition
from snnc.ir.arrays import IntArray


def read(b: Builder, sums: Sums, x: IntArray) -> IntArray:
    values: Any = x.astype(np.dtype({"u1": "u1"}.get(b.types["x"], b.types["x"])))
    session = make_session(b.model([sums.tensor]), 1)
    return sums.read({sums.tensor: compute(session, [sums.tensor], {"x": values})[0]})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    size=st.sampled_from([1, 7, 96, 500]),
    largest=st.sampled_from([1, 4, 15, 255, 4000, 2**20, 2**23]),
    weight=st.sampled_from([1, 2, 9, 300, 40000]),
    n_columns=st.integers(1, 3),
    dtype=st.sampled_from(["f4", "f8", "i8", "u1"]),
    seed=st.integers(0, 99),
)
def test_sums_are_exact(
    size: int, largest: int, weight: int, n_columns: int, dtype: DType, seed: int
) -> None:
    if dtype == "u1":
        largest = min(largest, 255)
        if digit_bits("u1", largest, size) < 2:
            return
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, weight + 1, (size, n_columns))
    matrix[0] = weight
    x = rng.integers(0, largest + 1, (3, size))
    x[0] = largest
    b = Builder()
    sums = weighted_sums(b, b.input("x", dtype, (size,)), matrix, largest)
    assert (read(b, sums, x) == x @ matrix).all()


@pytest.mark.parametrize("largest", [1, 1000, 2**24])
def test_plain_sums_go_by_blocks(largest: int) -> None:
    b = Builder()
    sums = weighted_sums(b, b.input("x", "f4", (90,)), np.ones((90, 1), dtype=np.int64), largest)
    x = np.full((2, 90), largest)
    assert read(b, sums, x).ravel().tolist() == [90 * largest] * 2
    assert sums.mixing.shape[0] == {1: 1, 1000: 1, 2**24: 90}[largest]


def test_multiples_share_a_column() -> None:
    columns = Columns(3)
    assert columns.add(np.array([1, 1, 1])) == (0, 1)
    assert columns.add(np.array([6, 6, 6])) == (0, 6)
    assert columns.add(np.array([2, 4, 0])) == (1, 2)
    assert columns.add(np.array([1, 2, 0])) == (1, 1)
    zero, factor = columns.add(np.zeros(3, dtype=np.int64))
    assert (columns.matrix()[:, zero] * factor == 0).all()


def test_digits_fill_what_the_type_holds() -> None:
    assert digit_bits("f4", 4, 2**16) == 6  # 63 * 4 * 2^16 < 2^24 < 64 * 4 * 2^16 + 1
    assert digit_bits("f4", 2**24, 2) == 0
    assert digit_bits("u1", 1, 10) == 8
    assert digit_bits("i8", 1, 10) == 0


@pytest.mark.parametrize(
    ("shape", "order"),
    [((4, 3), (1, 0)), ((2, 3, 4), (0, 2, 1)), ((2, 3, 4, 5), (2, 0, 3, 1)), ((6,), (0,))],
)
def test_a_gather_that_turns_axes_is_a_transposition(
    shape: tuple[int, ...], order: tuple[int, ...]
) -> None:
    index = np.arange(np.prod(shape)).reshape(shape).transpose(order).reshape(-1)
    found = as_transposition(index)
    assert found is not None
    axes, turned = found
    x = np.random.default_rng(0).random(index.size)
    np.testing.assert_array_equal(
        x.reshape(axes).transpose([axis - 1 for axis in turned]).reshape(-1), x[index]
    )


@pytest.mark.parametrize("index", [[1, 0, 2], [0, 2, 1, 3, 5, 4], [3, 2, 1, 0], [0, 0, 1, 1]])
def test_other_gathers_are_none(index: list[int]) -> None:
    assert as_transposition(np.array(index)) is None
