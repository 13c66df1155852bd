"""Membranes that leak, in every type that can carry them, against the oracle."""

from typing import Any

import numpy as np
import pytest

from snnc.backends.conformance import differences
from snnc.backends.dense import DenseEngine
from snnc.backends.dense.program import compile_graph
from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import FixedCurrentLIF, FixedIntegrateFire
from snnc.ir.nodes import Input, Output, Population

FRAMES = 5
TYPES = {1: "f4", 2**20: "f8", 2**46: "i8"}
"""By the largest weight: what carries the membrane."""


def leaking(model: FixedIntegrateFire | FixedCurrentLIF, weight: int) -> Graph:
    """Two inputs, three neurons of one model."""
    weights = np.array([[3, -2], [-5, 4], [1, 1]]) * weight
    return Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=7),
            Population(name="p", shape=(3,), model=model),
            Output(name="out", shape=(3,)),
        ],
        [
            Projection(name="w", source="x", target="p", map=Dense(weight=weights)),
            Projection(name="read", source="p", target="out", map=Identity(shape=(3,))),
        ],
    )


@pytest.mark.parametrize("weight", TYPES)
@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("lo", [0, -1])
@pytest.mark.parametrize("with_current", [False, True])
def test_a_leak_cuts_towards_zero_whatever_carries_it(
    weight: int, reset: str, lo: int, with_current: bool
) -> None:
    """Odd membranes of both signs, so that a floor would differ."""
    fire: dict[str, Any] = {
        "thresholds": np.array([7, 15]) * weight,
        "reset_step": np.array(9) * weight,
        "leak_multiplier": np.array([5, 1, 7]),
        "leak_shift": 3,
        "reset": reset,
        "lo": lo,
    }
    current: dict[str, Any] = {"current_multiplier": np.array(3), "current_shift": 2}
    model = FixedCurrentLIF(**fire, **current) if with_current else FixedIntegrateFire(**fire)
    graph = leaking(model, weight)
    program = compile_graph(graph, RunSettings(), FRAMES)
    kept = {program.builder.types[name] for name in program.states}
    assert kept == {TYPES[weight]}
    feeds = {"x": np.random.default_rng(3).integers(0, 8, (40, FRAMES, 2))}
    expected = OracleEngine().prepare(graph, RunSettings(), n_frames=FRAMES).run(feeds)
    got = DenseEngine(threads=1).prepare(graph, RunSettings(), n_frames=FRAMES).run(feeds)
    assert not differences(expected, got)
    assert got.counts["p"].any()


def test_a_reset_that_float32_would_round_is_carried_by_more() -> None:
    """The membrane stays small; what firing takes from it does not."""
    model = FixedIntegrateFire(thresholds=np.array([5]), reset_step=np.array(2**24 + 1), lo=0)
    graph = leaking(model, 1)
    program = compile_graph(graph, RunSettings(), FRAMES)
    assert {program.builder.types[name] for name in program.states} == {"f8"}
    feeds = {"x": np.random.default_rng(3).integers(0, 8, (9, FRAMES, 2))}
    expected = OracleEngine().prepare(graph, RunSettings(), n_frames=FRAMES).run(feeds)
    got = DenseEngine(threads=1).prepare(graph, RunSettings(), n_frames=FRAMES).run(feeds)
    assert not differences(expected, got)
