"""What rounding explains, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir.neurons import FloatFire, IntegrateFire
from snnc.ir.nodes import Population
from snnc.ir.rules import FireRule, RuleOp
from snnc.runtime.verify.margins import any_near, near_threshold
from tests.runtime.verify.graphs import fire

NODE = Population(name="p", shape=(3,), model=fire())


def judge(
    node: Population, i: list[float], bound: list[float], k: list[float]
) -> tuple[list[bool], list[float]]:
    at = (np.zeros(3, dtype=int), np.arange(3))
    explained, margin = near_threshold(node, np.array([i]), np.array([bound]), np.array([k]), at)
    return explained.tolist(), margin.tolist()


def test_a_count_within_the_bound_is_explained_and_its_margin_found() -> None:
    # thresholds of round-half-even lie at 0.5 (not reached by a tie) and 1.5 (reached)
    explained, margin = judge(NODE, [0.499, 1.501, 0.499], [0.01, 0.01, 0.0005], [1, 1, 1])
    assert explained == [True, True, False]
    assert margin[0] == pytest.approx(0.001, rel=1e-3)
    assert margin[1] == pytest.approx(0.001, rel=1e-3)


def test_two_levels_off_is_never_rounding() -> None:
    assert judge(NODE, [0.499, 0.499, 0.499], [0.01] * 3, [2, -1, 1])[0] == [False, False, True]


def test_a_falling_rule_is_judged_alike() -> None:
    ops = (RuleOp.of("mul", -1.0), RuleOp.of("clip", 0.0, 4.0), RuleOp.of("round"))
    node = Population(name="p", shape=(3,), model=FloatFire(rule=FireRule(ops), lo=0, hi=4))
    assert judge(node, [-0.499, -0.499, -0.4], [0.01] * 3, [1, 0, 1])[0] == [True, True, False]


def test_each_channel_has_its_own_threshold() -> None:
    ops = (
        RuleOp("div", (np.array([1.0, 2.0, 4.0]),)),
        RuleOp.of("clip", 0.0, 4.0),
        RuleOp.of("round"),
    )
    node = Population(name="p", shape=(3,), model=FloatFire(rule=FireRule(ops), lo=0, hi=4))
    assert judge(node, [0.499, 0.999, 1.999], [0.002] * 3, [1, 1, 1])[0] == [True, True, True]
    assert judge(node, [0.999, 1.999, 0.499], [0.002] * 3, [0, 0, 1])[0] == [False, False, False]


def test_neurons_with_a_membrane_are_judged_by_their_threshold() -> None:
    node = Population(
        name="p", shape=(3,), model=IntegrateFire(threshold=np.array([1.0, 2.0, 3.0]))
    )
    assert judge(node, [0.99, 1.99, 2.9], [0.02] * 3, [1, 1, 1])[0] == [True, True, False]


def test_frames_with_an_activation_near_a_threshold_are_found() -> None:
    i = np.array([[0.0, 0.2, 3.0], [0.0, 0.4999, 3.0], [2.4999, 0.0, 0.0]])
    assert any_near(NODE, i, np.full((3, 3), 0.001)).tolist() == [False, True, True]
