"""Outputs: integer times step, in the source's shape, reduced over frames."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.backends.base import EngineResult
from snnc.ir.nodes import Output
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


def ran(counts: np.ndarray) -> EngineResult:
    return EngineResult(
        counts={"scores": counts}, counters={}, node_counters={}, n_samples=2, n_ticks=1
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


def test_it_says_what_it_reads() -> None:
    assert reader("none").record == {"scores"}


def test_predictions() -> None:
    found = predictions(np.array([[1, 3, 3], [2, 0, 1]]))
    assert found is not None
    assert found.tolist() == [1, 0]
    assert predictions(np.zeros((4, 3, 1, 1), np.int64)) is not None
    assert predictions(np.zeros((4, 3, 2, 2), np.int64)) is None
    assert predictions(np.zeros((4, 1), np.int64)) is None
