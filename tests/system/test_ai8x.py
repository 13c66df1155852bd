"""Two networks that nobody here trained: published accuracy, and every integer of every layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.ir.arrays import Array, IntArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population
from tests.system import ai8x

pytestmark = [pytest.mark.torch, pytest.mark.data]

Fixture = Callable[[str], tuple[Path, Path]]


def real_values(graph: Graph, counts: Mapping[str, IntArray]) -> list[Array]:
    """Real values of every population in topological order: here all of them integers."""
    values = []
    for node in graph.populations:
        assert isinstance(node, Population)
        values.append(counts[node.name][:, 0] * node.step_map())
    return values


@pytest.mark.parametrize("name", ai8x.ACCURACY)
def test_every_integer_of_every_layer(ai8x_model: Fixture, name: str) -> None:
    _, path = ai8x_model(name)
    x, _ = ai8x.load_images(100)
    golden = ai8x.integer_loop(ai8x.load_weights(name), x)
    result = snnc.run(path, x.astype(np.float32), engine="dense", counts=True)
    assert result.counts is not None
    found = real_values(snnc.load(path).integer_graph, result.counts)
    assert [v.shape[1:] for v in found] == [v.shape[1:] for v in golden.values()]
    for ours, (layer, integers) in zip(found, golden.items(), strict=True):
        assert np.array_equal(ours, integers), layer


@pytest.mark.parametrize(("name", "right"), ai8x.ACCURACY.items())
def test_published_accuracy_on_all_test_images(ai8x_model: Fixture, name: str, right: int) -> None:
    _, path = ai8x_model(name)
    x, y = ai8x.load_images()
    result = snnc.run(path, x.astype(np.float32), engine="dense")
    assert result.predictions is not None
    assert np.count_nonzero(result.predictions == y) == right


@pytest.mark.parametrize("name", ai8x.ACCURACY)
@pytest.mark.parametrize(("code", "n_images"), [("graded", 200), ("burst", 200)])
def test_event_engine_equals_the_integer_loop(
    ai8x_model: Fixture, name: str, code: str, n_images: int
) -> None:
    _, path = ai8x_model(name)
    x, _ = ai8x.load_images(n_images)
    golden = ai8x.integer_loop(ai8x.load_weights(name), x)["fc"]
    result = snnc.run(path, x.astype(np.float32), engine="event", code=code)
    assert np.array_equal(result.outputs, golden)
    if code == "burst":
        schedule = snnc.load(path).integer_graph
        n_stages = len(schedule.populations) + 1
        assert result.n_ticks == 128 * n_stages
