"""Outputs: integer times step, in the source's shape, reduced over frames."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.base import EngineResult
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.nodes import Input, Output
from snnc.runtime.outputs import OutputReader, predictions
from tests.runtime.models import N_OUT, make_file

COUNTS = np.array([[[1, 2, 3], [4, 5, 9]], [[0, -3, 1], [2, 2, 2]]])  # 2 samples, 2 frames


def reader(reduction: str) -> OutputReader:
    graph = make_file().integer_graph
    nodes = [
        Output(name="y", shape=(N_OUT,), reduction=reduction) if n.name == "y" else n  # type: ignore[arg-type]
        for n in graph.nodes.values()
    ]
    return OutputReader(graph.replace(nodes=nodes))


def ran(counts: np.ndarray, name: str = "scores") -> EngineResult:
    return EngineResult(
        counts={name: counts}, counters={}, node_counters={}, n_samples=2, n_ticks=1
    )


@pytest.mark.parametrize(
    ("reduction", "integers", "divisor"),
    [
        ("none", COUNTS, 1),
        ("sum", COUNTS.sum(axis=1), 1),
        ("mean", COUNTS.sum(axis=1), 2),
    ],
)
def test_reductions(reduction: str, integers: np.ndarray, divisor: int) -> None:
    found = reader(reduction).read(ran(COUNTS))["y"]
    assert found.integers is not None
    assert found.integers.tolist() == integers.tolist()
    assert found.real.tolist() == (integers * 0.25 / divisor).tolist()


def test_one_frame_has_no_frame_axis() -> None:
    found = reader("none").read(ran(COUNTS[:, :1]))["y"]
    assert found.integers is not None
    assert found.integers.tolist() == [[1, 2, 3], [0, -3, 1]]


def test_a_map_is_read_in_its_own_order() -> None:
    order = np.arange(6).reshape(2, 3).T.reshape(-1)
    graph = Graph(
        nodes=[Input(name="x", shape=(2, 3), hi=9, step=0.5), Output(name="y", shape=(3, 2))],
        projections=[
            Projection(
                name="x->y", source="x", target="y", map=Identity(shape=(3, 2)), gather=order
            )
        ],
        form="integer",
    )
    counts = np.arange(12).reshape(2, 1, 2, 3)
    found = OutputReader(graph).read(ran(counts, "x"))["y"]
    assert found.integers is not None
    assert found.integers.tolist() == counts[:, 0].transpose(0, 2, 1).tolist()
    assert found.real.tolist() == (counts[:, 0].transpose(0, 2, 1) * 0.5).tolist()


def test_it_says_what_it_reads() -> None:
    assert reader("none").record == {"scores"}


def test_predictions() -> None:
    found = predictions(np.array([[1, 3, 3], [2, 0, 1]]))
    assert found is not None
    assert found.tolist() == [1, 0]
    assert predictions(np.zeros((4, 3, 1, 1), np.int64)) is not None
    assert predictions(np.zeros((4, 3, 2, 2), np.int64)) is None
    assert predictions(np.zeros((4, 1), np.int64)) is None
