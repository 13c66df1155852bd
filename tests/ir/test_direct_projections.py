"""Residual sums as direct projections: the same counts, no value on the way."""

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
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, UnsupportedByTarget
from snnc.ir.fit import check_fit
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import Limits
from snnc.ir.maps import Dense, Identity, LinearMap
from snnc.ir.neurons import Accumulator, IntegerFire, Max
from snnc.ir.nodes import Input, Output, Population, Product
from snnc.ir.passes import DirectProjections

UNIT = Limits(target="plain", payload_bits=0)
BURST = RunSettings("burst", "sequential")
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def stream(bias: int = 3) -> Graph:
    """x -> stem, a sum; act reads it; total = stem + W act; last reads it; so does the output."""
    weight = np.array([[1, -2], [3, 1]])
    ends: list[tuple[str, str, LinearMap]] = [
        ("x", "stem", Dense(weight=weight)),
        ("stem", "act", Identity(shape=(2,))),
        ("stem", "total", Identity(shape=(2,), weight=np.array(2))),
        ("act", "total", Dense(weight=weight.T)),
        ("total", "last", Dense(weight=weight)),
        ("total", "y", Identity(shape=(2,))),
        ("last", "z", Identity(shape=(2,))),
    ]
    steps = IntegerFire(lo=0, thresholds=np.array([[2, 5, 9]]))
    return Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=3),
            Population(name="stem", shape=(2,), model=Accumulator(), bias=np.array([bias, 0])),
            Population(name="act", shape=(2,), model=steps),
            Population(name="total", shape=(2,), model=Accumulator(), module_path="net.total"),
            Population(name="last", shape=(2,), model=steps, bias=np.array(1)),
            Output(name="y", shape=(2,)),
            Output(name="z", shape=(2,)),
        ],
        [Projection(name=f"{s} -> {t}", source=s, target=t, map=m) for s, t, m in ends],
    ).validate()


def test_a_stream_in_numbers() -> None:
    """By hand: total = 2 (W x + (3, 0)) + W' act, last fires on W total + 1."""
    graph = DirectProjections()(stream())
    assert list(graph.nodes) == ["x", "act", "total", "last", "y", "z"]
    assert set(graph.projections) == {
        "x -> act", "x -> total", "act -> total", "x -> last", "act -> last",
        "total -> y", "last -> z",
    }  # fmt: skip
    weight = np.array([[1, -2], [3, 1]])
    total, last = graph.nodes["total"], graph.nodes["last"]
    assert isinstance(total, Population)
    assert isinstance(last, Population)
    assert total.bias.tolist() == [6, 0]
    assert last.bias.tolist() == [6 + 1, 18 + 1]
    straight = graph.projections["x -> last"].apply(np.eye(2, dtype=int)).T
    assert straight.tolist() == (2 * weight @ weight).tolist()
    through = graph.projections["act -> last"].apply(np.eye(2, dtype=int)).T
    assert through.tolist() == (weight @ weight.T).tolist()


def test_it_lets_a_chip_of_unit_spikes_run_a_residual_stream() -> None:
    with pytest.raises(UnsupportedByTarget, match="passes integers on"):
        check_fit(stream(), BURST, UNIT)
    graph, notes = for_chip(stream(), UNIT, BURST)
    check_fit(graph, BURST, UNIT)
    assert graph.metadata["chip_passes"] == ["direct-projections"]
    assert notes == (
        "2 sums (stem, total) reach their readers as the spikes of each branch: exact, with more "
        "synaptic operations",
    )
    assert for_chip(graph, UNIT, BURST) == (graph, ())


def test_what_a_maximum_or_a_product_reads_stays_and_is_refused_by_name() -> None:
    graph = stream()
    for reader, ports in (
        (Population(name="top", shape=(2,), model=Max()), ("in",)),
        (Product(name="top", shape=(2,), a_shape=(2,), b_shape=(2,), op="multiply"), ("a", "b")),
    ):
        more = [
            Projection(name=f"top.{p}", source="total", target="top", port=p, map=_ONE)
            for p in ports
        ]
        read = Projection(name="top -> z", source="top", target="z", map=_ONE)
        kept = [p for p in graph.projections.values() if p.name != "last -> z"]
        wider = graph.replace(
            nodes=[*graph.nodes.values(), reader], projections=[*kept, *more, read]
        )
        with pytest.raises(UnsupportedByTarget, match=r"net\.total: passes integers on"):
            check_fit(for_chip(wider, UNIT, BURST)[0], BURST, UNIT)


def test_a_bias_that_arrives_a_frame_later_stays() -> None:
    graph = stream()
    late = replace(graph.projections["stem -> act"], frames=1)
    others = [p for p in graph.projections.values() if p.name != late.name]
    delayed = graph.replace(projections=[*others, late])
    assert "stem" in DirectProjections()(delayed).nodes
    assert "stem" not in DirectProjections()(stream(bias=0)).nodes


def test_the_float_form_is_refused() -> None:
    with pytest.raises(GraphError, match="exact in the integer form"):
        DirectProjections().rewrite(stream().replace(form="float"))


def check(case: Case) -> None:
    direct = DirectProjections()(case.graph)
    if direct is case.graph:
        return
    golden = run_case(OracleEngine(), case).counts
    for engine in (OracleEngine(), EventEngine(1), DenseEngine(threads=1)):
        if case.settings.code not in engine.codes:
            continue
        got = run_case(engine, replace(case, graph=direct)).counts
        gone = [case.graph.nodes[name] for name in golden.keys() - got.keys()]
        assert all(isinstance(n.model, Accumulator) for n in gone if isinstance(n, Population))
        for name, counts in got.items():
            assert np.array_equal(counts, golden[name]), name


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(case=cases())
def test_random_graphs_keep_their_counts(case: Case) -> None:
    check(case)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=QUIET)
@given(case=cases())
def test_many_random_graphs_keep_their_counts(case: Case) -> None:
    check(case)


_ONE = Identity(shape=(2,))
