"""Sums of two counts of different steps: every pair of operands against the rule by hand."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.oracle.engine import OracleEngine
from snnc.converter.integer import check_staircases, integer_form
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits
from snnc.ir.neurons import FloatFire, IntegerFire, RescaledSum
from tests.converter.integer.nets import Net, one, population, rule, values

S_A, S_B, S_Y = (float(np.float32(s)) for s in (0.0371, 0.0113, 0.0409))


def add(lo: int, hi: int, s_a: float, s_b: float, bias: float = 0.0) -> Graph:
    """Both operands are parts of one input: x[:n] at s_a, x[n:] at s_b."""
    ops = (("single",), ("div", S_Y), ("single",), ("round",), ("max", -128.0), ("min", 127.0))
    model = FloatFire(rule=rule(*ops, dtype="float64"), lo=-128, hi=127)
    n = (hi - lo + 1) ** 2
    net = Net((2, n), lo=lo, hi=hi)
    net.add("y", (n,), model, bias=np.array(bias))
    for part, step in enumerate((s_a, s_b)):
        net.join("x", "y", one((n,), step), gather=np.arange(n) + part * n)
    return net.graph("y")


def pairs(lo: int, hi: int) -> np.ndarray:
    a, b = np.meshgrid(np.arange(lo, hi + 1), np.arange(lo, hi + 1), indexing="ij")
    return np.stack([a.reshape(-1), b.reshape(-1)])[None]


def expected(x: np.ndarray, s_a: float, s_b: float, bias: float = 0.0) -> np.ndarray:
    real = x[:, 0] * s_a + x[:, 1] * s_b + bias
    q = np.rint(real.astype(np.float32) / np.float32(S_Y))
    return np.clip(q, -128, 127).astype(np.int64)


@pytest.mark.parametrize(("lo", "hi"), [(-128, 127), (0, 255), (-100, 155)])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_every_pair(lo: int, hi: int, bias: float) -> None:
    graph = add(lo, hi, S_A, S_B, bias)
    form = integer_form(graph)
    assert isinstance(population(form.graph, "y").model, RescaledSum)
    x = pairs(lo, hi)
    np.testing.assert_array_equal(values(form.graph, x)["y"], expected(x, S_A, S_B, bias))
    (check,) = check_staircases(graph, form)
    assert (check.n_integers, check.n_different) == (65536, 0)
    assert form.rounding.is_exact


@pytest.mark.parametrize("ratio", [1, 2, 7])
def test_a_common_grid_needs_no_table(ratio: int) -> None:
    form = integer_form(add(-8, 7, ratio * S_B, S_B))
    assert isinstance(population(form.graph, "y").model, IntegerFire)
    x = pairs(-8, 7)
    np.testing.assert_array_equal(values(form.graph, x)["y"], expected(x, ratio * S_B, S_B))


def test_a_ratio_that_is_only_nearly_one_of_integers() -> None:
    """A grid within float32 rounding is not enough where ties tell the difference."""
    s_a, s_b = float(np.float32(0.3)), float(np.float32(0.1))
    form = integer_form(add(-128, 127, s_a, s_b))
    x = pairs(-128, 127)
    np.testing.assert_array_equal(values(form.graph, x)["y"], expected(x, s_a, s_b))


def test_what_no_weight_of_the_target_holds_is_rounded() -> None:
    limits = Limits(target="small", max_exponent=2)
    form = integer_form(add(-128, 127, S_A, S_B), weight_bits=4, limits=limits)
    assert isinstance(population(form.graph, "y").model, IntegerFire)
    assert not form.rounding.is_exact


def test_the_exponent_and_the_weight_share_the_shift() -> None:
    limits = Limits(target="loihi", max_exponent=7, membrane_bits=24, weight_bits=8)
    graph = integer_form(add(-128, 127, S_A, S_B), limits=limits).graph
    found = [(int(p.map.weight), p.exponent) for p in graph.incoming("y")]
    assert sorted(found) == [(1, 0), (2, 7)]


@pytest.mark.parametrize("code", ["graded", "burst"])
def test_tick_by_tick(code: str) -> None:
    """In burst both operands arrive spike by spike and still stay apart."""
    from snnc.ir.codes import RunSettings

    form = integer_form(add(-8, 7, S_A, S_B))
    x = pairs(-8, 7)
    session = OracleEngine().prepare(form.graph, RunSettings(code=code))  # type: ignore[arg-type]
    result = session.run({"x": x[:, None]}, record=("y",))
    np.testing.assert_array_equal(result.counts["y"][:, 0], expected(x, S_A, S_B))
