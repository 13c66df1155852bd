"""Projections across frames in real Lava: equal to the oracle, counters included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.conformance import differences, trace_differences
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.backends.lava.events import later
from snnc.backends.lava.limits import LOIHI2
from snnc.backends.registry import get_engine
from snnc.converter.chip import for_chip
from snnc.ir.codes import Code, RunSettings, ScheduleKind
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Input, Output, Population, Product
from snnc.ir.passes import InsertRelays
from tests.backends.test_recurrent import FRAMES, loop_graph
from tests.ir.graphs import skip_over

pytestmark = pytest.mark.lava

SEQUENTIAL: ScheduleKind = "sequential"
PIPELINED: ScheduleKind = "pipelined"


def check(graph: Graph, settings: RunSettings, n_samples: int = 3) -> None:
    source = graph.inputs[0]
    rng = np.random.default_rng(1)
    shape = (n_samples, FRAMES, *source.shape)
    feeds = {source.name: rng.integers(source.lo, source.hi + 1, shape)}
    oracle = get_engine("oracle").prepare(graph, settings, n_frames=FRAMES).run(feeds)
    lava = LavaEngine().prepare(graph, settings, n_frames=FRAMES).run(feeds)
    assert differences(oracle, lava) == []


@pytest.mark.parametrize(
    ("code", "schedule", "back", "by_two"),
    [
        ("burst", SEQUENTIAL, 1, True),
        ("delta", PIPELINED, 1, False),
        pytest.param("delta", SEQUENTIAL, 2, True, marks=pytest.mark.slow),
        pytest.param("graded", PIPELINED, 2, False, marks=pytest.mark.slow),
        pytest.param("burst", PIPELINED, 1, False, marks=pytest.mark.slow),
        pytest.param("graded", SEQUENTIAL, 2, True, marks=pytest.mark.slow),
    ],
)
def test_loops(
    lava: Environment, code: Code, schedule: ScheduleKind, back: int, by_two: bool
) -> None:
    graph = loop_graph(np.random.default_rng(back), back=back, by_two=by_two)
    check(graph, RunSettings(code, schedule))


def test_samples_shorter_than_the_delay(lava: Environment) -> None:
    graph = loop_graph(np.random.default_rng(4), back=FRAMES + 1)
    check(graph, RunSettings("graded", PIPELINED))


def test_a_product_with_the_frame_before(lava: Environment) -> None:
    stairs = IntegerFire(lo=-1, thresholds=np.array([[-2, 3, 7]]))
    product = Product(name="p", shape=(4,), op="multiply", a_shape=(4,), b_shape=(4,))
    weight = np.random.default_rng(0).integers(-3, 4, (4, 4))
    first = Projection(name="x-a", source="x", target="a", map=Dense(weight=weight))
    same = Projection(name="a", source="a", target="p", port="a", map=Identity(shape=(4,)))
    before = replace(same, name="b", port="b", frames=1)
    read = Projection(name="read", source="p", target="y", map=Identity(shape=(4,)))
    graph = Graph(
        [
            Input(name="x", shape=(4,), lo=-2, hi=3),
            Population(name="a", shape=(4,), model=stairs),
            product,
            Output(name="y", shape=(4,)),
        ],
        [first, same, before, read],
    ).validate()
    check(graph, RunSettings("burst"))


@pytest.mark.slow
def test_a_trace_shows_what_travelled(lava: Environment) -> None:
    graph, settings = loop_graph(np.random.default_rng(2)), RunSettings("burst")
    x = np.random.default_rng(3).integers(-1, 3, (1, FRAMES, 4))
    oracle = get_engine("oracle").prepare(graph, settings, n_frames=FRAMES)
    lava_session = LavaEngine().prepare(graph, settings, n_frames=FRAMES)
    expected = oracle.trace({"x": x})  # type: ignore[attr-defined]
    assert trace_differences(expected, lava_session.trace({"x": x})) == []


@pytest.mark.parametrize(
    ("code", "n_stages", "levels", "back"),
    [
        ("burst", 4, 17, 1),
        pytest.param("burst", 2, 31, 2, marks=pytest.mark.slow),
        pytest.param("graded", 20, 3, 3, marks=pytest.mark.slow),
        pytest.param("delta", 20, 3, 3, marks=pytest.mark.slow),
    ],
)
def test_longer_waits_than_a_delay_go_through_relays(
    lava: Environment, code: Code, n_stages: int, levels: int, back: int
) -> None:
    settings = RunSettings(code)
    graph = skip_over(n_stages, levels=levels, late=back)
    with pytest.raises(UnsupportedByTarget, match="the target has 62"):
        LavaEngine().prepare(graph, settings, n_frames=FRAMES)
    relayed, notes = for_chip(graph, LOIHI2, settings)
    assert f"{back} relay populations" in notes[0]
    check(relayed, settings)


@pytest.mark.slow
def test_relays_within_loops(lava: Environment) -> None:
    """Every recurrent synapse of a loop through two populations waits in relays instead."""
    graph = loop_graph(np.random.default_rng(2), back=2, by_two=True)
    for code in ("burst", "graded", "delta"):
        relayed = InsertRelays(settings=RunSettings(code), max_delay=0)(graph)
        assert len(relayed.populations) > len(graph.populations)
        check(relayed, RunSettings(code))


def test_later() -> None:
    counts = np.arange(1, 7).reshape(1, 6, 1)
    assert later(counts, 0) is counts
    assert later(counts, 2).ravel().tolist() == [0, 0, 1, 2, 3, 4]
    assert not later(counts, 7).any()
