"""Projections that bring what an earlier frame emitted: engines against a loop over synapses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.backends.base import Engine
from snnc.backends.conformance.compare import differences, trace_differences
from snnc.backends.dense.engine import DenseEngine
from snnc.backends.event import EventEngine
from snnc.backends.oracle import OracleEngine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError, NotExecutable
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.ranges import analyse
from snnc.ir.schedule import make_schedule

ENGINES: list[Any] = [
    OracleEngine(),
    EventEngine(1),
    EventEngine(1, tick_by_tick=True),
    EventEngine(1, method="scatter"),
    EventEngine(1, method="gather"),
    DenseEngine(threads=1),
]
SETTINGS = [
    RunSettings(code, schedule)
    for code in ("graded", "burst", "delta")
    for schedule in ("sequential", "pipelined")
]
FRAMES = 6


def loop_graph(rng: np.random.Generator, *, back: int = 1, by_two: bool = False) -> Graph:
    """x -> a (0 … 2, with synapses on itself) -> b (IF) -> head; x reaches b late as well.

    Args:
        back: frames after which a meets its own counts.
        by_two: b reaches a, too: a loop through two populations.
    """

    def dense(n_out: int, n_in: int) -> Dense:
        return Dense(weight=rng.integers(-4, 6, (n_out, n_in)))

    ends = [
        ("x", "a", dense(5, 4), 0),
        ("a", "a", dense(5, 5), back),
        ("a", "b", dense(3, 5), 0),
        ("x", "b", dense(3, 4), 2),
        ("b", "head", dense(2, 3), 0),
        ("a", "head", dense(2, 5), 1),
    ]
    if by_two:
        ends.append(("b", "a", dense(5, 3), 1))
    return Graph(
        [
            Input(name="x", shape=(4,), lo=-1, hi=2),
            Population(
                name="a",
                shape=(5,),
                model=IntegerFire(lo=0, thresholds=np.array([[2, 7]])),
                bias=np.array([1, 0, -1, 2, 0]),
            ),
            Population(name="b", shape=(3,), model=FixedIntegrateFire.binary(np.array(6))),
            Population(name="head", shape=(2,), model=Accumulator()),
            Output(name="y", shape=(2,)),
        ],
        [
            *(
                Projection(name=f"{s}->{t}", source=s, target=t, map=m, frames=f)
                for s, t, m, f in ends
            ),
            Projection(name="read", source="head", target="y", map=Identity(shape=(2,))),
        ],
    ).validate()


def by_hand(graph: Graph, x: IntArray) -> dict[str, IntArray]:
    """Counts of every frame of one sample, x (T, 4): the equations, written out."""
    weight = {name: p.map.weight for name, p in graph.projections.items()}
    past: dict[str, list[IntArray]] = {"x": [], "a": [], "b": [], "head": []}
    v = np.zeros(3, dtype=np.int64)
    for t in range(len(x)):
        past["x"].append(x[t])
        total = {name: np.zeros(n, dtype=np.int64) for name, n in (("a", 5), ("b", 3), ("head", 2))}
        for name in ("a", "b", "head"):
            for p in graph.incoming(name):
                if t >= p.frames:
                    total[name] += weight[p.name] @ past[p.source][t - p.frames]
            if name == "a":
                i = total["a"] + np.array([1, 0, -1, 2, 0])
                past["a"].append((i >= 2).astype(np.int64) + (i >= 7))
            elif name == "b":
                v += total["b"]
                past["b"].append((v >= 6).astype(np.int64))
                v -= 6 * past["b"][-1]
            else:
                past["head"].append(total["head"])
    return {name: np.array(values) for name, values in past.items()}


@pytest.mark.parametrize(("back", "by_two"), [(1, False), (2, False), (1, True)])
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.code}-{s.schedule}")
def test_engines_give_the_loops_counts(settings: RunSettings, back: int, by_two: bool) -> None:
    rng = np.random.default_rng(back)
    graph = loop_graph(rng, back=back, by_two=by_two)
    x = rng.integers(-1, 3, (3, FRAMES, 4))
    if by_two and settings.schedule == "pipelined":
        with pytest.raises(NotExecutable, match="closes a loop that takes"):
            make_schedule(graph, settings)
        return
    expected = [by_hand(graph, sample) for sample in x]
    results = [run(engine, graph, settings, x) for engine in ENGINES]
    for result in results:
        for name in ("a", "b", "head"):
            assert np.array_equal(result.counts[name], [e[name] for e in expected])
        assert differences(results[0], result) == []


def run(engine: Engine, graph: Graph, settings: RunSettings, x: IntArray) -> Any:
    return engine.prepare(graph, settings, n_frames=FRAMES).run({"x": x})


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: f"{s.code}-{s.schedule}")
def test_traces_agree(settings: RunSettings) -> None:
    rng = np.random.default_rng(7)
    graph = loop_graph(rng, back=2)
    x = rng.integers(-1, 3, (1, FRAMES, 4))
    traces = [
        engine.prepare(graph, settings, n_frames=FRAMES).trace({"x": x}, membranes=True)
        for engine in ENGINES[:2]
    ]
    assert trace_differences(*traces) == []


@pytest.mark.parametrize(
    "engine", ENGINES, ids=["oracle", "event", "ticks", "scatter", "gather", "dense"]
)
def test_what_never_arrives_is_not_counted(engine: Engine) -> None:
    """It was emitted, but a sample's end comes first: it reaches no synapse of any sample."""
    rng = np.random.default_rng(3)
    graph = loop_graph(rng)
    x = rng.integers(0, 3, (2, FRAMES, 4))
    counts = [by_hand(graph, sample) for sample in x]
    a, b = (np.stack([c[name] for c in counts]) for name in ("a", "x"))
    assert a[:, -1].any()
    result = run(engine, graph, RunSettings(), x)
    to_itself, late = result.counters["a->a"], result.counters["x->b"]
    assert to_itself.synaptic_events == 5 * np.count_nonzero(a[:, :-1])
    assert to_itself.unit_spike_operations == 5 * a[:, :-1].sum()
    assert late.synaptic_events == 3 * np.count_nonzero(b[:, :-2])
    assert result.node_counters["a"].events == np.count_nonzero(a)
    # the non-spiking network multiplies in every frame, by the zeros before the first one, too
    assert to_itself.dense_macs == 2 * FRAMES * 25


def test_a_convolution_on_itself() -> None:
    """Routes and pixel layouts: a window on the population's own map of the frame before."""
    rng = np.random.default_rng(5)
    conv = Conv(
        weight=rng.integers(-3, 4, (2, 2, 3, 3)),
        in_shape=(2, 4, 4),
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    first = Conv(
        weight=rng.integers(-2, 4, (2, 1, 1, 1)),
        in_shape=(1, 4, 4),
        stride=(1, 1),
        padding=((0, 0), (0, 0)),
        dilation=(1, 1),
    )
    graph = Graph(
        [
            Input(name="x", shape=(1, 4, 4), lo=0, hi=3),
            Population(
                name="a", shape=(2, 4, 4), model=IntegerFire(lo=-1, thresholds=np.array([[-3, 4]]))
            ),
            Output(name="y", shape=(2, 4, 4)),
        ],
        [
            Projection(name="x->a", source="x", target="a", map=first),
            Projection(name="a->a", source="a", target="a", map=conv, frames=1),
            Projection(name="read", source="a", target="y", map=Identity(shape=(2, 4, 4))),
        ],
    ).validate()
    x = rng.integers(0, 4, (2, FRAMES, 1, 4, 4))
    state = np.zeros((2, 2, 4, 4), dtype=np.int64)
    expected = []
    for t in range(FRAMES):
        i = first.apply(x[:, t]) + conv.apply(state)
        state = -1 + (i >= -3) + (i >= 4)
        expected.append(state)
    for settings in SETTINGS:
        results = [run(engine, graph, settings, x) for engine in ENGINES]
        for result in results:
            assert np.array_equal(result.counts["a"], np.stack(expected, axis=1))
            assert differences(results[0], result) == []


def test_a_loop_is_bounded_by_its_counts() -> None:
    graph = loop_graph(np.random.default_rng(0))
    bounds = analyse(graph)["a"]
    at_x, on_itself = graph.projections["x->a"].map.weight, graph.projections["a->a"].map.weight
    up, down = np.maximum(at_x, 0).sum(axis=1), np.minimum(at_x, 0).sum(axis=1)
    highest = 2 * up - down + 2 * np.maximum(on_itself, 0).sum(axis=1) + [1, 0, -1, 2, 0]
    assert np.array_equal(bounds.i_hi, highest)


def changed(**more: Any) -> Graph:
    graph = loop_graph(np.random.default_rng(0))
    ends: dict[str, Any] = {
        "source": "head",
        "target": "a",
        "map": Dense(weight=np.ones((5, 2), int)),
    }
    extra = Projection(name="extra", **(ends | more))
    return graph.replace(projections=[*graph.projections.values(), extra])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"frames": 1}, "passes values on in a loop"),
        ({"source": "b", "map": Dense(weight=np.ones((5, 3), dtype=int)), "frames": -1}, "frames"),
        (
            {
                "source": "a",
                "map": Dense(weight=np.ones((5, 5), dtype=int)),
                "frames": 1,
                "delay": 1,
            },
            "no delay|none of its own",
        ),
    ],
)
def test_what_cannot_be(more: dict[str, Any], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        changed(**more).validate()


def test_a_cycle_within_a_frame_is_refused() -> None:
    with pytest.raises(GraphError, match="cycle within one frame"):
        changed()


@pytest.mark.parametrize("engine", ENGINES)
def test_runs_do_not_go_on_where_another_ended(engine: Any) -> None:
    graph = loop_graph(np.random.default_rng(0))
    x = np.zeros((1, 2, 4), dtype=np.int64)
    session = engine.prepare(graph, RunSettings(), n_frames=2)
    with pytest.raises(NotExecutable, match="cannot go on from the state of another"):
        session.run({"x": x}, state={})
