"""Patterns: sources that need no data, the same in every engine."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snnc.backends.lava.bundle import write_bundle
from snnc.backends.lava.engine import LavaEngine
from snnc.backends.registry import get_engine
from snnc.converter.integer import integer_form
from snnc.ir import file as snnc_file
from snnc.ir.arrays import Array
from snnc.ir.codes import Code, RunSettings, ScheduleKind
from snnc.ir.errors import GraphError, PatternEnds
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegrateFire
from snnc.ir.nodes import Input, Output, Pattern, Population
from tests.backends.lava.conftest import need_lava

TRAIN = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
W_X = np.array([[2, -1, 3], [1, 4, -2]])
W_P = np.array([[1, -2, 3], [2, 1, -1]])
X = np.random.default_rng(0).integers(0, 3, (2, 4, 3))


def graph(pattern: Pattern | None = None) -> Graph:
    pattern = pattern or Pattern(name="code", shape=(3,), counts=TRAIN)
    read = Identity(shape=(2,))
    return Graph(
        [
            Input(name="x", shape=(3,), lo=0, hi=2),
            pattern,
            Population(name="n", shape=(2,), model=FixedIntegrateFire.binary(6)),
            Population(name="sum", shape=(2,), model=Accumulator()),
            Output(name="y", shape=(2,)),
        ],
        [
            Projection(name="from x", source="x", target="n", map=Dense(weight=W_X)),
            Projection(name="from code", source="code", target="n", map=Dense(weight=W_P)),
            Projection(name="on", source="n", target="sum", map=Dense(weight=np.eye(2, dtype=int))),
            Projection(name="read", source="sum", target="y", map=read),
        ],
        metadata={"n_frames": 4},
    ).validate()


def by_hand(x: Array, train: Array) -> Array:
    v, fired = np.zeros(2, dtype=int), []
    for t, frame in enumerate(x):
        v = v + W_X @ frame + W_P @ train[t % len(train)]
        fired.append((v >= 6).astype(int))
        v = v - 6 * fired[-1]
    return np.stack(fired)


@pytest.mark.parametrize("engine", ["oracle", "event", "dense"])
@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
def test_it_comes_by_itself(engine: str, code: Code) -> None:
    session = get_engine(engine).prepare(graph(), RunSettings(code), n_frames=4)
    result = session.run({"x": X})
    assert [c.tolist() for c in result.counts["n"]] == [by_hand(x, TRAIN).tolist() for x in X]
    assert np.array_equal(result.counts["code"], np.stack([TRAIN, TRAIN]))
    assert 0 < result.counts["n"].mean() < 1


def test_it_may_begin_anew() -> None:
    again = Pattern(name="code", shape=(3,), counts=TRAIN[:3], repeat=True)
    session = get_engine("oracle").prepare(graph(again), RunSettings(), n_frames=4)
    assert session.run({"x": X}).counts["n"][0].tolist() == by_hand(X[0], TRAIN[:3]).tolist()
    assert again.frames(3, first=2).tolist() == TRAIN[[2, 0, 1]].tolist()


def test_it_ends_by_name() -> None:
    short = Pattern(name="code", shape=(3,), counts=TRAIN[:3])
    session = get_engine("oracle").prepare(graph(short), RunSettings(), n_frames=4)
    with pytest.raises(PatternEnds, match="code: its pattern has 3 frames, the run goes on to 4"):
        session.run({"x": X})


def test_its_step_is_its_own_and_weights_take_it() -> None:
    whole = graph()
    neurons = IntegrateFire(threshold=np.array(6.0))
    nodes = [
        replace(n, step=0.5)
        if isinstance(n, Pattern)
        else replace(n, model=neurons)
        if isinstance(n, Population) and n.name == "n"
        else n
        for n in whole.nodes.values()
    ]
    real = whole.replace(nodes=nodes, form="float")
    built = integer_form(real).graph
    weight = built.projections["from code"].map.weight, built.projections["from x"].map.weight
    assert np.array_equal(2 * weight[0] * np.abs(W_X), weight[1] * W_P * np.sign(W_X))


def test_it_is_saved(tmp_path: Path) -> None:
    file = SnncFile(
        float_graph=graph(),
        integer_graph=graph(),
        onnx={},
        settings=RunSettings(),
        manifest={},
    )
    snnc_file.save(tmp_path / "m.snnc", file)
    read = snnc_file.load(tmp_path / "m.snnc").integer_graph
    assert read.content_hash() == graph().content_hash()
    assert [node.name for node in read.inputs] == ["x"]
    assert [node.name for node in read.patterns] == ["code"]


@pytest.mark.lava
@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
def test_a_bundle_holds_it(schedule: ScheduleKind) -> None:
    need_lava()
    again = Pattern(name="code", shape=(3,), counts=TRAIN[:3], repeat=True)
    session = LavaEngine().prepare(graph(again), RunSettings(schedule=schedule), n_frames=4)
    result = session.run({"x": X})
    expected = [by_hand(x, TRAIN[:3]).tolist() for x in X]
    assert [c.tolist() for c in result.counts["n"]] == expected


@pytest.mark.lava
def test_patterns_alone_drive_a_bundle(tmp_path: Path) -> None:
    python = need_lava().python
    shape = (3,)
    nodes = [
        Input(name="x", shape=shape, hi=4),
        Pattern(name="p", shape=shape, counts=TRAIN[:2], repeat=True),
        Population(name="a", shape=shape, model=Accumulator()),
        Output(name="y", shape=shape),
    ]
    projections = [
        Projection(name="p-a", source="p", target="a", map=Identity(shape=shape)),
        Projection(name="a-y", source="a", target="y", map=Identity(shape=shape)),
    ]
    alone = Graph(nodes, projections, form="integer").validate()
    expected = [TRAIN[[0, 1, 0]].tolist()] * 2
    result = LavaEngine().prepare(alone, RunSettings(), n_frames=3).run({"x": X[:, :3]})
    assert result.counts["a"].tolist() == expected
    folder = write_bundle(alone, tmp_path / "b")
    out = tmp_path / "out.npz"
    command: list[str | Path] = [
        python,
        folder / "run.py",
        "--samples",
        "2",
        "--frames",
        "3",
        "-o",
        out,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with np.load(out) as results:
        assert results["counts/a"].tolist() == expected


def test_a_bundle_asks_for_no_data_of_it(tmp_path: Path) -> None:
    write_bundle(graph(), tmp_path / "b", target="loihi2")
    names: dict[str, dict[str, object]] = {}
    text = (tmp_path / "b" / "network.py").read_text()
    exec(text[text.index("INPUTS") : text.index("def n_ticks")], names)
    assert set(names["INPUTS"]) == {"x"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": TRAIN[:, :2]},
        {"counts": TRAIN, "zero_point": 1},
        {"counts": TRAIN, "step": 0.0},
        {"counts": TRAIN, "result": "real"},
    ],
)
def test_wrong_patterns_are_refused(wrong: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(GraphError):
        graph(Pattern(name="code", shape=(3,), **wrong))
