"""The integer form in ONNX's 8-bit operators: the baseline that `make bench` holds against snnc."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import needs

PEERS = Path(__file__).resolve().parents[2] / "benchmarks" / "peers"


@pytest.fixture
def qlinear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script's module."""
    monkeypatch.syspath_prepend(str(PEERS))
    yield needs.module("qlinear")
    sys.modules.pop("qlinear")


def counted(thresholds: np.ndarray, i: np.ndarray) -> np.ndarray:
    """By definition: how many thresholds i has reached; (C, n)."""
    return (i[None, None] >= thresholds[:, :, None]).sum(1)


def test_thresholds_of_a_rounding_are_met_by_a_scale_and_a_bias(qlinear: Any) -> None:
    rng = np.random.default_rng(0)
    step = rng.uniform(3, 900, 200)
    half = np.arange(4) + 0.5
    thresholds = np.ceil(half * step[:, None] - rng.integers(-500, 500, 200)[:, None]).astype(int)
    s, b = qlinear.even(thresholds)
    i = np.arange(-600, 5000)
    k = np.clip(np.rint((i + b[:, None]) / s[:, None]), 0, 4)
    assert np.array_equal(k, counted(thresholds, i))


def test_thresholds_that_nothing_reaches(qlinear: Any) -> None:
    never, always = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    thresholds = np.array(
        [[never] * 4, [always] * 4, [always, 17, never, never], [always, always, never, never]]
    )
    s, b = qlinear.even(thresholds)
    i = np.arange(-3000, 3000)
    k = np.clip(np.rint((i + b[:, None]) / s[:, None]), 0, 4)
    assert np.array_equal(k, counted(thresholds, i))
