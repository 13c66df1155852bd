"""Biases as synapses: no count changes, and only what a chip does not take is moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from snnc.backends.conformance import Case, cases, run_case
from snnc.backends.dense.engine import DenseEngine
from snnc.backends.event import EventEngine
from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import FixedIntegrateFire, IntegerFire, NeuronModel
from snnc.ir.nodes import Input, Output, Pattern, Population
from snnc.ir.passes import BiasSynapses
from snnc.runtime.staged import patterns

EACH_TICK = RunSettings("graded", "pipelined")
EYE = np.eye(3, dtype=np.int64)


def net(model: NeuronModel, bias: Any, **more: Any) -> Graph:
    """x -> p -> y"""
    return Graph(
        [
            Input(name="x", shape=(3,), lo=-40, hi=40),
            Population(name="p", shape=(3,), model=model, bias=np.asarray(bias), **more),
            Output(name="y", shape=(3,)),
        ],
        [
            Projection(name="x-p", source="x", target="p", map=Dense(weight=EYE * 100)),
            Projection(name="p-y", source="p", target="y", map=Identity(shape=(3,))),
        ],
    ).validate()


def binary(*thresholds: int) -> IntegerFire:
    return IntegerFire(lo=0, thresholds=np.array(thresholds)[:, None])


def moved(graph: Graph, chosen: RunSettings = EACH_TICK) -> list[int] | None:
    """The weights of the synapses that stand for biases."""
    after = BiasSynapses(settings=chosen, bias_bits=13, exponent_bits=3)(graph)
    if after is graph:
        return None
    assert [p.counts.tolist() for p in after.patterns] == [[[1]]]
    found = [p.map.weight for p in after.projections.values() if p.source == "always on"]
    assert not any(n.bias.any() for n in after.populations)
    return [int(w) for weight in found for w in weight.ravel()]


@pytest.mark.parametrize(
    ("model", "bias", "wanted"),
    [
        (binary(5000), [4095, -4096, 0], None),
        (binary(9000), [8190, -8192, 3], None),  # 13 bits times 2
        (binary(9000), [4097, 0, 3], [4097, 0, 3]),
        (binary(9000), [8192, 0, 0], [8192, 0, 0]),
        (binary(3), [3, 0, 0], [3, 0, 0]),  # would spike by itself, before a frame has come
        (binary(3), [2, 0, 0], None),
        (binary(2, 5, 2), 0, None),  # 3, 0, 3 under a threshold of 5
        (binary(2, 5, 0), 0, [3, 0, 5]),  # the last one always fires
        (binary(2, 5, -(2**63)), 0, [3, 0, 4005]),  # from the least that can arrive
        (FixedIntegrateFire.binary(np.array(10), reset="zero"), [4, 0, 0], None),
        (FixedIntegrateFire.binary(np.array(4), reset="zero"), [4, 0, 0], [4, 0, 0]),
        (FixedIntegrateFire.binary(np.array(4)), [4, 0, 0], None),  # subtracts: never a LIF
        (IntegerFire(lo=0, thresholds=np.array([[3, 4]])), [9999, 0, 0], None),  # two levels
    ],
)
def test_what_is_moved(model: NeuronModel, bias: Any, wanted: list[int] | None) -> None:
    graph = net(model, bias)
    assert moved(graph) == wanted
    for other in (RunSettings("graded"), RunSettings("burst", "pipelined")):
        assert moved(graph, other) is None  # more than a tick for a frame, or for counts


def test_what_has_no_bias_gets_no_source() -> None:
    model = FixedIntegrateFire(
        lo=0, thresholds=np.array([1]), reset="zero", reset_step=np.array(1), fraction_bits=6,
        leak_multiplier=np.array(2048), leak_shift=12,
    )  # fmt: skip
    graph = net(model, 0)
    assert BiasSynapses(settings=EACH_TICK, bias_bits=13, exponent_bits=0)(graph) is graph


def test_every_engine_counts_the_same() -> None:
    x = np.random.default_rng(0).integers(-40, 41, (4, 5, 3))
    graph = net(binary(-900, 20, 3000), [7, -5000, 4097])
    after = BiasSynapses(settings=EACH_TICK, bias_bits=13, exponent_bits=3)(graph)
    wanted = (100 * x + [7, -5000, 4097] >= [-900, 20, 3000]).astype(int)
    assert 0.1 < wanted.mean() < 0.9
    for engine in (OracleEngine(), EventEngine(1), DenseEngine(threads=1)):
        feeds = {"x": x, **patterns(after, 4, 5)}
        found = engine.prepare(after, EACH_TICK, n_frames=5).run(feeds)
        assert np.array_equal(found.counts["p"], wanted)
        assert found.counters["bias of p"].synaptic_events == 4 * 5 * 3


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(code="graded", schedule="pipelined"), width=st.integers(1, 4))
def test_random_graphs_keep_all_counts(case: Case, width: int) -> None:
    after = BiasSynapses(settings=case.settings, bias_bits=width, exponent_bits=0)(case.graph)
    assume(after is not case.graph)
    on = next(n for n in after.nodes.values() if n.name.startswith("always on"))
    assert isinstance(on, Pattern)
    n_samples, n_frames = next(iter(case.feeds.values())).shape[:2]
    feeds = {**patterns(after, n_samples, n_frames), **case.feeds}
    got = OracleEngine().prepare(after, case.settings, n_frames=case.n_frames).run(feeds)
    for name, counts in run_case(OracleEngine(), case).counts.items():
        assert np.array_equal(counts, got.counts[name]), name
