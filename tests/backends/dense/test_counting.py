"""Sums over neurons: exact whatever the payloads, the weights and the type that carries them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.dense import sums
from snnc.backends.dense.builder import Builder, DType
from snnc.backends.dense.execute import compute, make_session
from snnc.backends.dense.maps import as_transposition
from snnc.ir.arrays import IntArray, Shape

ROWS = 3


def summed(
    x: IntArray, matrix: IntArray, shape: Shape, largest: int, dtype: DType
) -> tuple[IntArray, sums.Sums]:
    """Sums of all rows, and of the second alone."""
    b = Builder()
    tensor = b.input("x", dtype, (x.shape[1],))
    choice = b.op("Concat", [b.ones(), b.constant(np.array([[0, 1, 0]]), "u1")], "u1", axis=0)
    found = sums.weighted_sums(b, choice, tensor, matrix, shape, (largest, len(x)))
    values: Any = x.astype(np.dtype(dtype))
    session = make_session(b.model([found.tensor]), 1)
    fetched = {found.tensor: compute(session, [found.tensor], {"x": values})[0]}
    return found.read(fetched), found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    shape=st.sampled_from([(1,), (7,), (500,), (4, 24), (3, 5, 5), (16, 12, 12)]),
    largest=st.sampled_from([1, 4, 15, 255, 4000, 2**20, 2**23, 2**34]),
    weight=st.sampled_from([1, 2, 9, 300, 40000]),
    n_columns=st.integers(1, 3),
    dtype=st.sampled_from(["f4", "f8", "i8", "u1"]),
    varies=st.sampled_from(["neurons", "channels", "borders"]),
    small=st.sampled_from([0, 2**12]),
    mixing=st.sampled_from([0, 2**15]),
    seed=st.integers(0, 99),
)
def test_sums_are_exact(
    shape: Shape, largest: int, weight: int, n_columns: int, dtype: DType, varies: str,
    small: int, mixing: int, seed: int,
) -> None:  # fmt: skip
    largest = min(largest, {"u1": 255, "f4": 2**24}.get(dtype, 2**34))
    rng, size = np.random.default_rng(seed), int(np.prod(shape))
    varying = {
        "neurons": shape,
        "channels": (shape[0], *(1 for _ in shape[1:])),
        "borders": (1, *shape[1:]),
    }
    matrix = rng.integers(0, weight + 1, (n_columns, *varying[varies]))
    matrix = np.broadcast_to(matrix, (n_columns, *shape)).reshape(n_columns, size).T
    x = rng.integers(0, largest + 1, (ROWS, size))
    x[0] = largest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sums, "SMALL", small)
        patch.setattr(sums, "LARGEST_MIXING", mixing)
        got, _ = summed(x, matrix, shape, largest, dtype)
    expected = [
        [sum(int(k) * int(w) for k, w in zip(row, column, strict=True)) for column in matrix.T]
        for row in (x.sum(axis=0), x[1])
    ]
    assert got.tolist() == expected


def test_positions_of_one_class_are_added_in_the_graph() -> None:
    """Fan-outs of a 3 x 3 convolution: by channel, at corners, edges and inside."""
    shape = (8, 30, 30)
    taps = np.full(30, 3)
    taps[[0, -1]] = 2
    by_channel = np.arange(1, 9)[:, None, None] * np.multiply.outer(taps, taps)
    matrix = np.stack([np.ones(shape), by_channel], axis=-1).reshape(-1, 2).astype(np.int64)
    x = np.random.default_rng(0).integers(0, 5, (ROWS, matrix.shape[0]))
    got, found = summed(x, matrix, shape, 4, "u1")
    assert (got[0] == x.sum(axis=0) @ matrix).all()
    assert found.mixing.shape == (8 * 3, 2)  # taps per position: 4, 6 or 9


def test_unlike_positions_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    class Zeros:
        def integers(self, low: int, high: int, n: int) -> IntArray:
            return np.zeros(n, dtype=np.int64)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Zeros())
    rows = np.array([[1, 5], [2, 5], [1, 5], [1, 6]])
    label, first = sums.alike(rows)
    assert rows[first][label].tolist() == rows.tolist()
    assert len(first) == 3
    grid = np.array([[1, 2, 1, 3, 1, 2], [1, 3, 1, 2, 1, 3]] * 2)  # 2 unlike rows, 3 columns
    classes = sums.classes_of(grid.reshape(-1, 1), grid.shape)
    assert classes is not None
    kept = [2, 6] if classes.axis == 0 else [4, 3]
    of_each = classes.members.argmax(axis=0)
    got = np.take(classes.weights.reshape(kept), of_each, axis=classes.axis)
    assert got.tolist() == grid.tolist()


def test_multiples_share_a_column() -> None:
    columns = sums.Columns()
    assert columns.add(np.array([1, 1, 1])) == (0, 1)
    assert columns.add(np.array([6, 6, 6])) == (0, 6)
    assert columns.add(np.array([2, 4, 0])) == (1, 2)
    assert columns.add(np.array([1, 2, 0])) == (1, 1)
    zero, factor = columns.add(np.zeros(3, dtype=np.int64))
    assert (columns.matrix()[:, zero] * factor == 0).all()


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
