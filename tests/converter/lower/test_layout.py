"""Rearrangements between operations."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.layout import compose, flatten, in_order, rearranged
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import ElementOp, Pending, Value, ViewOp, wire_to

BASE = (2, 3)
TURN = np.arange(6).reshape(BASE).T.reshape(-1)
BACK = np.argsort(TURN)


def pending(parent: Value, op: ElementOp | ViewOp, shape: tuple[int, ...]) -> Pending:
    return Pending(parent=parent, op=op, shape=shape, tensor=None, module_path="")


def test_composition() -> None:
    assert compose(None, None) is None
    np.testing.assert_array_equal(compose(TURN, BACK), np.arange(6))
    np.testing.assert_array_equal(compose(TURN, np.array([0, -1, 2])), [TURN[0], -1, TURN[2]])
    assert in_order(np.arange(6)) is None
    assert in_order(np.arange(6), size=7) is not None
    assert in_order(TURN) is TURN


def test_constants_follow_a_turn_that_is_undone() -> None:
    base = wire_to("x", BASE)
    turned = pending(base, ViewOp(TURN), (3, 2))
    arg = Spread.of(np.arange(6.0).reshape(3, 2), (3, 2))
    added = pending(turned, ElementOp("add", (arg,)), (3, 2))
    back = pending(added, ViewOp(BACK), BASE)
    flat = flatten(BASE, (turned, added, back))
    assert flat.index is None
    np.testing.assert_array_equal(flat.steps[0].op.args[0].full(), np.arange(6.0).reshape(3, 2).T)


def test_constants_in_front_of_a_turn_are_turned() -> None:
    base = wire_to("x", BASE)
    arg = Spread.of(np.arange(6.0).reshape(BASE), BASE)
    added = pending(base, ElementOp("add", (arg,)), BASE)
    turned = pending(added, ViewOp(TURN), (3, 2))
    flat = flatten(BASE, (added, turned))
    np.testing.assert_array_equal(flat.index, TURN)
    np.testing.assert_array_equal(flat.steps[0].op.args[0].full(), arg.full().T)


def test_wires_are_rearranged() -> None:
    value = rearranged(wire_to("x", BASE), np.array([5, -1, 0]), (3,), "t")
    (wire,) = value.wires
    assert wire.gather is not None
    assert wire.gather.tolist() == [5, -1, 0]
    assert (value.shape, value.tensor) == ((3,), "t")
