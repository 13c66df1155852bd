"""Runs: counters worked by hand, threads, records, refusals."""

from typing import Any

import numpy as np
import pytest

from snnc.backends.base import Counters, NodeCounters
from snnc.backends.event.frames import run_frames
from snnc.backends.event.session import EventSession
from snnc.backends.event.ticks import run_ticks
from snnc.ir.codes import Code, RunSettings
from snnc.ir.errors import DataError, WidthExceeded
from snnc.ir.graph import Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire
from snnc.ir.nodes import HostOp, Input, Population, Product
from tests.backends.event.nets import MODES, engine, one_layer, prepare, reading
from tests.ir.graphs import small_graph

CODES: tuple[Code, ...] = ("graded", "burst")


def corner(groups: Any, stride: Any, mode: Any) -> Any:
    """3 x 3 kernels on 2 x 4 x 4, padding 1, four output channels; one tap of each is zero."""
    weight = np.ones((4, 2 // groups, 3, 3), dtype=np.int64)
    weight[:, 0, 0, 0] = 0
    conv = Conv(
        weight=weight, in_shape=(2, 4, 4), stride=(stride,) * 2, padding=((1, 1),) * 2,
        dilation=(1, 1), groups=groups,
    )  # fmt: skip
    session = one_layer(conv, lo=0, hi=3, mode=mode)
    feed = np.zeros((1, 1, 2, 4, 4), dtype=np.int64)
    feed[0, 0, 0, 0, 0] = 1
    return session, feed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("groups", "stride", "reached", "effective", "dense"),
    [
        # a corner meets 4 taps: output (0, 0) through tap (1, 1), …, (1, 1) through (0, 0), zero
        (1, 1, 4 * 4, 4 * 3, 100 * 4 * 2),
        # depthwise, two outputs to each channel
        (2, 1, 2 * 4, 2 * 3, 100 * 2 * 2),
        # stride 2: only output (0, 0); 2 x 2 outputs see 3 + 4 - 1 of 4 columns each way: 25
        (1, 2, 4 * 1, 4 * 1, 25 * 4 * 2),
    ],
)
def test_a_corner_spike(
    groups: Any, stride: Any, reached: Any, effective: Any, dense: Any, mode: Any
) -> None:
    session, feed = corner(groups, stride, mode)
    assert session.run({"x": feed}).counters["w"] == Counters(reached, reached, effective, 0, dense)
    assert session.run({"x": 3 * feed}).counters["w"] == Counters(
        reached, 3 * reached, 0, effective, dense
    )


@pytest.mark.parametrize("mode", MODES)
def test_one_large_payload_makes_its_tick_macs(mode: str) -> None:
    """Samples (3, 1) and (1, 0); graded decides by sample, in burst every payload is a unit."""
    feeds = {"x": np.array([[[3, 1]], [[1, 0]]])}
    dense = Dense(weight=np.array([[2, 0]]))
    graded, burst = (
        one_layer(dense, lo=0, hi=3, code=code, mode=mode).run(feeds) for code in CODES
    )
    assert graded.counters["w"] == Counters(3, 5, 1, 1, 4)
    assert burst.counters["w"] == Counters(5, 5, 4, 0, 4)
    assert graded.node_counters["x"] == NodeCounters(events=3, spikes=5)
    assert burst.node_counters["x"] == NodeCounters(events=5, spikes=5)
    # ticks 0 and 1 in graded; windows of 3 in burst; values 6 and 2 are one event each, no spikes
    assert (graded.n_ticks, burst.n_ticks) == (2, 6)
    assert graded.node_counters["y"] == NodeCounters(2, 0, 4, 2, 0)
    assert burst.node_counters["y"] == NodeCounters(2, 0, 12, 2, 0)


@pytest.mark.parametrize("mode", MODES)
def test_products(mode: str) -> None:
    output, read = reading("ab", (2, 1))
    session = prepare(
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
        mode=mode,
        code="burst",
    )
    a, b = np.array([[[[2, -3], [0, 1]]]]), np.array([[[[2], [-1]]]])
    result = session.run({"a": a, "b": b})
    assert result.counts["ab"].ravel().tolist() == [7, -1]
    # pairs 2·2, -3·-1, 1·-1; 0·2 is none
    assert result.counters["ab"] == Counters(3, 8, 0, 3, 4)
    assert session.run({"a": a.clip(-1, 1), "b": b}).counters["ab"].effective_acs == 3


@pytest.mark.parametrize("mode", MODES)
def test_elementwise_product(mode: str) -> None:
    shape = (2, 3)
    output, read = reading("ab", shape)
    one = Identity(shape=shape)
    session = prepare(
        [
            Input(name="x", shape=shape, lo=-3, hi=3),
            Product(name="ab", op="multiply", a_shape=shape, b_shape=shape, shape=shape),
            output,
        ],
        [
            Projection(name="pa", source="x", target="ab", map=one, port="a"),
            Projection(name="pb", source="x", target="ab", map=one, port="b"),
            read,
        ],
        mode=mode,
    )
    x = np.array([[[[1, -2, 0], [3, 0, -1]]]])
    result = session.run({"x": x})
    assert (result.counts["ab"] == x * x).all()
    assert result.counters["ab"] == Counters(4, 15, 0, 4, 6)


@pytest.mark.parametrize("mode", MODES)
def test_threads_change_nothing(mode: str) -> None:
    graph = small_graph()
    feeds = {"x": np.random.default_rng(0).integers(0, 5, (37, 2, 1, 6, 6))}
    settings = RunSettings("burst", "pipelined")
    alone, together = (
        engine(mode, jobs).prepare(graph, settings, n_frames=2).run(feeds) for jobs in (1, 4)
    )
    assert all((alone.counts[n] == together.counts[n]).all() for n in alone.counts)
    assert alone.counters == together.counters
    assert alone.node_counters == together.node_counters


def test_a_session_runs_again_as_if_new() -> None:
    session = one_layer(
        Identity(shape=(1,)), lo=0, hi=3, model=FixedIntegrateFire.binary(np.array(4)), n_frames=3
    )
    feeds = {"x": np.array([[[3], [3], [2]], [[1], [2], [1]]])}
    first, second = session.run(feeds), session.run(feeds)
    assert first.counts["y"][..., 0].tolist() == [[0, 1, 1], [0, 0, 1]]
    assert (first.counts["y"] == second.counts["y"]).all()
    assert first.counters == second.counters
    with pytest.raises(WidthExceeded, match="bounded for 3 frames, the data has 4"):
        session.run({"x": np.zeros((1, 4, 1), dtype=np.int64)})


def test_record_keeps_what_is_asked_for() -> None:
    session = one_layer(Identity(shape=(2,)), lo=0, hi=3)
    x = np.array([[[3, 1]]])
    assert list(session.run({"x": x}).counts) == ["x", "y"]
    assert list(session.run({"x": x}, record=["y"]).counts) == ["y"]
    assert session.run({"x": x}, record=[]).counts == {}


def test_feeds_are_left_alone() -> None:
    x = np.array([[[3, 1]]])
    x.flags.writeable = False
    session = one_layer(Identity(shape=(2,)), lo=0, hi=3)
    assert session.run({"x": x}).counts["y"].tolist() == [[[3, 1]]]
    assert session.run({"x": x.astype(np.uint8)}).counts["y"].tolist() == [[[3, 1]]]


def test_no_samples() -> None:
    session = one_layer(Identity(shape=(2,)), lo=0, hi=3)
    result = session.run({"x": np.zeros((0, 1, 2), dtype=np.int64)})
    assert result.counts["y"].shape == (0, 1, 2)
    assert result.counters["w"] == Counters()


@pytest.mark.parametrize("mode", MODES)
def test_a_prepared_session_has_compiled(mode: str) -> None:
    session = one_layer(Identity(shape=(2,)), lo=0, hi=3, mode=mode)
    kernel: Any = run_ticks if mode == "ticks" else run_frames
    compiled = len(kernel.signatures)
    assert compiled
    session.run({"x": np.ones((1, 1, 2), dtype=np.int64)})
    assert len(kernel.signatures) == compiled


def test_a_trace_is_of_one_sample() -> None:
    session = one_layer(Identity(shape=(2,)), lo=0, hi=3)
    with pytest.raises(DataError, match="one sample, got 2"):
        session.trace({"x": np.zeros((2, 1, 2), dtype=int)})


def test_host_operators_feed_counts_and_values() -> None:
    output, read = reading("y", (2,))
    nodes = [
        Input(name="raw", shape=(2,), grid=False),
        HostOp(name="k", shape=(2,), onnx="a.onnx", result="count", lo=-3, hi=3),
        HostOp(name="v", shape=(2,), onnx="b.onnx", result="value", lo=-99, hi=99),
        Population(name="y", shape=(2,), model=Accumulator()),
        output,
    ]
    one = Identity(shape=(2,))
    projections = [
        Projection(name="rk", source="raw", target="k", map=one),
        Projection(name="rv", source="raw", target="v", map=one),
        Projection(name="ky", source="k", target="y", map=one),
        Projection(name="vy", source="v", target="y", map=one),
        read,
    ]
    session = prepare(nodes, projections, code="burst")
    assert isinstance(session, EventSession)
    feeds = {"k": np.array([[[3, -2]]]), "v": np.array([[[50, 0]]])}
    result = session.run(feeds)
    assert result.counts["y"].tolist() == [[[53, -2]]]
    assert result.node_counters["k"].events == 5
    assert result.node_counters["v"] == NodeCounters(events=1)
    trace = session.trace(feeds)
    assert trace.names == ("k", "v", "y")
    assert trace.payload[trace.population == 1].tolist() == [50]
