from __future__ import annotations

from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.converter.integer.staircase import Reach, climb, directions, make_staircase
from snnc.ir.arrays import INT64_MAX, INT64_MIN
from snnc.ir.errors import NotMonotone
from snnc.ir.neurons import FloatFire
from tests.converter.integer.nets import fire, rule


def reach(step: Any, lo: int, hi: int) -> Reach:
    steps = np.atleast_1d(np.asarray(step, dtype=float))
    return Reach(
        steps,
        np.broadcast_to(np.int64(lo), steps.shape).copy(),
        np.broadcast_to(np.int64(hi), steps.shape).copy(),
    )


LEVELS = [1, 4, 15, 127]


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("step", [0.25, 0.5, 1.0, 1 / 3, 0.1])
def test_half_even_equals_pythons_round(levels: int, step: float) -> None:
    span = reach(step, -3000, 3000)
    stairs = make_staircase(fire(levels), span)
    for i in range(-3000, 3001):
        x = float(np.float32(i * step))
        expected = round(min(max(x, 0.0), float(levels)))
        assert climb(0, stairs.thresholds, np.array([[i]]))[0, 0] == expected


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize("step", [0.25, 0.5, 1.0, 1 / 3])
def test_half_up_equals_floor(levels: int, step: float) -> None:
    stairs = make_staircase(fire(levels, rounding="half-up"), reach(step, -3000, 3000))
    i = np.arange(-3000, 3001)
    got = climb(0, stairs.thresholds, i[:, None])[:, 0]
    for k, each in zip(got, i, strict=True):
        x = np.float32(min(max(np.float32(each * step), np.float32(0)), np.float32(levels)))
        assert k == floor(float(np.float32(x + np.float32(0.5))))


def test_the_two_roundings_differ_at_ties_only() -> None:
    span = reach(0.5, -20, 20)
    even = make_staircase(fire(4), span).thresholds
    up = make_staircase(fire(4, rounding="half-up"), span).thresholds
    assert even.tolist() == [[2, 3, 6, 7]]
    assert up.tolist() == [[1, 3, 5, 7]]


def test_division_is_not_multiplication_by_the_inverse() -> None:
    """x / s and x * (1 / s) differ in float32; a staircase follows its own rule."""
    different = 0
    for s in np.linspace(0.01, 0.2, 60, dtype=np.float32):
        span = reach(float(s) / 2, 0, 400)
        divided = make_staircase(fire(15, ("div", s)), span).thresholds
        inverse = np.float32(1) / s
        multiplied = make_staircase(fire(15, ("mul", inverse)), span).thresholds
        different += not np.array_equal(divided, multiplied)
    assert different > 0


@settings(deadline=None)
@given(
    st.sampled_from(LEVELS),
    st.sampled_from(["half-even", "half-up"]),
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=4),
    st.floats(-4.0, 4.0),
    st.integers(-500, 0),
    st.integers(0, 500),
    st.sampled_from(["mul", "div"]),
)
def test_staircase_equals_its_rule_everywhere(
    levels: int, rounding: str, steps: list[float], shift: float, lo: int, hi: int, op: str
) -> None:
    factor = np.linspace(0.3, 1.7, len(steps)).astype(np.float32)
    model = fire(levels, (op, factor), ("add", shift), rounding=rounding)
    span = reach(steps, lo, hi)
    stairs = make_staircase(model, span)
    i = np.broadcast_to(np.arange(lo, hi + 1)[:, None], (hi - lo + 1, len(steps)))
    thresholds = np.broadcast_to(stairs.thresholds, (len(steps), levels))
    expected = model.rule(i * span.step, 0)
    np.testing.assert_array_equal(climb(0, thresholds, i), expected)
    latched, _ = stairs.latch(i, {}, 0)
    np.testing.assert_array_equal(latched, expected)


def test_unreachable_levels_are_infinite() -> None:
    stairs = make_staircase(fire(4), reach(1.0, 2, 3))
    assert stairs.thresholds.tolist() == [[INT64_MIN, INT64_MIN, 3, INT64_MAX]]


def test_a_single_reachable_value() -> None:
    stairs = make_staircase(fire(3), reach(1.0, 2, 2))
    assert stairs.thresholds.tolist() == [[INT64_MIN, INT64_MIN, INT64_MAX]]


def test_one_row_where_channels_agree() -> None:
    span = Reach(np.full(5, 0.5), np.arange(-5, 0), np.arange(4, 9))
    assert make_staircase(fire(4), span).thresholds.shape == (1, 4)
    per_channel = fire(4, ("mul", np.linspace(1, 2, 5)))
    assert make_staircase(per_channel, span).thresholds.shape == (5, 4)


def test_a_falling_rule_is_a_staircase_of_turned_steps() -> None:
    model = fire(4, ("mul", np.array([1.0, -2.0])))
    span = reach([0.5, 0.5], -40, 40)
    sign = directions(model, span)
    assert sign.tolist() == [1, -1]
    turned = Reach(span.step * sign, span.lo, span.hi)
    stairs = make_staircase(model, turned)
    i = np.broadcast_to(np.arange(-40, 41)[:, None], (81, 2))
    np.testing.assert_array_equal(climb(0, stairs.thresholds, i), model.rule(i * turned.step, 0))


def test_signed_counts() -> None:
    model = FloatFire(rule=rule(("clip", -3.0, 2.0), ("round",)), lo=-3, hi=2)
    stairs = make_staircase(model, reach(0.5, -20, 20))
    assert stairs.lo == -3
    assert stairs.thresholds.tolist() == [[-5, -2, -1, 2, 3]]


def test_strict_and_loose_comparison() -> None:
    for name, expected in (("greater", 5), ("greater-equal", 4)):
        model = FloatFire(rule=rule((name, 1.0)), lo=0, hi=1)
        assert make_staircase(model, reach(0.25, -9, 9)).thresholds.tolist() == [[expected]]


def test_large_bounds_stay_exact() -> None:
    stairs = make_staircase(fire(2, ("mul", 2.0**-40)), reach(1.0, -(2**45), 2**45))
    # float32 rounds i itself: half a unit above 2^39 (2^15) is still a tie and goes to even, and
    # 1.5 * 2^40 is reached half a unit (2^16) early
    assert stairs.thresholds.tolist() == [[2**39 + 2**15 + 1, 3 * 2**39 - 2**16]]


def test_a_rule_that_falls_and_rises_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from snnc.ir import rules

    monkeypatch.setitem(rules.RULE_OPS, "square", np.square)
    model = FloatFire(rule=rule(("square",), ("clip", 0.0, 4.0), ("round",)), lo=0, hi=4)
    with pytest.raises(NotMonotone, match="no non-decreasing staircase"):
        make_staircase(model, reach(0.5, -20, 20), where="act1")


def test_counts_outside_the_declared_range_are_refused() -> None:
    model = FloatFire(rule=rule(("round",)), lo=0, hi=4)
    with pytest.raises(NotMonotone):
        make_staircase(model, reach(0.5, -20, 20))


def test_counts_that_are_no_integers_are_refused() -> None:
    for ops in ([("clip", 0.0, 4.0)], [("sub", 1.0), ("mul", np.inf), ("clip", 0.0, 4.0)]):
        model = FloatFire(rule=rule(*ops), lo=0, hi=4)
        with pytest.raises(NotMonotone, match=r"gives (0\.5|nan)"):
            make_staircase(model, reach(0.5, -2, 20))
