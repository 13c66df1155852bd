"""Node-hours of benchmarks/sizing.py against a simulation of workers, image after image."""

from __future__ import annotations

import heapq
import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest

from tests.close import close

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def sizing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    spec = importlib.util.spec_from_file_location("sizing", BENCHMARKS / "sizing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "sizing", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("cores", "memory", "n_nodes"), [(4, 20.0, 1), (16, 20.0, 3), (2, 64.0, 2)]
)
def test_node_hours_are_those_of_workers_that_take_image_after_image(
    sizing: ModuleType, cores: int, memory: float, n_nodes: int
) -> None:
    """With an image a shard; the object store keeps 30 % of a node's memory."""
    gb, an_image, start, n_images = 1.5, 2.5, 30.0, 5000
    workers = 0
    while workers < cores and (workers + 1) * gb <= 0.7 * memory:
        workers += 1
    free = [start] * (workers * n_nodes)
    for _ in range(n_images):
        heapq.heappush(free, heapq.heappop(free) + an_image)
    node = sizing.Node(cores=cores, memory_gb=memory)
    assert node.workers(gb) == workers
    hours = sizing.node_hours(
        n_images, node, cpu_seconds=an_image, start_seconds=start, gb=gb, n_nodes=n_nodes
    )
    assert hours == close(n_nodes * max(free) / 3600)


def test_a_node_without_room_for_a_worker(sizing: ModuleType) -> None:
    node = sizing.Node(cores=16, memory_gb=8)
    figures = {"cpu_seconds": 1.0, "start_seconds": 9.0, "gb": 6.0}
    assert math.isinf(sizing.node_hours(10, node, n_nodes=4, **figures))
    assert sizing.hour(figures, node) == "no room"
