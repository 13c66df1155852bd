"""What `benchmarks/scale.py` calls the cost of a shard."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from snnc.runtime.scale.shards import Shard, ShardResult
from tests import needs

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


class Worker:
    """One that takes 3 s to start, 10 ms for a sample and some seconds more for a shard."""

    n_workers = 1

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0

    def run(self, shards: Sequence[Shard], check: Callable[[], None]) -> Iterator[ShardResult]:
        self.now += 3
        for shard in shards:
            check()
            self.now += self.seconds + 0.01 * shard.n
            yield ShardResult(shard=shard)

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield needs.module("scale")
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.mark.parametrize("seconds", [0.0, 0.002])
@pytest.mark.parametrize("n_images", [1000, 777, 100])
def test_a_shard_costs_what_it_takes_beside_its_samples(
    scale: ModuleType, monkeypatch: pytest.MonkeyPatch, seconds: float, n_images: int
) -> None:
    """Of an ideal worker nothing."""
    worker = Worker(seconds)
    monkeypatch.setattr(scale.time, "perf_counter", lambda: worker.now)
    found = scale.overhead(lambda: worker, n_images)
    assert found["shard_ms"] == pytest.approx(1000 * seconds, abs=0.01)
    assert found["start_seconds"] == pytest.approx(3.5, abs=0.01)
