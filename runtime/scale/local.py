"""Shards one after the other in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from snnc.runtime.data import DataSet
from snnc.runtime.model import Model
from snnc.runtime.scale.shards import Shard, ShardResult
from snnc.runtime.scale.worker import Plan, Worker


class LocalExecutor:
    """The one worker that is this process.

    Args:
        model, data, plan: of the run.
    """

    def __init__(self, model: Model, data: DataSet, plan: Plan) -> None:
        self.n_workers = 1
        self._worker = Worker(model, data, plan)

    def run(self, shards: Sequence[Shard], check: Callable[[], None]) -> Iterator[ShardResult]:
        for shard in shards:
            check()
            yield self._worker.run(shard)

    def close(self) -> None:
        """Nothing is left to end."""
