"""Constants spread over a value."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.lower.spread import Spread, matching_axis

SHAPE = (1, 3, 4, 2)


def test_values_are_stored_in_as_little_space_as_they_need() -> None:
    by_channel = np.arange(3.0).reshape(3, 1, 1)
    full = np.broadcast_to(by_channel, SHAPE)
    assert Spread.of(full, SHAPE).values.shape == (1, 3, 1, 1)
    assert Spread.of(np.full(SHAPE, 7), SHAPE).is_scalar
    np.testing.assert_array_equal(Spread.of(by_channel, SHAPE).full(), full)


def test_what_does_not_broadcast_is_refused() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        Spread.of(np.zeros((2, 3, 4, 2)), SHAPE)


def test_reshape_keeps_c_order_and_stays_small() -> None:
    by_channel = Spread.of(np.arange(3.0).reshape(3, 1, 1), SHAPE)
    flat = by_channel.reshape((1, 3, 8))
    assert flat.values.shape == (1, 3, 1)
    np.testing.assert_array_equal(flat.full().ravel(), by_channel.full().ravel())
    odd = by_channel.reshape((1, 6, 4))
    np.testing.assert_array_equal(odd.full().ravel(), by_channel.full().ravel())


def test_take_and_put_are_inverse() -> None:
    rng = np.random.default_rng(0)
    index = rng.permutation(24)
    whole = Spread.of(rng.standard_normal(SHAPE), SHAPE)
    taken = whole.take(index, (24,))
    np.testing.assert_array_equal(taken.full(), whole.full().ravel()[index])
    np.testing.assert_array_equal(taken.put(index, SHAPE).full(), whole.full())


def test_what_is_missing_is_zero() -> None:
    one = Spread.of(1.0, (3,))
    assert one.take(np.array([0, -1, 2]), (3,)).full().tolist() == [1.0, 0.0, 1.0]


def test_by_channel() -> None:
    by_channel = Spread.of(np.arange(3.0).reshape(3, 1, 1), SHAPE)
    found = by_channel.by_channel((3, 4, 2), 0)
    assert found is not None
    assert found.tolist() == [0.0, 1.0, 2.0]
    assert by_channel.by_channel((3, 4, 2), 1) is None
    scalar = Spread.of(2.0, SHAPE).by_channel((24,), 0)
    assert scalar is not None
    assert scalar.shape == ()


def test_matching_axis() -> None:
    assert matching_axis((1, 3, 4, 2), 1, (3, 8)) == 0
    assert matching_axis((1, 3, 4, 2), 2, (3, 8)) is None
    assert matching_axis((1, 3, 4, 2), 3, (12, 2)) == 1


def test_arithmetic() -> None:
    a = Spread.of(np.array([1.0, -2.0]), (3, 2))
    assert (a + a).full()[0].tolist() == [2.0, -4.0]
    assert (a * 0.5).full()[0].tolist() == [0.5, -1.0]
    assert abs(a).full()[0].tolist() == [1.0, 2.0]
    assert a.inverse().full()[0].tolist() == [1.0, -0.5]
    assert (a + (-a)).is_zero
