"""Wide weights as several projections: their sum is the wide weight, nothing is rounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnc.backends.conformance.cases import Case, cases
from snnc.backends.conformance.compare import run_case
from snnc.backends.event import EventEngine
from snnc.backends.oracle import OracleEngine
from snnc.converter.chip import for_chip
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import Limits
from snnc.ir.maps import Dense, Identity, Sparse
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.passes import SplitWeights
from tests.ir.graphs import small_graph

EIGHT = SplitWeights(weight_bits=8, max_exponent=7)
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def wide(weight: list[int], exponent: int = 0) -> Graph:
    """x -> sum, through the given weights."""
    n = len(weight)
    map_ = Dense(weight=np.array([weight]))
    return Graph(
        [
            Input(name="x", shape=(n,), lo=0, hi=3),
            Population(name="sum", shape=(1,), model=Accumulator(), module_path="net.sum"),
            Output(name="y", shape=(1,)),
        ],
        [
            Projection(name="w", source="x", target="sum", map=map_, exponent=exponent),
            Projection(name="r", source="sum", target="y", map=Identity(shape=(1,))),
        ],
    )


def parts(graph: Graph) -> dict[str, tuple[list[int], int]]:
    into = graph.incoming("sum")
    return {p.name: (p.map.weight.reshape(-1).tolist(), p.exponent) for p in into}


def test_a_common_power_of_two_becomes_an_exponent() -> None:
    assert parts(EIGHT.rewrite(wide([512, -1024, 256]))) == {"w": ([64, -128, 32], 3)}
    assert parts(EIGHT.rewrite(wide([3, -1], exponent=9))) == {"w": ([12, -4], 7)}


def test_a_low_and_a_high_part() -> None:
    """128 = 0 + 1 * 2^7; -1000 = 24 - 8 * 2^7; 63 = 63."""
    assert parts(EIGHT.rewrite(wide([128, -1000, 63]))) == {
        "w": ([0, 24, 63], 0),
        "w (high)": ([1, -8, 0], 7),
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1, max_size=9))
def test_sixteen_bits_in_parts_add_up(weight: list[int]) -> None:
    found = parts(EIGHT.rewrite(wide(weight)))
    total = sum(np.array(w, dtype=object) * 2**e for w, e in found.values())
    assert np.array_equal(total, np.array(weight, dtype=object))
    for w, e in found.values():
        assert min(w) >= -128
        assert max(w) <= 127
        assert 0 <= e <= 7


def test_what_fits_is_left_alone() -> None:
    graph = small_graph()
    assert EIGHT(graph) is graph


def test_listed_synapses_without_a_high_part_are_left_out() -> None:
    graph = wide([0, 0, 0])
    listed = Sparse(
        in_shape=(3,),
        out_shape=(1,),
        indptr=np.arange(4),
        targets=np.zeros(3, dtype=int),
        weight=np.array([5, 300, -7]),
    )
    p = replace(graph.projections["w"], map=listed)
    found = EIGHT.rewrite(graph.replace(projections=[p, graph.projections["r"]]))
    high = found.projections["w (high)"].map
    assert isinstance(high, Sparse)
    assert (high.weight.tolist(), high.indptr.tolist()) == ([2], [0, 0, 1, 1])


def test_too_many_parts_are_refused_by_name() -> None:
    with pytest.raises(WidthExceeded, match=r"net\.sum: weights of 21 bits need more than 4"):
        EIGHT.rewrite(wide([2**20 - 1]))
    with pytest.raises(GraphError, match="integer form"):
        EIGHT.rewrite(wide([1]).replace(form="float"))


def test_it_runs_where_a_target_asks_for_it() -> None:
    limits = Limits(target="narrow", weight_bits=8, max_exponent=7)
    graph, notes = for_chip(wide([129, 3]), limits, RunSettings())
    assert notes == (
        "weights of more than 8 bits travel as several projections (w): exact, "
        "with 1 projection more",
    )
    assert graph.metadata["chip_passes"] == ["split-weights"]
    _, notes = for_chip(wide([256, 512]), limits, RunSettings())
    assert notes == ("powers of two of weights stand in the exponents of their projections: exact",)


def check(case: Case) -> None:
    try:
        graph = SplitWeights(weight_bits=5, max_exponent=4)(case.graph)
    except WidthExceeded:
        return
    golden = run_case(OracleEngine(), case).counts
    for engine in (OracleEngine(), EventEngine(1)):
        if case.settings.code in engine.codes:
            found = run_case(engine, replace(case, graph=graph)).counts
            assert all(np.array_equal(found[name], golden[name]) for name in golden)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(case=cases())
def test_random_graphs_keep_their_counts(case: Case) -> None:
    check(case)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
@given(case=cases())
def test_many_random_graphs_keep_their_counts(case: Case) -> None:
    check(case)
