"""Neuron models against hand-worked and written-out cases."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir.arrays import INT64_MAX, INT64_MIN
from snnc.ir.errors import GraphError
from snnc.ir.neurons import NEURONS, FixedIntegrateFire, FloatFire, IntegerFire
from snnc.ir.rules import FireRule, RuleOp


def test_staircase_counts_reached_thresholds() -> None:
    thresholds = np.array([[0, 5, INT64_MAX], [INT64_MIN, -3, 2]])
    model = IntegerFire(lo=-1, thresholds=thresholds)
    i = np.array([[[-4, 0], [4, 5]], [[-4, -3], [1, 2]]])[None]  # (1, C, 2, 2)
    k, _ = model.latch(i, {}, 0)
    assert k[0, 0].tolist() == [[-1, 0], [0, 1]]
    assert k[0, 1].tolist() == [[0, 1], [1, 2]]
    assert (model.lo, model.hi) == (-1, 2)


@pytest.mark.parametrize(
    ("ops", "x", "expected"),
    [
        # 0.5 and 2.5 are the ties that tell half-even from half-up
        ((("clip", 0, 4), ("round",)), [0.5, 1.5, 2.5, 9.0, -1.0], [0, 2, 2, 4, 0]),
        ((("clip", 0, 4), ("add", 0.5), ("floor",)), [0.5, 1.5, 2.5, 9.0], [1, 2, 3, 4]),
    ],
)
def test_rules_keep_the_source_rounding(ops: list, x: list, expected: list) -> None:  # type: ignore[type-arg]
    rule = FireRule(tuple(RuleOp.of(name, *map(np.float32, args)) for name, *args in ops))
    assert rule(np.array([x])).tolist() == [expected]


def test_rule_works_in_the_dtype_of_the_source() -> None:
    """x / s and x * (1 / s) fall on different sides of a tie in float32."""
    s = np.float32(0.3)
    x = np.arange(1, 2000, dtype=np.float64)[None] * 0.15
    divide = FireRule((RuleOp.of("div", s), RuleOp("round")))
    multiply = FireRule((RuleOp.of("mul", np.float32(1) / s), RuleOp("round")))
    by_hand = np.rint(x.astype(np.float32) / s)
    assert np.array_equal(divide(x), by_hand)
    assert (divide(x) != multiply(x)).any()


def test_rule_broadcasts_per_channel() -> None:
    rule = FireRule((RuleOp.of("add", [0.0, 10.0]), RuleOp("floor")))
    assert rule(np.zeros((1, 2, 3)), axis=0)[0, :, 0].tolist() == [0, 10]
    assert rule(np.zeros((1, 3, 2)), axis=1)[0, 0].tolist() == [0, 10]


def test_unknown_rule_operation_is_refused() -> None:
    with pytest.raises(GraphError, match="softplus"):
        RuleOp("softplus")


@pytest.mark.parametrize(("strict", "first"), [(False, 2), (True, 3)])
@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_if_across_frames(strict: bool, first: int, reset: str) -> None:
    """Input 3 a frame, threshold 6: fires in frame 2 on >=, in frame 3 on >."""
    model = FixedIntegrateFire.binary(np.array(6), reset=reset, strict=strict)
    state, fired = model.initial_state((1, 1)), []
    for _ in range(4):
        k, state = model.latch(np.array([[3]]), state, 0)
        fired.append(int(k[0, 0]))
    assert fired.index(1) + 1 == first
    left = {(False, "subtract"): 0, (False, "zero"): 0, (True, "subtract"): 6, (True, "zero"): 3}
    assert int(state["v"][0, 0]) == left[strict, reset]


def test_lif_leaks_towards_zero() -> None:
    """Keep 3/4: 7 -> 5, -7 -> -5 (not -6), as Loihi does."""
    model = FixedIntegrateFire.binary(100, leak_multiplier=np.array(3), leak_shift=2)
    _, state = model.latch(np.array([[0, 0]]), {"v": np.array([[7, -7]])}, 0)
    assert state["v"].tolist() == [[5, -5]]


@pytest.mark.parametrize(
    "model",
    [
        IntegerFire(lo=0, thresholds=np.array([[3, 2]])),
        IntegerFire(lo=0, thresholds=np.zeros((3, 1), int)),
        FixedIntegrateFire.binary(np.array(0)),
        FixedIntegrateFire.binary(1, leak_multiplier=np.array(5000), leak_shift=12),
        FloatFire(rule=FireRule(()), lo=2, hi=1),
    ],
)
def test_wrong_parameters_are_refused(model: object) -> None:
    with pytest.raises(GraphError):
        model.validate((2, 4), 0)  # type: ignore[attr-defined]


def test_every_model_is_registered_with_its_equation() -> None:
    assert {"float-fire", "integer-fire", "accumulator", "max", "fixed-integrate-fire"} <= set(
        NEURONS
    )
    for model in NEURONS.values():
        assert "k = " in (model.__doc__ or "").splitlines()[0]


def test_many_levels_are_searched() -> None:
    """700 levels by channel, against comparisons with each of them."""
    rng = np.random.default_rng(4)
    thresholds = np.sort(rng.integers(-900, 900, (3, 700)), axis=1)
    i = rng.integers(-1000, 1000, (2, 4, 3, 5))
    k, _ = IntegerFire(lo=-7, thresholds=thresholds).latch(i, {}, 1)
    reached = i[..., None] >= thresholds.reshape(1, 1, 3, 1, 700)
    assert np.array_equal(k, reached.sum(axis=-1) - 7)
