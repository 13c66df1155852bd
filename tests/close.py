"""The one tolerance of tests that add float64 numbers in another order than the code."""

from __future__ import annotations

from typing import Any

import pytest

ROUNDING = 1e-12
"""Relative: 4,500 units in the last place, more than sums of as many positive terms can lose."""


def close(expected: Any) -> Any:
    """Equal but for the rounding of float64; zero is zero. Integers are compared with ==."""
    return pytest.approx(expected, rel=ROUNDING, abs=0)
