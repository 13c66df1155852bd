from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.converter.integer.turn import TurnChannels
from snnc.ir.maps import Dense
from tests.converter.integer.nets import Net, fire, one, same_conv, values

RNG = np.random.default_rng(2)


@pytest.mark.parametrize("bias", [0.5, np.arange(3.0), np.arange(12.0).reshape(3, 2, 2)])
def test_turning_changes_no_value(bias: Any) -> None:
    net = Net((2, 2, 2), lo=-4, hi=4)
    conv = same_conv(RNG.normal(size=(3, 2, 3, 3)), (2, 2))
    net.add("a", (3, 2, 2), fire(4), ("x", conv), bias=np.asarray(bias))
    net.join("x", "a", Dense(weight=RNG.normal(size=(12, 8))))
    net.add("h", (3, 2, 2), fire(4), ("a", one((3, 2, 2))))
    graph = net.graph("h")
    turned = TurnChannels({"a": np.array([1, -1, 1])})(graph)
    assert set(turned.nodes) - set(graph.nodes) == {"a.turned"}
    x = RNG.integers(-4, 5, (30, 2, 2, 2))
    want, got = values(graph, x), values(turned, x)
    np.testing.assert_array_equal(got["h"], want["h"])


def test_nothing_to_turn_changes_nothing() -> None:
    graph = Net((2,)).add("a", (2,), fire(4), ("x", one((2,)))).graph("a")
    assert TurnChannels()(graph) is graph
