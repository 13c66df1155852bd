"""The oracle against hand-worked ticks, events, membranes and counters."""

import numpy as np
import pytest

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.oracle import OracleEngine
from snnc.backends.oracle.engine import OracleSession
from snnc.backends.registry import get_engine
from snnc.ir.arrays import Array, Shape
from snnc.ir.codes import Code, RunSettings, ScheduleKind
from snnc.ir.errors import DataError, NotExecutable, WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire, Max
from snnc.ir.nodes import Input, Node, Output, Population, Product
from tests.runtime.models import N_IN, N_OUT, make_file


def session(
    nodes: list[Node],
    projections: list[Projection],
    code: Code = "graded",
    schedule: ScheduleKind = "sequential",
    n_frames: int = 1,
) -> OracleSession:
    graph = Graph(nodes, projections)
    return OracleEngine().prepare(graph, RunSettings(code, schedule), n_frames=n_frames)


def reading(source: str, shape: Shape) -> tuple[Output, Projection]:
    output = Output(name="out", shape=shape)
    return output, Projection(name="read", source=source, target="out", map=Identity(shape=shape))


def chain(code: Code, schedule: ScheduleKind = "sequential", n_frames: int = 1) -> OracleSession:
    """Two inputs (0 … 3), a neuron with thresholds 2 and 5, an accumulator behind it."""
    output, read = reading("sum", (1,))
    fire = IntegerFire(lo=0, thresholds=np.array([[2, 5]]))
    return session(
        [
            Input(name="x", shape=(2,), lo=0, hi=3),
            Population(name="fire", shape=(1,), model=fire, bias=np.array(-1)),
            Population(name="sum", shape=(1,), model=Accumulator(), bias=np.array(7)),
            output,
        ],
        [
            Projection(name="w", source="x", target="fire", map=Dense(weight=np.array([[2, -1]]))),
            Projection(
                name="u",
                source="fire",
                target="sum",
                map=Dense(weight=np.array([[-4]])),
                exponent=1,
            ),
            read,
        ],
        code,
        schedule,
        n_frames,
    )


def test_burst_ticks_events_and_membranes() -> None:
    trace = chain("burst").trace({"x": np.array([[[3, 1]]])}, membranes=True)
    # window 3: x spikes at ticks 0-2 and 0; `fire` integrates ticks 1-3, latches 4 at tick 3
    assert trace.names == ("x", "fire", "sum")
    events = zip(trace.tick, trace.population, trace.neuron, trace.payload, strict=True)
    assert [tuple(int(v) for v in event) for event in events] == [
        (0, 0, 0, 1),
        (0, 0, 1, 1),
        (1, 0, 0, 1),
        (2, 0, 0, 1),
        (3, 1, 0, 1),
        (6, 2, 0, -1),
    ]
    assert trace.membranes is not None
    assert trace.membranes["fire"][:, 0].tolist() == [0, 0, 2, 4, 0, 0, 0, 0, 0]
    assert trace.membranes["sum"][:, 0].tolist() == [0, 0, 0, 0, -1, -1, -1, 0, 0]
    assert trace.n_ticks == 9


def test_graded_sends_one_event_with_the_count() -> None:
    trace = chain("graded").trace({"x": np.array([[[3, 1]]])})
    assert trace.tick.tolist() == [0, 0, 1, 2]
    assert trace.payload.tolist() == [3, 1, 1, -1]
    assert trace.n_ticks == 3
    assert trace.membranes is None


@pytest.mark.parametrize(("schedule", "n_ticks"), [("sequential", 18), ("pipelined", 12)])
def test_frames_follow_each_other(schedule: ScheduleKind, n_ticks: int) -> None:
    feeds = {"x": np.array([[[3, 1], [0, 0]], [[1, 3], [3, 0]]])}
    result = chain("burst", schedule, 2).run(feeds)
    assert result.counts["fire"].reshape(2, 2).tolist() == [[1, 0], [0, 2]]
    assert result.counts["sum"].reshape(2, 2).tolist() == [[-1, 7], [7, -9]]
    assert result.n_ticks == n_ticks


def test_counters_by_hand() -> None:
    """Sample 1: payloads 3 and 1, so graded is MAC; in burst every payload is a unit."""
    feeds = {"x": np.array([[[3, 1]], [[1, 0]]])}
    graded, burst = chain("graded").run(feeds), chain("burst").run(feeds)
    assert graded.counters["w"] == Counters(3, 5, 1, 2, 4)
    assert burst.counters["w"] == Counters(5, 5, 5, 0, 4)
    # sample 2: 2 - 1 = 1 stays below the threshold
    assert graded.counters["u"] == Counters(1, 1, 1, 0, 2)
    assert graded.node_counters["x"] == NodeCounters(events=3, spikes=5)
    assert graded.node_counters["fire"] == NodeCounters(1, 1, 6, 2, 0)
    assert burst.node_counters["x"] == NodeCounters(events=5, spikes=5)
    assert burst.node_counters["fire"] == NodeCounters(1, 1, 18, 2, 0)
    assert burst.node_counters["sum"] == NodeCounters(2, 0, 18, 2, 0)


def test_a_corner_spike_reaches_fewer_synapses() -> None:
    """3 x 3 kernel, padding 1, two output channels, one zero weight in each."""
    weight = np.ones((2, 1, 3, 3), dtype=np.int64)
    weight[:, 0, 0, 0] = 0  # the centre position's own tap for the neuron below right
    conv = Conv(
        weight=weight,
        in_shape=(1, 4, 4),
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    output, read = reading("y", (2, 4, 4))
    run = session(
        [
            Input(name="x", shape=(1, 4, 4), lo=0, hi=1),
            Population(name="y", shape=(2, 4, 4), model=Accumulator()),
            output,
        ],
        [Projection(name="w", source="x", target="y", map=conv), read],
    )
    feed = np.zeros((1, 1, 1, 4, 4), dtype=np.int64)
    feed[..., 0, 0] = 1
    # a corner meets 4 of the 9 taps in each channel; the zero tap is one of them
    assert run.run({"x": feed}).counters["w"] == Counters(8, 8, 6, 0, 200)


@pytest.mark.parametrize("code", ["burst", "graded"])
def test_maximum_of_signed_counts(code: Code) -> None:
    pool = SumPool(in_shape=(1, 5), kernel=(2,), stride=(2,), padding=((0, 1),))
    output, read = reading("max", (1, 3))
    run = session(
        [
            Input(name="x", shape=(1, 5), lo=-3, hi=3),
            Population(name="max", shape=(1, 3), model=Max()),
            output,
        ],
        [Projection(name="p", source="x", target="max", map=pool), read],
        code,
    )
    result = run.run({"x": np.array([[[[-3, -2, 0, -1, -3]]]])})
    assert result.counts["max"].ravel().tolist() == [-2, 0, -3]
    n_events = {"burst": 9, "graded": 4}[code]
    assert result.node_counters["max"].max_pool_inputs == n_events
    assert result.counters["p"] == Counters()


def test_product_counts_pairs() -> None:
    output, read = reading("ab", (2, 1))
    run = session(
        [
            Input(name="a", shape=(2, 2), lo=-3, hi=3),
            Input(name="b", shape=(2, 1), lo=-3, hi=3),
            Product(name="ab", a_shape=(2, 2), b_shape=(2, 1), shape=(2, 1)),
            output,
        ],
        [
            Projection(name="pa", source="a", target="ab", map=Identity(shape=(2, 2)), port="a"),
            Projection(name="pb", source="b", target="ab", map=Identity(shape=(2, 1)), port="b"),
            read,
        ],
    )
    a, b = np.array([[[[2, -3], [0, 1]]]]), np.array([[[[2], [-1]]]])
    result = run.run({"a": a, "b": b})
    assert result.counts["ab"].ravel().tolist() == [7, -1]
    assert result.counters["ab"] == Counters(3, 8, 0, 3, 4)
    assert run.run({"a": a.clip(-1, 1), "b": b}).counters["ab"].effective_acs == 3


def test_membranes_outlive_frames_but_not_samples() -> None:
    output, read = reading("if", (1,))
    run = session(
        [
            Input(name="x", shape=(1,), lo=0, hi=3),
            Population(name="if", shape=(1,), model=FixedIntegrateFire.binary(np.array(4))),
            output,
        ],
        [Projection(name="w", source="x", target="if", map=Identity(shape=(1,))), read],
        n_frames=3,
    )
    feed = np.array([[[3], [3], [2]], [[1], [2], [1]]])
    assert run.run({"x": feed}).counts["if"][..., 0].tolist() == [[0, 1, 1], [0, 0, 1]]
    with pytest.raises(WidthExceeded, match="bounded for 3 frames, the data has 4"):
        run.run({"x": np.zeros((1, 4, 1), dtype=np.int64)})


def test_record_keeps_what_is_asked_for() -> None:
    result = chain("graded").run({"x": np.array([[[3, 1]]])}, record=["sum"])
    assert list(result.counts) == ["sum"]


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ({}, "no feed"),
        ({"x": np.zeros((1, 1, 2))}, "counts are integers, got float64"),
        ({"x": np.zeros((1, 1, 3), dtype=int)}, r"\(samples, frames, \*\(2,\)\)"),
        ({"x": np.full((1, 1, 2), 4)}, "counts run from 0 to 3, got 4"),
    ],
)
def test_feeds_are_checked(feeds: dict[str, Array], message: str) -> None:
    with pytest.raises(DataError, match=message):
        chain("graded").run(feeds)


def test_a_trace_is_of_one_sample() -> None:
    with pytest.raises(DataError, match="one sample, got 2"):
        chain("graded").trace({"x": np.zeros((2, 1, 2), dtype=int)})


def test_float_graphs_do_not_run() -> None:
    graph = Graph([Input(name="x", shape=(1,))], [], form="float")
    with pytest.raises(NotExecutable, match="integer form"):
        OracleEngine().prepare(graph, RunSettings())


def test_delta_sends_what_has_changed() -> None:
    """Counts stay, membranes stay; the bias joins at the first frame only."""
    feeds = {"x": np.array([[[3, 1], [3, 3], [3, 3], [0, 1]]])}
    trace = chain("delta", n_frames=4).trace(feeds, membranes=True)
    # x0: 3 . . -3, x1: 1 2 . -2; `fire` has 2 x0 - x1 - 1 = 4, 2, 2, -2, so 1, 1, 1, 0;
    # `sum` has 7 - 8 k = -1, -1, -1, 7; a frame takes 3 ticks
    events = zip(trace.tick, trace.population, trace.neuron, trace.payload, strict=True)
    assert [tuple(int(v) for v in event) for event in events] == [
        (0, 0, 0, 3),
        (0, 0, 1, 1),
        (1, 1, 0, 1),
        (2, 2, 0, -1),
        (3, 0, 1, 2),
        (9, 0, 0, -3),
        (9, 0, 1, -2),
        (10, 1, 0, -1),
        (11, 2, 0, 8),
    ]
    assert trace.membranes is not None
    assert trace.membranes["fire"][:, 0].tolist() == [0, 4, 4, 4, 2, 2, 2, 2, 2, 2, -2, -2]
    assert trace.membranes["sum"][:, 0].tolist() == [0, 0, *[-1] * 9, 7]
    result = chain("delta", n_frames=4).run(feeds)
    assert result.counts["sum"].ravel().tolist() == [-1, -1, -1, 7]
    # frames 1 and 2: a payload above 1 makes the tick's events multiplications
    assert result.counters["w"] == Counters(5, 11, 0, 5, 8)
    assert result.node_counters["x"] == NodeCounters(events=5, spikes=11)
    assert result.node_counters["fire"] == NodeCounters(2, 2, 12, 4, 0)


def test_delta_keeps_the_inputs_of_a_maximum_and_the_operands_of_a_product() -> None:
    """Maximum 2, 2, 1, -1 of two inputs; squares of it: 4, 4, 1, 1."""
    output, read = reading("square", (1,))
    identity = Identity(shape=(1,))
    pool = SumPool(
        weight=np.array(1), in_shape=(1, 1, 2), kernel=(1, 2), stride=(1, 2), padding=((0, 0),) * 2
    )
    s = session(
        [
            Input(name="x", shape=(1, 1, 2), lo=-3, hi=3),
            Population(name="max", shape=(1, 1, 1), model=Max()),
            Product(name="square", shape=(1,), op="multiply", a_shape=(1,), b_shape=(1,)),
            output,
        ],
        [
            Projection(name="pool", source="x", target="max", map=pool),
            Projection(name="a", source="max", target="square", port="a", map=identity),
            Projection(name="b", source="max", target="square", port="b", map=identity),
            read,
        ],
        "delta",
        n_frames=4,
    )
    feeds = {"x": np.array([[2, -3], [2, 1], [-3, 1], [-3, -1]]).reshape(1, 4, 1, 1, 2)}
    result = s.run(feeds)
    assert result.counts["max"].ravel().tolist() == [2, 2, 1, -1]
    assert result.counts["square"].ravel().tolist() == [4, 4, 1, 1]
    payloads = s.trace(feeds).payload.tolist()
    # ticks of x, max and square: 2 -3 / 2 / 4, then 4, then -5 / -1 / -3, then -2 / -2
    assert payloads == [2, -3, 2, 4, 4, -5, -1, -3, -2, -2]
    assert result.node_counters["max"] == NodeCounters(3, 5, 12, 4, 5)
    # pairs are those of the kept operands: |2 * 2| + |2 * 2| + 1 + 1
    assert result.counters["square"] == Counters(4, 10, 2, 2, 4)


def test_delta_goes_on_from_a_state() -> None:
    feeds = np.array([[[3, 1], [3, 3], [3, 3], [0, 1]]])
    s = chain("delta", n_frames=4)
    whole = s.run({"x": feeds})
    first = s.run({"x": feeds[:, :2]}, state={})
    second = s.run({"x": feeds[:, 2:]}, state=first.state)
    for name, counts in whole.counts.items():
        parts = [first.counts[name], second.counts[name]]
        assert (np.concatenate(parts, axis=1) == counts).all()
    for name, counters in whole.counters.items():
        assert first.counters[name] + second.counters[name] == counters


@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
def test_no_samples_give_no_counts(engine: str) -> None:
    graph = make_file().integer_graph
    session = get_engine(engine).prepare(graph, RunSettings())
    found = session.run({"x": np.zeros((0, 1, N_IN), np.int64)})
    assert found.n_samples == 0
    assert found.counts["scores"].shape == (0, 1, N_OUT)
    assert sum(found.counters.values(), Counters()) == Counters()
