"""What ONNX Runtime makes of int64: its own Max, Min and ReduceMax go wrong beyond 2^31."""

import numpy as np
import pytest

from snnc.backends.dense.builder import Builder, DType
from snnc.backends.dense.execute import compute, make_session
from snnc.ir.arrays import Array, IntArray

EDGES = np.array(
    [2506086365, 2**31, 2**31 - 1, 2**32 + 7, -(2**31) - 1, 3, -5, 2**53 + 1, -(2**40)]
)


def some(n: int, bits: int) -> IntArray:
    """Edges, then random integers."""
    drawn = np.random.default_rng(bits).integers(-(2**bits), 2**bits, n)
    return np.concatenate([EDGES, drawn])[:n]


def result(b: Builder, name: str, given: dict[str, Array]) -> Array:
    return compute(make_session(b.model([name]), 1), [name], given)[0]


@pytest.mark.parametrize("bits", [31, 33, 61])
@pytest.mark.parametrize(("kind", "expected"), [("Max", np.maximum), ("Min", np.minimum)])
def test_the_larger_and_the_smaller_of_two_int64(kind: str, expected: np.ufunc, bits: int) -> None:
    x, y = some(600, bits).reshape(3, 200), some(600, bits)[::-1].reshape(3, 200)
    b = Builder()
    names = [b.input(name, "i8", (200,)) for name in ("x", "y")]
    of_both = b.op(kind, names, "i8")
    of_one = b.op(kind, [names[0], b.constant(8191)], "i8")
    assert b.types[of_both] == "i8"
    np.testing.assert_array_equal(result(b, of_both, {"x": x, "y": y}), expected(x, y))
    np.testing.assert_array_equal(result(b, of_one, {"x": x}), expected(x, 8191))


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 49])
@pytest.mark.parametrize("dtype", ["i8", "f8"])
def test_the_largest_along_an_axis(n: int, dtype: DType) -> None:
    x = some(5 * n * 4, 33).reshape(5, n, 4)
    b = Builder()
    largest = b.largest(b.input("x", dtype, (n, 4)), 1, n)
    got = result(b, largest, {"x": x.astype(np.dtype(dtype))})
    np.testing.assert_array_equal(got, x.max(axis=1).astype(got.dtype))
