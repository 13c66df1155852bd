"""The sum of two differently scaled counts, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir.errors import GraphError
from snnc.ir.neurons import RescaledSum

COUNTS = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [-8, 9, 10, 11]])
MODEL = RescaledSum(first=-5, shift=2, counts=COUNTS)
"""Operands a in -1 … 1 and b in -1 … 2: first = -1 * 4 - 1."""


@pytest.mark.parametrize(("a", "b"), [(-1, -1), (-1, 2), (0, 0), (1, -1), (1, 2)])
def test_the_membrane_names_both_operands(a: int, b: int) -> None:
    k, state = MODEL.latch(np.array([[4 * a + b]]), {}, 0)
    assert k.tolist() == [[COUNTS[a + 1, b + 1]]]
    assert state == {}


def test_the_ends_of_the_table_go_on() -> None:
    k, _ = MODEL.latch(np.array([[-100, 100]]), {}, 0)
    assert k.tolist() == [[0, 11]]


def test_ranges() -> None:
    assert MODEL.count_range((1,), 0) == (-8, 11)
    low, high = MODEL.out_range(np.array([-5]), np.array([-2]), 0)
    assert (low.tolist(), high.tolist()) == ([0], [3])


@pytest.mark.parametrize("shape", [(3, 3), (12,), (0, 4)])
def test_a_table_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphError):
        RescaledSum(first=0, shift=2, counts=np.zeros(shape, dtype=np.int64)).validate((1,), 0)
