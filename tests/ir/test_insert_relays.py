"""Relays: a long wait becomes short hops, and no count changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnc.backends.conformance import Case, cases, run_case
from snnc.backends.oracle import OracleEngine
from snnc.converter.chip import for_chip
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Projection
from snnc.ir.limits import Limits
from snnc.ir.maps import Identity
from snnc.ir.passes import InsertRelays
from snnc.ir.schedule import make_schedule
from tests.ir.graphs import skip_over

PIPELINED = RunSettings("burst", "pipelined")


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


def test_only_pipelines_need_relays() -> None:
    graph = skip_over(5, levels=9)
    assert InsertRelays(settings=RunSettings("burst"), max_delay=2)(graph) is graph


def test_the_graph_says_what_changed_it() -> None:
    limits = Limits(target="small", max_delay=62)
    graph, notes = for_chip(skip_over(3, levels=31), limits, PIPELINED)
    assert graph.metadata["chip_passes"] == ["insert-relays"]
    assert notes == (
        "1 relay populations (2 neurons) pass on what the pipeline would delay by more than 62 "
        "ticks: x relay 1",
    )
    assert for_chip(graph, limits, PIPELINED) == (graph, ())


def test_loops_that_cannot_be_pipelined_stay_refused() -> None:
    graph = skip_over(2, levels=3)
    back = Projection(name="back", source="a1", target="a0", map=Identity(shape=(2,)), frames=1)
    looped = graph.replace(projections=[*graph.projections.values(), back])
    with pytest.raises(NotExecutable, match="closes a loop"):
        InsertRelays(settings=PIPELINED, max_delay=2)(looped)
