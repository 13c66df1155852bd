"""Signed counts as pairs of populations: the difference of a pair is the signed count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from snnc.backends.conformance.cases import Case, cases
from snnc.backends.conformance.compare import run_case
from snnc.backends.dense.engine import DenseEngine
from snnc.backends.event import EventEngine
from snnc.backends.oracle import OracleEngine
from snnc.converter.chip import for_chip
from snnc.ir.arrays import INT64_MAX, INT64_MIN
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, UnsupportedByTarget
from snnc.ir.fit import check_fit
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import Limits
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import IntegerFire, Max, RescaledSum
from snnc.ir.nodes import Input, InputPart, Output, Pattern, Population
from snnc.ir.passes import DirectProjections, SplitSigns
from snnc.ir.signs import input_parts, whole_inputs, with_parts, with_wholes

UNIT = Limits(target="plain", payload_bits=0)
BURST = RunSettings("burst", "sequential")
SPLIT = SplitSigns(settings=BURST)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def signed(thresholds: list[int], lo: int = -2) -> Graph:
    """x, -3 … 2 -> act, -2 … 1 by three thresholds -> last -> y; act is read, too."""
    weight = np.array([[1, -2], [3, 1]])
    steps = IntegerFire(lo=lo, thresholds=np.array([thresholds]))
    ends = [
        ("x", "act", Dense(weight=weight)),
        ("act", "last", Dense(weight=weight.T)),
        ("last", "y", Identity(shape=(2,))),
        ("act", "z", Identity(shape=(2,))),
    ]
    rule = IntegerFire(lo=0, thresholds=np.array([[-1, 3]]))
    return Graph(
        [
            Input(name="x", shape=(2,), lo=-3, hi=2, step=0.5),
            Population(
                name="act", shape=(2,), model=steps, bias=np.array([1, -1]), module_path="net.act"
            ),
            Population(name="last", shape=(2,), model=rule),
            Output(name="y", shape=(2,)),
            Output(name="z", shape=(2,)),
        ],
        [Projection(name=f"{s} -> {t}", source=s, target=t, map=m) for s, t, m in ends],
    ).validate()


def test_a_pair_in_numbers() -> None:
    """k = -2 + #{i >= -4, 2, 5}: positive from 5 on, negative where -i >= -1 and -i >= 5."""
    graph, notes = for_chip(signed([-4, 2, 5]), UNIT, BURST)
    check_fit(graph, BURST, UNIT)
    assert notes == ("signed counts travel as a pair of populations, one for each sign: x, act",)
    positive, negative = graph.nodes["act.positive"], graph.nodes["act.negative"]
    assert isinstance(positive, Population)
    assert isinstance(negative, Population)
    assert isinstance(positive.model, IntegerFire)
    assert isinstance(negative.model, IntegerFire)
    assert (positive.model.lo, positive.model.thresholds.tolist()) == (0, [[5]])
    assert (negative.model.lo, negative.model.thresholds.tolist()) == (0, [[-1, 5]])
    assert (positive.bias.tolist(), negative.bias.tolist()) == ([1, -1], [-1, 1])
    brought = graph.projections["x -> act.negative to negative"].map.weight
    assert brought.tolist() == [[1, -2], [3, 1]]
    assert graph.metadata["signed_pairs"] == {"act": ["act.positive", "act.negative"]}
    assert {n.name: (n.lo, n.hi) for n in graph.inputs} == {
        "x.positive": (0, 2),
        "x.negative": (0, 3),
    }


def test_levels_that_none_or_all_reach() -> None:
    graph = SPLIT(signed([INT64_MIN, 2, INT64_MAX]))
    negative, positive = graph.nodes["act.negative"], graph.nodes["act.positive"]
    assert negative.model.thresholds.tolist() == [[-1, INT64_MAX]]  # type: ignore[attr-defined]
    assert positive.model.thresholds.tolist() == [[INT64_MAX]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("lo", [-5, -3, -2, 0])
def test_every_input_gives_the_signed_count(lo: int) -> None:
    whole = signed([-4, 2, 5], lo)
    graph = SPLIT(whole)
    x = np.stack(np.meshgrid(np.arange(-3, 3), np.arange(-3, 3)), axis=-1).reshape(-1, 1, 2)
    golden = OracleEngine().prepare(whole, BURST).run({"x": x}).counts
    feeds = with_parts(input_parts(graph), {"x": x})
    for engine in (OracleEngine(), EventEngine(1), DenseEngine(threads=1)):
        found = with_wholes(graph, engine.prepare(graph, BURST).run(feeds).counts)
        for name in ("act", "last"):
            assert np.array_equal(found[name], golden[name]), name


def test_the_whole_input_is_what_data_is_for() -> None:
    whole = signed([-4, 2, 5])
    (found,) = whole_inputs(SPLIT(whole))
    assert type(found) is Input
    assert (found.name, found.lo, found.hi, found.step) == ("x", -3, 2, 0.5)
    assert whole_inputs(whole) == whole.inputs
    parts = with_parts(input_parts(SPLIT(whole)), {"x": np.array([-3, 0, 2])})
    assert parts["x.positive"].tolist() == [0, 0, 2]
    assert parts["x.negative"].tolist() == [3, 0, 0]


def test_a_table_and_a_pattern_need_no_turned_weights() -> None:
    rule = RescaledSum(first=-4, shift=1, counts=np.array([[-2, -1], [0, 1], [2, 3]]))
    graph = signed([0, 1, 2])
    act = graph.nodes["act"]
    assert isinstance(act, Population)
    table = replace(act, model=rule)
    pattern = Pattern(name="p", shape=(2,), counts=np.array([[1, -2], [0, 3]]), repeat=True)
    ones = Identity(shape=(2,))
    graph = graph.replace(
        nodes=[table if n.name == "act" else n for n in graph.nodes.values()] + [pattern],
        projections=[
            *graph.projections.values(),
            Projection(name="p -> last", source="p", target="last", map=ones),
        ],
    )
    pair = SPLIT(graph)
    negative = pair.nodes["act.negative"]
    assert negative.model.counts.tolist() == [[2, 1], [0, 0], [0, 0]]  # type: ignore[attr-defined]
    assert negative.bias.tolist() == [1, -1]  # type: ignore[attr-defined]
    assert pair.nodes["p.negative"].counts.tolist() == [[0, 2], [0, 0]]  # type: ignore[attr-defined]


def test_what_cannot_be_split_is_refused_by_name() -> None:
    graph = signed([-4, 2, 5])
    top = Population(name="top", shape=(2,), model=Max())
    ones = Identity(shape=(2,))
    kept = [p for p in graph.projections.values() if p.target != "y"]
    wider = graph.replace(
        nodes=[*graph.nodes.values(), top],
        projections=[
            *kept,
            Projection(name="act -> top", source="act", target="top", map=ones),
            Projection(name="top -> y", source="top", target="y", map=ones),
        ],
    )
    with pytest.raises(UnsupportedByTarget, match=r"net\.act: emits negative counts"):
        check_fit(for_chip(wider, UNIT, BURST)[0], BURST, UNIT)


def test_the_float_form_is_refused() -> None:
    with pytest.raises(GraphError, match="integer form"):
        SPLIT.rewrite(signed([0, 1, 2]).replace(form="float"))


def check(case: Case) -> None:
    graph = SplitSigns(settings=case.settings)(DirectProjections()(case.graph))
    if not any(
        isinstance(n, InputPart) or n.name.endswith(".negative") for n in graph.nodes.values()
    ):
        return
    golden = run_case(OracleEngine(), case).counts
    feeds = with_parts(input_parts(graph), case.feeds)
    for engine in (OracleEngine(), EventEngine(1), DenseEngine(threads=1)):
        if case.settings.code not in engine.codes:
            continue
        found = with_wholes(graph, run_case(engine, replace(case, graph=graph, feeds=feeds)).counts)
        for name in found.keys() & golden.keys():
            assert np.array_equal(found[name], golden[name]), name
        fires = [n.name for n in case.graph.populations if n.model.emits == "count"]
        assert set(fires) <= found.keys()


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(case=cases())
def test_random_graphs_keep_their_counts(case: Case) -> None:
    check(case)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
@given(case=cases())
def test_many_random_graphs_keep_their_counts(case: Case) -> None:
    check(case)
