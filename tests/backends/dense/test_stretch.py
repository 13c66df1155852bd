"""Stretches of frames: the integers of frame after frame, of the oracle and of the event engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from snnc.backends.base import SessionState
from snnc.backends.conformance import EngineConformance, differences
from snnc.backends.conformance.cases import Case, cases, is_executable
from snnc.backends.conformance.compare import array_differences
from snnc.backends.conformance.recipes import integer_models, make_model
from snnc.backends.dense import DenseEngine, execute, frames
from snnc.backends.dense.engine import LARGEST_STRETCH
from snnc.backends.dense.execute import Executor
from snnc.backends.dense.nodes import MODELS
from snnc.backends.dense.program import compile_graph
from snnc.backends.dense.stretch import Loop, plan, stretched
from snnc.backends.event import EventEngine
from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import NEURONS, Accumulator, FixedIntegrateFire, IntegerFire, NeuronModel
from snnc.ir.nodes import Input, Node, Output, Population

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
KINDS = [kind for kind in integer_models() if NEURONS[kind] in MODELS and kind != "max"]


@pytest.fixture(autouse=True, scope="module")
def at_once() -> Iterator[None]:
    """Stretches from the first frame on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "PATIENCE", 0)
        yield


class InStretches(EngineConformance):
    engine_name = "dense"


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(cases())
def test_graphs_of_the_conformance_suite(case: Case) -> None:
    InStretches().check(case)


def dense(rng: np.random.Generator, n_out: int, n_in: int) -> Dense:
    return Dense(weight=rng.integers(-4, 6, (n_out, n_in)))


def random_graph(rng: np.random.Generator) -> Graph:
    """Up to four populations of any kind in a row, with shortcuts, late synapses and loops."""
    sizes = {"x": 3}
    for n in range(rng.integers(1, 5)):
        wide = rng.random() < 0.3  # from 64 on, products are those of bytes
        sizes[f"p{n}"] = int(rng.choice([64, 70]) if wide else rng.integers(1, 6))
    nodes: list[Node] = [Input(name="x", shape=(3,), lo=-1, hi=2)]
    for name in list(sizes)[1:]:
        i = rng.integers(-12, 25, (30, sizes[name]))
        model = make_model(str(rng.choice(KINDS)), i, 0, rng)
        bias = rng.integers(-3, 4, sizes[name])
        nodes.append(Population(name=name, shape=(sizes[name],), model=model, bias=bias))
    names = list(sizes)
    ends = [(names[n], names[n + 1], 0) for n in range(len(names) - 1)]
    for _ in range(rng.integers(0, 4)):
        source, target = (int(n) for n in rng.integers(0, len(names), 2))
        ends.append((names[source], names[max(1, target)], int(rng.integers(1, 4))))
    projections = [
        Projection(
            name=f"{n}: {a} to {b}",
            source=a,
            target=b,
            map=dense(rng, sizes[b], sizes[a]),
            frames=f,
        )
        for n, (a, b, f) in enumerate(ends)
    ]
    last = names[-1]
    nodes.append(Output(name="y", shape=(sizes[last],)))
    read = Projection(name="read", source=last, target="y", map=Identity(shape=(sizes[last],)))
    return Graph(nodes, [*projections, read]).validate()


def made(session: Any) -> list[int]:
    return sorted(session.stretches._executors)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_frames=st.integers(1, 21),
    batch=st.sampled_from([1, 2, 8]),
    code=st.sampled_from(["graded", "burst", "delta"]),
)
def test_loops_of_any_kind(seed: int, n_frames: int, batch: int, code: Any) -> None:
    rng, how = np.random.default_rng(seed), RunSettings(code)
    try:
        graph = random_graph(rng)
    except GraphError:  # values that are passed on in a loop
        reject()
    if not is_executable(graph, how, n_frames):
        reject()
    feeds = {"x": rng.integers(-1, 3, (3, n_frames, 3))}
    session = DenseEngine(1, batch).prepare(graph, how, n_frames=n_frames)
    expected = OracleEngine().prepare(graph, how, n_frames=n_frames).run(feeds)
    assert not differences(expected, session.run(feeds))
    in_stretches = n_frames > 1 and bool(session.program.states)
    assert in_stretches == (made(session) != [1])


def ring(n: int = 5) -> Graph:
    """x -> a (on itself) -> c -> b (a membrane) -> out: a loop, a layer, a loop, a layer."""
    rng = np.random.default_rng(1)
    fires = IntegerFire(lo=0, thresholds=np.array([[2, 7]]))
    models: dict[str, NeuronModel] = {
        "a": fires,
        "c": fires,
        "b": FixedIntegrateFire.binary(np.array(6)),
        "out": Accumulator(),
    }
    ends = [("x", "a", 0), ("a", "a", 1), ("a", "c", 0), ("c", "b", 0), ("b", "out", 0)]
    return Graph(
        [
            Input(name="x", shape=(n,), lo=0, hi=3),
            *(Population(name=name, shape=(n,), model=model) for name, model in models.items()),
            Output(name="y", shape=(n,)),
        ],
        [
            *(
                Projection(name=f"{a}-{b}", source=a, target=b, map=dense(rng, n, n), frames=f)
                for a, b, f in ends
            ),
            Projection(name="read", source="out", target="y", map=Identity(shape=(n,))),
        ],
    ).validate()


def feed_forward() -> Graph:
    """As `ring`, without what it keeps from frame to frame."""
    graph = ring()
    return graph.replace(
        nodes=[
            n if n.name != "b" else Population(name="b", shape=n.shape, model=Accumulator())
            for n in graph.nodes.values()
        ],
        projections=[p for p in graph.projections.values() if p.name != "a-a"],
    )


def test_only_loops_are_copied() -> None:
    """One matrix product of five is on a loop; a membrane is another loop, without a product."""
    program = compile_graph(ring(), RunSettings(), 8)
    steps = plan(program)
    loops = [step for step in steps.steps if isinstance(step, Loop)]
    assert [step.states for step in loops] == [("past 1:a",), ("state:b:v",)]
    longer = stretched(program, steps, 4)
    products = [
        sum(node.op_type == "MatMul" for node in each.builder.nodes) for each in (program, longer)
    ]
    assert products == [5, 5 - 1 + 4]


def test_in_delta_a_network_without_loops_has_none() -> None:
    """What was sent last is a tensor of all frames, one frame late."""
    program = compile_graph(feed_forward(), RunSettings("delta"), 8)
    assert program.states
    assert not any(isinstance(step, Loop) for step in plan(program).steps)


def test_a_run_goes_on_within_and_between_stretches() -> None:
    graph = ring().replace(projections=[p for p in ring().projections.values() if p.name != "a-a"])
    x = np.random.default_rng(2).integers(0, 4, (3, 23, 5))
    for code in ("graded", "delta"):
        how = RunSettings(code)
        whole = EventEngine(1).prepare(graph, how, n_frames=23).run({"x": x}, state={})
        running, parts = DenseEngine(1).prepare(graph, how, n_frames=23), []
        state: SessionState = {}
        for first, last in ((0, 7), (7, 8), (8, 23)):
            part = running.run({"x": x[:, first:last]}, state=state)
            parts.append(part)
            state = part.state or {}
        for name, counts in whole.counts.items():
            assert np.array_equal(counts, np.concatenate([p.counts[name] for p in parts], axis=1))
        assert whole.state is not None
        for name, held in whole.state.items():
            assert not array_differences(held, state[name])


def test_lengths_are_powers_of_two_and_memory_does_not_grow_with_frames() -> None:
    one = Executor(compile_graph(ring(), RunSettings(), 100), 1)
    stretches = frames.Stretches(one, rows=40)
    assert list(stretches.lengths(31, 1)) == [16, 8, 4, 2, 1]
    assert list(stretches.lengths(100, 1)) == [16] * 6 + [4]
    assert list(stretches.lengths(11, 10)) == [4, 4, 2, 1]
    assert list(stretches.lengths(3, 40)) == [1, 1, 1]
    assert list(stretches.lengths(2, 99)) == [1, 1]


def test_frames_are_added_to_rows_where_there_is_state_and_little_of_it() -> None:
    graph, engine = ring(), DenseEngine(1)
    assert engine.rows(graph, RunSettings()) == 128 * frames.MOST_FRAMES
    wide, n = ring(100), 100 * len(graph.nodes)
    assert engine.rows(wide, RunSettings()) == LARGEST_STRETCH // n < 128 * frames.MOST_FRAMES
    assert engine.rows(ring(500), RunSettings()) == 128
    assert engine.rows(feed_forward(), RunSettings()) == 128
    assert engine.rows(feed_forward(), RunSettings("delta")) == 128 * frames.MOST_FRAMES


def test_heavy_weights_are_copied_into_few_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One frame and the longest; what is left over goes one by one."""
    program = compile_graph(ring(), RunSettings(), 100)
    size = sum(tensor.ByteSize() for tensor in program.builder.constants.values())
    monkeypatch.setattr(frames, "MOST_CONSTANTS", 2 * size)
    stretches = frames.Stretches(Executor(program, 1), rows=40)
    found = []
    for length in stretches.lengths(23, 1):
        stretches.executor(length)
        found.append(length)
    assert found == [16] + [1] * 7
    monkeypatch.setattr(frames, "MOST_CONSTANTS", size)
    alone = frames.Stretches(Executor(program, 1), rows=40)
    assert list(alone.lengths(9, 1)) == [1] * 9


def test_short_runs_do_not_wait_for_long_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session for each length costs more than a few frames one by one."""
    session = DenseEngine(1).prepare(ring(), RunSettings(), n_frames=8)
    operators = plan(session.program).operators(8)
    monkeypatch.setattr(frames, "PATIENCE", 10 / operators**2)
    x = np.random.default_rng(3).integers(0, 4, (2, 8, 5))
    results = []
    for made_by_now in (False, False, True):
        results.append(session.run({"x": x}))
        assert (8 in made(session)) == made_by_now
    assert not differences(results[0], results[1])
    assert not differences(results[0], results[2])


def test_a_program_holds_every_weight_once() -> None:
    """What was built on the way to a better form is gone."""
    graph, uneven = ring(), IntegerFire(lo=0, thresholds=np.array([[0, 1, 9]]))
    nodes = [
        replace(node, model=uneven)
        if isinstance(node, Population) and isinstance(node.model, IntegerFire)
        else node
        for node in graph.nodes.values()
    ]
    builder = compile_graph(graph.replace(nodes=nodes), RunSettings(), 8).builder
    shapes = [tuple(tensor.dims) for tensor in builder.constants.values()]
    assert shapes.count((5, 5)) == 5
    assert {name for node in builder.nodes for name in node.input} >= set(builder.constants)


def test_names_of_frames_are_nobody_elses() -> None:
    """Nodes may be called whatever they like."""
    graph = ring()
    names = {"x": "frame 1 of feed:x", "a": "first past 1:b", "b": "b@1"}

    def named(name: str) -> str:
        return names.get(name, name)

    odd = graph.replace(
        nodes=[replace(n, name=named(n.name)) for n in graph.nodes.values()],
        projections=[
            replace(p, source=named(p.source), target=named(p.target))
            for p in graph.projections.values()
        ],
    )
    x = np.random.default_rng(3).integers(0, 4, (2, 8, 5))
    for code in ("graded", "delta"):
        plain, other = (
            DenseEngine(1).prepare(g, RunSettings(code), n_frames=8) for g in (graph, odd)
        )
        expected, got = plain.run({"x": x}), other.run({names["x"]: x})
        assert made(other) == [1, 8]
        for name, counts in expected.counts.items():
            assert np.array_equal(counts, got.counts[named(name)])


@pytest.mark.parametrize(("most", "longest"), [(20, 1), (50, 2), (70, 4), (1000, 16)])
def test_stretches_fit_one_session(
    monkeypatch: pytest.MonkeyPatch, most: int, longest: int
) -> None:
    for module in (frames, execute):
        monkeypatch.setattr(module, "MOST_NODES", most)
    x = np.random.default_rng(3).integers(0, 4, (2, 20, 5))
    session = DenseEngine(1).prepare(ring(), RunSettings(), n_frames=20)
    result = session.run({"x": x})
    assert made(session)[-1] == longest
    for executor in list(session.stretches._executors.values())[1:]:
        assert [len(stages) for stages in executor._sessions.values()] == [1]
    expected = OracleEngine().prepare(ring(), RunSettings(), n_frames=20).run({"x": x})
    assert not differences(expected, result)


def test_counters_inside_of_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over rows are then tensors of the graph: of all frames of a stretch."""
    monkeypatch.setattr("snnc.backends.dense.program.MOST_SEEN", 0)
    x = np.random.default_rng(3).integers(0, 4, (3, 11, 5))
    for how in (RunSettings(), RunSettings("delta")):
        session = DenseEngine(1).prepare(ring(), how, n_frames=11)
        assert session.program.sums
        expected = OracleEngine().prepare(ring(), how, n_frames=11).run({"x": x})
        assert not differences(expected, session.run({"x": x}))


@pytest.mark.parametrize(("lo", "held"), [(0, "u1"), (-1, "f4")])
@pytest.mark.parametrize("code", ["graded", "delta"])
@pytest.mark.parametrize("back", [1, 2])
def test_a_wide_loop_carries_bytes(lo: int, held: str, code: Any, back: int) -> None:
    """Counts that are no bytes stay float32; the layer behind takes both."""
    rng, n = np.random.default_rng(4), 64
    fires = IntegerFire(lo=lo, thresholds=np.sort(rng.integers(-9, 40, (n, 3))))
    leaks = FixedIntegrateFire(
        lo=lo,
        thresholds=np.array([300, 700]) + 600 * lo,
        reset_step=np.array(300),
        reset="zero",
        reset_value=np.array(-3),
        fraction_bits=2,
        leak_multiplier=np.array(3),
        leak_shift=2,
    )
    ends = [("x", "a", 0), ("a", "a", back), ("a", "b", 0), ("b", "b", back), ("a", "b", back)]
    graph = Graph(
        [
            Input(name="x", shape=(3,), lo=0, hi=3),
            Population(name="a", shape=(n,), model=fires),
            Population(name="b", shape=(n,), model=leaks, bias=rng.integers(-5, 6, n)),
            Output(name="y", shape=(n,)),
        ],
        [
            *(
                Projection(
                    name=f"{k}",
                    source=s,
                    target=t,
                    map=dense(rng, n, 3 if s == "x" else n),
                    frames=f,
                )
                for k, (s, t, f) in enumerate(ends)
            ),
            Projection(name="read", source="b", target="y", map=Identity(shape=(n,))),
        ],
    ).validate()
    how = RunSettings(code)
    x = rng.integers(0, 4, (3, 13, 3))
    session = DenseEngine(1).prepare(graph, how, n_frames=13)
    program = session.program
    assert {program.builder.types[name] for name in program.states if "past" in name} == (
        {held} if code == "graded" else {held, "f4"}
    )
    result = session.run({"x": x})
    assert np.ptp(result.counts["b"], axis=1).any()
    assert not differences(OracleEngine().prepare(graph, how, n_frames=13).run({"x": x}), result)


@pytest.mark.parametrize("code", ["graded", "delta"])
def test_late_bytes_of_a_staircase_that_begins_below_zero(code: Any) -> None:
    """Its levels begin at -1, its counts at 0: bytes at hand are one more than the counts."""
    rng, shape = np.random.default_rng(2), (4, 4, 4)
    ones = Conv(
        weight=np.ones((4, 4, 1, 1), np.int64),
        in_shape=shape,
        stride=(1, 1),
        padding=((0, 0), (0, 0)),
        dilation=(1, 1),
        groups=1,
    )
    graph = Graph(
        [
            Input(name="x", shape=shape, lo=0, hi=3),
            Population(
                name="a", shape=shape, model=IntegerFire(lo=-1, thresholds=np.array([[-5, 4]]))
            ),
            Population(name="b", shape=(5,), model=Accumulator()),
            Output(name="y", shape=(5,)),
        ],
        [
            Projection(name="x-a", source="x", target="a", map=ones),
            Projection(name="a-b", source="a", target="b", map=dense(rng, 5, 64), frames=1),
            Projection(name="read", source="b", target="y", map=Identity(shape=(5,))),
        ],
    ).validate()
    x = rng.integers(0, 2, (3, 9, *shape))
    how = RunSettings(code)
    session = DenseEngine(1).prepare(graph, how, n_frames=9)
    assert session.program.builder.types["past 1:a"] == "u1"
    result = session.run({"x": x})
    assert set(np.unique(result.counts["a"])) == {0, 1}
    assert not differences(OracleEngine().prepare(graph, how, n_frames=9).run({"x": x}), result)


def test_until_a_session_pays_the_longest_that_is_there_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stretches = frames.Stretches(Executor(compile_graph(ring(), RunSettings(), 100), 1), rows=40)
    stretches.executor(4)
    monkeypatch.setattr(frames, "PATIENCE", 1e9)
    assert list(stretches.lengths(11, 1)) == [4, 4, 1, 1, 1]
