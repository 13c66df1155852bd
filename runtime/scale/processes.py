"""`--jobs N`: shards in worker processes of this machine; one that dies loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from snnc.ir.errors import ChildFailed, SnncError
from snnc.runtime.scale import child
from snnc.runtime.scale.frames import raise_error, receive, send
from snnc.runtime.scale.order import Order
from snnc.runtime.scale.pythons import how_ended, start
from snnc.runtime.scale.shards import Shard, ShardResult

ATTEMPTS = 3
"""How often a shard, or a worker's start, is tried before deaths over it end the run."""
_LOOK_SECONDS = 0.5
"""How often the time limit is looked at while all workers are busy."""


class ProcessExecutor:
    """Worker processes, each of which loads the model once.

    Args:
        order: what they run.
        jobs: how many.
    """

    def __init__(self, order: Order, jobs: int) -> None:
        self.n_workers = jobs
        self._order = order.to_bytes()
        self._jobs = jobs
        self._workers: list[_Process] = []
        self._failed_starts = 0

    def run(self, shards: Sequence[Shard], check: Callable[[], None]) -> Iterator[ShardResult]:
        """Results in the order in which they come.

        Raises:
            ChildFailed: workers died over the same shard, or at their start, again and again.
            SnncError: what a worker met.
        """
        todo, begun = deque(shards), Counter[Shard]()
        n = min(self._jobs, len(todo))
        with selectors.DefaultSelector() as selector:
            for _ in range(n):
                self._start(selector)
            left = len(todo)
            while left:
                check()
                for key, _ in selector.select(_LOOK_SECONDS):
                    result = self._hear(key.data, selector, todo, begun)
                    if result is not None:
                        left -= 1
                        yield result

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _hear(
        self,
        worker: _Process,
        selector: selectors.BaseSelector,
        todo: deque[Shard],
        begun: Counter[Shard],
    ) -> ShardResult | None:
        message = receive(worker.answers)
        if message is None:
            self._replace(worker, selector, todo, begun)
            return None
        raise_error(message)
        kind, content = message[:1], message[1:]
        result = ShardResult.from_bytes(content) if kind == child.RESULT else None
        worker.shard = None
        worker.ready = True
        if todo:
            shard = todo.popleft()
            begun[shard] += 1
            worker.begin(shard)
        return result

    def _replace(
        self,
        worker: _Process,
        selector: selectors.BaseSelector,
        todo: deque[Shard],
        begun: Counter[Shard],
    ) -> None:
        """A worker has died: its shard goes to another."""
        selector.unregister(worker.answers)
        self._workers.remove(worker)
        shard = worker.shard
        ended = worker.end()
        if shard is None:
            self._failed_starts += not worker.ready
            if self._failed_starts >= ATTEMPTS:
                raise _lost(ended, None)
            if worker.ready or not todo:
                return  # nothing is left for it to do
        elif begun[shard] >= ATTEMPTS:
            raise _lost(ended, shard)
        else:
            todo.appendleft(shard)
        self._start(selector)

    def _start(self, selector: selectors.BaseSelector) -> None:
        worker = _Process(self._order, self._jobs)
        self._workers.append(worker)
        selector.register(worker.answers, selectors.EVENT_READ, worker)


class _Process:
    """One worker process.

    Attributes:
        answers: where it writes.
        shard: that it is at.
        ready: has it loaded everything?
    """

    def __init__(self, order: bytes, jobs: int) -> None:
        threads = str(max(1, (os.cpu_count() or 1) // jobs))
        counts = {"OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads}
        self._process = start(child.__name__, {**counts, **os.environ})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders: IO[bytes] = self._process.stdin
        self.answers: IO[bytes] = self._process.stdout
        self.shard: Shard | None = None
        self.ready = False
        self._tell(order)

    def begin(self, shard: Shard) -> None:
        """Give it a shard."""
        self.shard = shard
        self._tell(json.dumps([shard.first, shard.n]).encode())

    def end(self) -> int:
        """Stop it; returns its exit status, negative for a signal."""
        for stream in (self._orders, self.answers):
            with contextlib.suppress(OSError):
                stream.close()
        deadline = time.monotonic() + 0.2
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self._process.kill()
        return self._process.wait()

    def _tell(self, message: bytes) -> None:
        # one that has just died is heard of when its answers end
        with contextlib.suppress(BrokenPipeError):
            send(self._orders, message)


def _lost(status: int, shard: Shard | None) -> SnncError:
    how = how_ended(status)
    if shard is None:
        return ChildFailed(f"{ATTEMPTS} worker processes ended before they were ready ({how})")
    return ChildFailed(
        f"worker processes ended {ATTEMPTS} times over the same samples ({how})",
        where=f"samples {shard.first} to {shard.end - 1}",
        hint="if memory ran out, use fewer `--jobs`",
    )
