"""Relays: a long wait becomes short hops, and no count changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnc.backends.conformance import Case, cases, run_case
from snnc.backends.dense.engine import DenseEngine
from snnc.backends.event import EventEngine
from snnc.backends.oracle import OracleEngine
from snnc.converter.chip import for_chip
from snnc.ir.codes import Code, RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import Limits
from snnc.ir.maps import Identity
from snnc.ir.passes import InsertRelays
from snnc.ir.schedule import make_schedule
from tests.backends.test_recurrent import FRAMES, loop_graph
from tests.ir.graphs import skip_over

PIPELINED = RunSettings("burst", "pipelined")
SEQUENTIAL = [RunSettings("burst"), RunSettings("graded"), RunSettings("delta")]


@pytest.mark.parametrize(
    ("code", "n_stages", "levels", "longest", "relays"),
    [
        ("burst", 3, 31, 62, 1),  # 93 ticks = 62 + a window
        ("burst", 2, 100, 62, 2),  # no whole window fits a delay: a relay for each stage
        ("graded", 70, 4, 62, 1),  # 70 = 62 + 1 + 7
        ("graded", 7, 4, 2, 2),  # 7 = 2 + 1 + 2 + 1 + 1
        ("graded", 62, 4, 62, 0),
    ],
)
def test_as_few_relays_as_it_takes(
    code: str, n_stages: int, levels: int, longest: int, relays: int
) -> None:
    settings = RunSettings(code, "pipelined")  # type: ignore[arg-type]
    graph = skip_over(n_stages, levels=levels)
    relayed = InsertRelays(settings=settings, max_delay=longest)(graph)
    added = [n for n in relayed.populations if n.name not in graph.nodes]
    assert [n.name for n in added] == [f"x relay {i + 1}" for i in range(relays)]
    assert all(float(n.step) == 0.5 for n in added)
    after, before = make_schedule(relayed, settings, longest), make_schedule(graph, settings)
    assert {name: after.start[name] for name in before.start} == before.start
    assert (relayed is graph) == (relays == 0)


def test_counts_stay() -> None:
    for late in (0, 2):
        graph = skip_over(5, levels=3, late=late)
        relayed = InsertRelays(settings=PIPELINED, max_delay=4)(graph)
        x = np.random.default_rng(late).integers(0, 4, (2, 4, 2))
        ends = [
            OracleEngine().prepare(g, PIPELINED, n_frames=4).run({"x": x}).counts["sum"]
            for g in (graph, relayed)
        ]
        shifted = np.concatenate([np.zeros_like(x[:, :late]), x[:, : 4 - late]], axis=1)
        assert np.array_equal(ends[0], x + shifted)
        assert np.array_equal(ends[1], x + shifted)
        assert len(relayed.populations) > len(graph.populations)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(schedule="pipelined"), longest=st.integers(0, 3))
def test_random_graphs_keep_all_counts(case: Case, longest: int) -> None:
    relayed = InsertRelays(settings=case.settings, max_delay=longest)(case.graph)
    assert max(make_schedule(relayed, case.settings).delay.values()) <= longest
    before = run_case(OracleEngine(), case)
    after = OracleEngine().prepare(relayed, case.settings, n_frames=case.n_frames).run(case.feeds)
    for name, counts in before.counts.items():
        assert np.array_equal(counts, after.counts[name]), name


@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
def test_what_earlier_frames_sent_is_held_by_relays(code: Code) -> None:
    """Sequential: x reaches the sum two frames late."""
    graph, settings = skip_over(5, levels=3, late=2), RunSettings(code)
    relayed = InsertRelays(settings=settings, max_delay=2)(graph)
    assert [n.name for n in relayed.populations if n.name not in graph.nodes] == [
        "x relay 1", "x relay 2",
    ]  # fmt: skip
    after, before = make_schedule(relayed, settings, 2), make_schedule(graph, settings)
    assert max(before.delay.values()) > 2
    assert (after.period, max(after.delay.values())) == (before.period, 0)
    x = np.random.default_rng(1).integers(0, 4, (3, 5, 2))
    wanted = x + np.concatenate([np.zeros_like(x[:, :2]), x[:, :3]], axis=1)
    for engine in (OracleEngine(), EventEngine(1), DenseEngine(threads=1)):
        found = engine.prepare(relayed, settings, n_frames=5).run({"x": x})
        assert np.array_equal(found.counts["sum"], wanted)
        assert found.n_ticks == before.n_ticks(5)


def test_a_relay_is_silent_before_its_first_frame() -> None:
    """Counts from 2 on, a frame late: before them comes 0, which is none of them."""
    graph = skip_over(5, levels=3, late=1)
    x = replace(graph.inputs[0], lo=2)
    graph = graph.replace(nodes=[x, *(n for n in graph.nodes.values() if n.name != "x")])
    relayed = InsertRelays(settings=RunSettings(), max_delay=2)(graph)
    fed = np.full((2, 3, 2), 3)
    found = OracleEngine().prepare(relayed, RunSettings(), n_frames=3).run({"x": fed})
    assert found.counts["sum"][:, :, 0].tolist() == [[3, 6, 6]] * 2


def test_relays_of_loops(recurrent: Graph) -> None:
    for chosen in SEQUENTIAL:
        relayed = InsertRelays(settings=chosen, max_delay=0)(recurrent)
        assert max(make_schedule(relayed, chosen).delay.values()) == 0
        shape = (3, FRAMES, *recurrent.inputs[0].shape)
        x = np.random.default_rng(5).integers(-1, 3, shape)
        counts = [
            OracleEngine().prepare(g, chosen, n_frames=FRAMES).run({"x": x}).counts
            for g in (recurrent, relayed)
        ]
        assert len(counts[1]) > len(counts[0])
        for name, wanted in counts[0].items():
            assert np.array_equal(counts[1][name], wanted), name


@pytest.fixture(params=[1, 2, 3])
def recurrent(request: pytest.FixtureRequest) -> Graph:
    return loop_graph(np.random.default_rng(request.param), back=request.param, by_two=True)


def test_what_waits_within_a_frame_needs_no_relays() -> None:
    graph = skip_over(5, levels=9)
    assert InsertRelays(settings=RunSettings("burst"), max_delay=2)(graph) is graph


def test_the_graph_says_what_changed_it() -> None:
    limits = Limits(target="small", max_delay=62)
    graph, notes = for_chip(skip_over(3, levels=31), limits, PIPELINED)
    assert graph.metadata["chip_passes"] == ["insert-relays"]
    assert notes == (
        "1 relay populations (2 neurons) pass on what would wait for more than the 62 ticks of a "
        "delay: x relay 1",
    )
    assert for_chip(graph, limits, PIPELINED) == (graph, ())


def test_loops_that_cannot_be_pipelined_stay_refused() -> None:
    graph = skip_over(2, levels=3)
    back = Projection(name="back", source="a1", target="a0", map=Identity(shape=(2,)), frames=1)
    looped = graph.replace(projections=[*graph.projections.values(), back])
    with pytest.raises(NotExecutable, match="closes a loop"):
        InsertRelays(settings=PIPELINED, max_delay=2)(looped)
