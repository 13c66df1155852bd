"""Values handed on whole, against the oracle: every kind of reader of one stream at once."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Node, Output, Population
from tests.backends.event.nets import MODES, engine

SHAPE = (3, 4, 5)
FRAMES = 3
READERS = ("stream", "fires", "weighed", "conv", "turned", "part", "delayed", "dense")
WHOLE = {"stream", "fires", "weighed"}
"""Readers that take neuron n to neuron n in the same frame."""


def fire(name: str, shape: Any = SHAPE) -> Population:
    thresholds = np.array([[-2, 1, 3]])
    return Population(name=name, shape=shape, model=IntegerFire(lo=-1, thresholds=thresholds))


def reader(kind: str) -> tuple[Population, dict[str, Any]]:
    """A population that reads the values of `a`, and how."""
    rng, size = np.random.default_rng(1), int(np.prod(SHAPE))
    same: dict[str, Any] = {"map": Identity(shape=SHAPE)}
    if kind == "stream":
        return Population(name=kind, shape=SHAPE, model=Accumulator()), same
    if kind == "weighed":
        weight = np.array([2, -3, 1])
        by_channel = Identity(shape=SHAPE, weight=weight, channel_axis=0)
        return fire(kind), {"map": by_channel, "exponent": 1}
    if kind == "conv":
        weight = rng.integers(-3, 4, (3, 3, 3, 3))
        window: dict[str, Any] = {"stride": (1, 1), "padding": ((1, 1), (1, 1))}
        map_ = Conv(in_shape=SHAPE, weight=weight, dilation=(1, 1), groups=1, **window)
        return fire(kind), {"map": map_}
    if kind == "turned":
        return fire(kind), same | {"gather": np.arange(size)[::-1].copy()}
    if kind == "part":
        return fire(kind), same | {"gather": np.where(np.arange(size) % 3, np.arange(size), -1)}
    if kind == "delayed":
        return fire(kind), same | {"frames": 1}
    if kind == "dense":
        return fire(kind, (2,)), {"map": Dense(weight=rng.integers(-2, 3, (2, size)))}
    return fire(kind), same


def pointwise(seed: int) -> Conv:
    weight = np.random.default_rng(seed).integers(-2, 3, (3, 3, 1, 1))
    window: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0), (0, 0))}
    return Conv(in_shape=SHAPE, weight=weight, dilation=(1, 1), groups=1, **window)


def stream(kinds: Any, *, channels_last: bool = False) -> Graph:
    """Input x -> values a -> readers of some kinds, of which the first is the output's source.

    Args:
        channels_last: convolutions before and behind let `a` and its readers lie channel last.
    """
    read = [reader(kind) for kind in kinds]
    into = pointwise(2) if channels_last else Identity(shape=SHAPE)
    nodes: list[Node] = [
        Input(name="x", shape=SHAPE, lo=-4, hi=4),
        Population(name="a", shape=SHAPE, model=Accumulator(), bias=np.array([0, 1, -1])),
        *(node for node, _ in read),
        Output(name="out", shape=read[0][0].shape),
    ]
    projections = [
        Projection(name="x-a", source="x", target="a", map=into),
        *(Projection(name=f"a-{n.name}", source="a", target=n.name, **how) for n, how in read),
        Projection(name="read", source=kinds[0], target="out", map=Identity(shape=nodes[-1].shape)),
    ]
    for node, _ in read:
        if channels_last and node.shape == SHAPE:
            behind = f"{node.name}-behind"
            nodes.append(fire(behind))
            projections.append(
                Projection(name=behind, source=node.name, target=behind, map=pointwise(3))
            )
    return Graph(nodes, projections)


@settings(deadline=None, max_examples=25)
@given(
    kinds=st.lists(st.sampled_from(READERS), min_size=1, unique=True),
    code=st.sampled_from(("graded", "burst", "delta")),
    mode=st.sampled_from(MODES),
    recorded=st.sampled_from(("all", "output", "values")),
    zeros=st.sampled_from((0.0, 0.5, 0.97, 1.0)),
    channels_last=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_all_readers_hear_the_same(
    kinds: Any, code: Any, mode: Any, recorded: Any, zeros: Any, channels_last: Any, seed: Any
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, (2, FRAMES, *SHAPE)) * (rng.random((2, FRAMES, *SHAPE)) >= zeros)
    graph, how = stream(kinds, channels_last=channels_last), RunSettings(code)
    names = {"all": None, "output": (kinds[0],), "values": ("a",)}[recorded]
    expected = OracleEngine().prepare(graph, how, n_frames=FRAMES).run({"x": x}, record=names)
    session = engine(mode).prepare(graph, how, n_frames=FRAMES)
    got = session.run({"x": x}, record=names)
    assert got.counts.keys() == expected.counts.keys()
    for name, counts in expected.counts.items():
        assert (got.counts[name] == counts).all(), name
    assert got.counters == expected.counters
    assert got.node_counters == expected.node_counters
    assert session.run({"x": x}, record=()).counters == expected.counters  # nobody looks


@pytest.mark.parametrize("code", ["graded", "burst", "delta"])
def test_traces_hold_the_events_of_values(code: Any) -> None:
    """No zero among them, and those of the run on the clock."""
    graph = stream(("stream", "fires"))
    x = np.random.default_rng(0).integers(-1, 2, (1, FRAMES, *SHAPE))
    by_frames, by_ticks = (
        engine(mode).prepare(graph, RunSettings(code), n_frames=FRAMES).trace({"x": x})
        for mode in ("frames", "ticks")
    )
    assert (by_frames.payload != 0).all()
    for column in ("tick", "population", "neuron", "payload"):
        assert (getattr(by_frames, column) == getattr(by_ticks, column)).all()


def row(graph: Graph, code: Any = "graded") -> Any:
    compiled = engine().prepare(graph, RunSettings(code), n_frames=FRAMES).compiled
    return compiled.program.nodes[compiled.names.index("a")]


@pytest.mark.parametrize("kind", READERS)
def test_which_nodes_keep_values(kind: str) -> None:
    """Where a reader takes them whole; the list besides, if another reader takes that."""
    alone = row(stream((kind,)))
    assert (alone["values"] >= 0) == (kind in WHOLE)
    assert alone["listed"] == (kind not in WHOLE)
    both = row(
        stream(
            ("fires", "stream", kind) if kind not in WHOLE else sorted(WHOLE), channels_last=True
        )
    )
    assert both["values"] >= 0
    assert both["listed"] == (kind not in WHOLE)


def test_changes_are_listed() -> None:
    assert row(stream(("fires",)), "delta")["values"] == -1
