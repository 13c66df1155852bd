"""Intervals against textbook values."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.runtime.statistics.interval import Spread, bootstrap, wilson
from tests.close import close


def test_wilson() -> None:
    """Newcombe, Statistics in Medicine 17, 1998, Table I, method 3, 95 %."""
    for right, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)
    assert wilson(60, 60)[1] == 1.0


def test_bootstrap_of_many_samples_is_the_normal_interval() -> None:
    values = np.random.default_rng(3).gamma(2.0, 3.0, size=(4000, 1))
    (found,) = bootstrap(values)
    assert found.mean == close(values.mean())
    error = 1.959964 * values.std(ddof=1) / np.sqrt(4000)
    assert found.low == pytest.approx(values.mean() - error, abs=0.08 * error)
    assert found.high == pytest.approx(values.mean() + error, abs=0.08 * error)


def test_bootstrap_is_reproducible_and_honest_about_one_sample() -> None:
    values = np.random.default_rng(3).normal(size=(30, 2))
    assert bootstrap(values) == bootstrap(values)
    (one,) = bootstrap(values[:1, :1])
    assert (one.low, one.high) == (None, None)
    (same,) = bootstrap(np.full((5, 1), 2.0))
    assert (same.low, same.high) == (2.0, 2.0)


def test_spread_is_the_standard_error_of_each_column() -> None:
    values = np.abs(np.random.default_rng(4).normal(1e6, 1.0, size=(50, 3)))
    values[:, 2] = 0.3
    spread = Spread(3)
    for row in values:
        spread.add(row)
    bounds = spread.bounds()
    assert bounds is not None
    error = 1.959964 * values.std(axis=0, ddof=1) / np.sqrt(50)
    np.testing.assert_allclose(bounds[0], values.mean(axis=0) - error, rtol=1e-12)
    np.testing.assert_allclose(bounds[1], values.mean(axis=0) + error, rtol=1e-12)
    one = Spread(1)
    one.add(values[0, :1])
    assert one.bounds() is None
    rare = Spread(1)
    for amount in (0.0, 0.0, 0.0, 1.0):
        rare.add(np.array([amount]))
    found = rare.bounds()
    assert found is not None
    assert found[0][0] == 0.0  # counts are none below 0
