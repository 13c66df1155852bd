"""What the page holds beside its numbers: arrays, bins, places, membranes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Output, Population
from snnc.runtime.report.page import events
from snnc.runtime.report.page.layout import drawing
from snnc.runtime.report.page.membranes import membranes
from snnc.runtime.report.page.pack import pack, unpack
from snnc.runtime.trace import TraceResult, trace
from tests.runtime.models import BIAS, THRESHOLDS, W1, make_file, samples, save_model


def traced(n_events: int, n_ticks: int, size: int) -> TraceResult:
    rng = np.random.default_rng(0)
    flat = np.sort(rng.choice(n_ticks * size, n_events, replace=False))
    return TraceResult(
        sample=0, code="burst", schedule="sequential", rate=None,
        tick=flat // size, population=np.zeros(n_events, dtype=np.int64), neuron=flat % size,
        payload=np.ones(n_events, dtype=np.int64), names=("p",), values=frozenset(),
        n_ticks=n_ticks, ticks=(0, n_ticks), membranes=None, output=None, plot=None,
    )  # fmt: skip


@pytest.mark.parametrize("bound", [7, 127, 128, 2**15, 2**31 - 1, 2**40])
def test_integers_come_back_whatever_their_size(bound: int) -> None:
    value = np.array([[-bound, 0], [1, bound]])
    found = unpack(pack({"a": {"b": [value, 1.5, None]}, "text": "</script>µ"}))
    assert found["text"] == "</script>µ"
    assert [int(x) for x in found["a"]["b"][0]] == [-bound, 0, 1, bound]
    assert found["a"]["b"][1:] == [1.5, None]


def test_too_many_events_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    found = traced(50_000, n_ticks=3000, size=2000)
    monkeypatch.setattr(events, "MAX_EVENTS", 40_000)
    drawn = events.raster(found, {"p": 2000})
    (population,) = drawn["populations"]
    assert drawn["binned"]
    assert population["step"] == [3, 4]
    assert population["payload"].sum() == drawn["n_events"] == 50_000
    table = np.zeros((1000, 500), dtype=np.int64)
    np.add.at(table, (found.tick // 3, found.neuron // 4), 1)
    for tick, neuron, amount in zip(
        population["tick"], population["neuron"], population["payload"], strict=True
    ):
        assert table[tick // 3, neuron // 4] == amount
    assert len(population["tick"]) == np.count_nonzero(table)


def diamond() -> Graph:
    """x -> a -> b -> c -> out, x -> c, and a second branch x -> d -> c."""

    def sums(name: str) -> Population:
        return Population(name=name, shape=(2,), model=Accumulator())

    links = ("x>a", "a>b", "b>c", "x>c", "x>d", "d>c", "c>out")
    nodes = [Input(name="x", shape=(2,), hi=1), *map(sums, "abdc"), Output(name="out", shape=(2,))]
    ends = [link.split(">") for link in links]
    return Graph(
        nodes,
        [
            Projection(name=f"{a}>{b}", source=a, target=b, map=Identity(shape=(2,)))
            for a, b in ends
        ],
        name="diamond",
    ).validate()


def test_places_of_nodes() -> None:
    drawn = drawing(diamond())
    nodes = {node["name"]: node for node in drawn["nodes"]}
    assert {name: node["y"] for name, node in nodes.items()} == {
        "x": 0, "a": 1, "d": 1, "b": 2, "c": 3, "out": 4,
    }  # fmt: skip
    # nodes of one layer stand a box apart, and no bend of a passing edge lies in a box
    assert abs(nodes["a"]["x"] - nodes["d"]["x"]) >= 1
    edges = {edge["name"]: edge for edge in drawn["edges"]}
    assert [y for _, y in edges["x>c"]["bends"]] == [1, 2]
    for x, y in edges["x>c"]["bends"]:
        assert all(abs(x - n["x"]) > 0.5 for n in nodes.values() if n["y"] == y)
    assert edges["a>b"]["bends"] == []
    json.dumps(drawn)


def test_membranes_of_the_neurons_that_send_most(tmp_path: Path) -> None:
    x, _ = samples()
    found = trace(save_model(tmp_path), x, sample=0, code="burst", membranes=True)
    assert found.membranes is not None
    kept = membranes(found, make_file().integer_graph)["hidden"]
    assert kept["neurons"].tolist() == [0, 1, 2, 3, 4]
    assert (kept["values"] == found.membranes["hidden"].T).all()
    assert kept["thresholds"] == [THRESHOLDS[0].tolist()] * 5
    counts = ((W1 @ x[0].astype(np.int64) + BIAS)[:, None] >= THRESHOLDS).sum(axis=1)
    assert counts[kept["busiest"]] == counts.max()
