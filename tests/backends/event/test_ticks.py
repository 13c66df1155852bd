"""True ticks: traces and membranes worked by hand, and equal to the frame-by-frame way."""

from typing import Any

import numpy as np
import pytest

from snnc.backends.event import log, session, simulate
from snnc.ir.codes import Code, ScheduleKind
from snnc.ir.graph import Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Population
from tests.backends.event.nets import one_layer, prepare, reading
from tests.backends.event.test_connections import make_conv, random_counts


def pair(code: Any, schedule: Any = "sequential", n_frames: Any = 1) -> Any:
    """Two neurons: `fire` (thresholds 2 and 5, bias -1) hears two inputs, `sum` hears `fire`."""
    output, read = reading("sum", (1,))
    fire = IntegerFire(lo=0, thresholds=np.array([[2, 5]]))
    return prepare(
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
        code=code,
        schedule=schedule,
        n_frames=n_frames,
    )


def events(trace: Any) -> Any:
    rows = zip(trace.tick, trace.population, trace.neuron, trace.payload, strict=True)
    return [tuple(int(v) for v in row) for row in rows]


def test_burst() -> None:
    """Window 3: x spikes at 0-2 and 0; `fire` holds 2 * 3 - 1 - 1 = 4 at tick 3: one spike."""
    trace = pair("burst").trace({"x": np.array([[[3, 1]]])}, membranes=True)
    assert trace.names == ("x", "fire", "sum")
    assert trace.n_ticks == 9
    assert events(trace) == [
        (0, 0, 0, 1), (0, 0, 1, 1), (1, 0, 0, 1), (2, 0, 0, 1), (3, 1, 0, 1), (6, 2, 0, -1),
    ]  # fmt: skip
    # bias -1 at tick 1 beside 2 - 1; clear after tick 3
    assert trace.membranes["fire"].ravel().tolist() == [0, 0, 2, 4, 0, 0, 0, 0, 0]
    # bias 7 and -8 at tick 4, kept to tick 6
    assert trace.membranes["sum"].ravel().tolist() == [0, 0, 0, 0, -1, -1, -1, 0, 0]


def test_graded() -> None:
    trace = pair("graded").trace({"x": np.array([[[3, 1]]])})
    assert events(trace) == [(0, 0, 0, 3), (0, 0, 1, 1), (1, 1, 0, 1), (2, 2, 0, -1)]
    assert trace.n_ticks == 3
    assert trace.membranes is None


def test_pipelined_frames_follow_each_window() -> None:
    """Frames (3, 1) and (3, 0): `fire` emits 1 from tick 3 and 2 from tick 6."""
    trace = pair("burst", "pipelined", 2).trace({"x": np.array([[[3, 1], [3, 0]]])})
    by_node = [[e for e in events(trace) if e[1] == i] for i in range(3)]
    assert [tick for tick, *_ in by_node[0]] == [0, 0, 1, 2, 3, 4, 5]
    assert by_node[1] == [(3, 1, 0, 1), (6, 1, 0, 1), (7, 1, 0, 1)]
    assert by_node[2] == [(6, 2, 0, -1), (9, 2, 0, -9)]
    assert trace.n_ticks == 12


def test_sequential_frames_wait_for_the_crossing() -> None:
    trace = pair("burst", "sequential", 2).trace({"x": np.array([[[3, 1], [3, 0]]])})
    assert [e for e in events(trace) if e[1] == 1] == [(3, 1, 0, 1), (12, 1, 0, 1), (13, 1, 0, 1)]
    assert trace.n_ticks == 18


def skipping(code: Any, schedule: Any) -> Any:
    """x -> a -> b and x -> b: in a pipeline the short way waits in a delay."""
    output, read = reading("b", (2,))
    fire = IntegerFire(lo=-2, thresholds=np.array([[-2, 0, 1, 3, 4]]))
    one = Identity(shape=(2,))
    return prepare(
        [
            Input(name="x", shape=(2,), lo=-3, hi=3),
            Population(name="a", shape=(2,), model=fire),
            Population(name="b", shape=(2,), model=Accumulator()),
            output,
        ],
        [
            Projection(name="xa", source="x", target="a", map=one),
            Projection(name="ab", source="a", target="b", map=one),
            Projection(name="xb", source="x", target="b", map=one, exponent=2),
            read,
        ],
        code=code,
        schedule=schedule,
        n_frames=5,
    )


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
def test_delayed_frames_meet_their_own(code: Code, schedule: ScheduleKind) -> None:
    x = np.array([[3, -3], [0, 1], [-2, 2], [0, 0], [1, 3]])
    trace = skipping(code, schedule).trace({"x": x[None]})
    levels = np.array([-2, 0, 1, 3, 4])
    a = -2 + (x[..., None] >= levels).sum(axis=-1)
    b = 4 * x + a
    sent = np.diff(b, axis=0, prepend=0) if code == "delta" else b
    at_b = [e for e in events(trace) if e[1] == 2]
    assert [payload for *_, payload in at_b] == sent[sent != 0].tolist()
    window = 3 if code == "burst" else 1
    period = window if schedule == "pipelined" else 3 * window
    frames = np.nonzero(sent)[0]
    assert [tick for tick, *_ in at_b] == [2 * window + period * f for f in frames.tolist()]


@pytest.mark.parametrize("membranes", [False, True])
def test_a_trace_longer_than_its_buffer(membranes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = {"x": np.random.default_rng(0).integers(-3, 4, (1, 5, 2))}
    whole = skipping("burst", "pipelined").trace(feeds, membranes=membranes)
    monkeypatch.setattr(simulate, "_ROOM", 1)
    monkeypatch.setattr(session, "LOG_ROOM", 1)
    parts = skipping("burst", "pipelined").trace(feeds, membranes=membranes)
    assert events(parts) == events(whole)
    assert len(events(whole)) > 20


@pytest.mark.parametrize(("count", "n_events"), [(512, 4 * 512 + 2), (1, 4 + 2), (0, 0)])
@pytest.mark.parametrize("most", [log.MOST, 10_000])
def test_stretches_are_short_where_counts_are_large(
    count: int, n_events: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded is what a trace is laid out as: events, and a slot for each tick of each list."""
    monkeypatch.setattr(log, "MOST", most)
    of_frame = n_events + 2 * 1023  # lists of x and y
    n_frames = 3 * most // of_frame
    net = one_layer(Dense(weight=np.ones((2, 4), dtype=np.int64)), lo=0, hi=1023, code="burst")
    x = np.full((1, n_frames, 4), count)
    found = list(net.stretches({"x": x}))
    assert sum(len(part.tick) for part in found) == n_frames * n_events
    assert len(found) == (3 if count else 0)
    for part in found:
        assert len(part.tick) // max(n_events, 1) * of_frame <= most + of_frame


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
def test_traces_without_a_clock_are_those_of_the_clock(code: Code, schedule: ScheduleKind) -> None:
    """Channels lie last in memory and first in a trace."""
    rng = np.random.default_rng(2)
    conv = make_conv(rng, 5, (3, 4, 4), (3, 3), pad=1)
    x = random_counts(rng, conv.in_shape)[:1].repeat(3, axis=1) * rng.integers(
        0, 2, (1, 3, 1, 1, 1)
    )
    kept = [
        one_layer(conv, lo=-2, hi=3, code=code, schedule=schedule, n_frames=3, mode=mode).trace(
            {"x": x}
        )
        for mode in ("frames", "ticks")
    ]
    assert events(kept[0]) == events(kept[1])
    assert len(events(kept[0])) > 100
    assert all(
        getattr(t, name).dtype == np.int64
        for t in kept
        for name in ("tick", "population", "neuron", "payload")
    )


def test_silence_has_no_events() -> None:
    trace = skipping("burst", "sequential").trace({"x": np.zeros((1, 5, 2), dtype=int)})
    assert [e for e in events(trace) if e[1] == 0] == []
    assert trace.n_ticks == 45


def test_delta_sends_changes_and_keeps_membranes() -> None:
    """x: 3 1, then 3 3 twice, then 0 1; `fire` gives 1, 1, 1, 0 and `sum` -1, -1, -1, 7."""
    feeds = {"x": np.array([[[3, 1], [3, 3], [3, 3], [0, 1]]])}
    trace = pair("delta", "pipelined", 4).trace(feeds, membranes=True)
    assert events(trace) == [
        (0, 0, 0, 3), (0, 0, 1, 1), (1, 0, 1, 2), (1, 1, 0, 1), (2, 2, 0, -1), (3, 0, 0, -3),
        (3, 0, 1, -2), (4, 1, 0, -1), (5, 2, 0, 8),
    ]  # fmt: skip
    # biases -1 and 7 join once, where the first frame's window begins
    assert trace.membranes["fire"].ravel().tolist() == [0, 4, 2, 2, -2, -2]
    assert trace.membranes["sum"].ravel().tolist() == [0, 0, -1, -1, -1, 7]
