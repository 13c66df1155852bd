"""A run from its first shard to its last: what is there already, who computes the rest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import snnc
from snnc.ir.arrays import Array
from snnc.ir.errors import OutputExists, TimeLimit, WrongUsage
from snnc.ir.file import check_output
from snnc.runtime.batches import batch_of
from snnc.runtime.data import DataSet
from snnc.runtime.model import Model
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress
from snnc.runtime.scale.gather import Totals, about_run, in_memory, mapped, pack, total
from snnc.runtime.scale.local import LocalExecutor
from snnc.runtime.scale.order import ordered
from snnc.runtime.scale.shards import Shard, ShardResult, remaining
from snnc.runtime.scale.store import Journal, MemoryStore, Store, compare, open_journal
from snnc.runtime.scale.worker import Plan

_log = logging.getLogger(__name__)

_SHARDS_PER_WORKER = 4
"""At least, so that workers end at about the same time."""


class Executor(Protocol):
    """Computes shards somewhere.

    Attributes:
        n_workers: that work at the same time.
    """

    n_workers: int

    def run(self, shards: Sequence[Shard], check: Callable[[], None]) -> Iterator[ShardResult]:
        """Results as they come.

        Args:
            shards: what to compute.
            check: called now and then; raises where time is up.
        """

    def close(self) -> None:
        """Let go of everything."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a run writes.

    Attributes:
        output: the `.npz`; None: nowhere.
        resume: go on with what is there.
        force: overwrite; with `resume`: drop shards from a damaged one on.
    """

    output: Path | None
    resume: bool
    force: bool

    @classmethod
    def of(cls, output: str | os.PathLike[str] | None, *, resume: bool, force: bool) -> Place:
        """Check that it can be written.

        Raises:
            WrongUsage: no `.npz`, or nothing to resume by.
            OutputExists: the output is there.
        """
        if output is None:
            if resume:
                raise WrongUsage(
                    "--resume goes on with the shards of an output", hint="name it with -o OUT.npz"
                )
            return cls(output=None, resume=False, force=force)
        path = Path(output)
        check_suffix(path, (".npz",))
        check_output(path, force=force or resume)
        return cls(output=path, resume=resume, force=force)


class Clock:
    """Seconds since it was made, and the time limit."""

    def __init__(self, limit: float | None) -> None:
        self._start = time.perf_counter()
        self._limit = limit

    def seconds(self) -> float:
        """Since it was made."""
        return time.perf_counter() - self._start

    def check(self, done: int, n_samples: int) -> None:
        """Raise `TimeLimit` where time is up."""
        if self._limit is not None and self.seconds() > self._limit:
            raise TimeLimit(
                f"ran past {self._limit:g} s after {done} of {n_samples} samples",
                hint="raise --time-limit, or take fewer samples with --limit",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Gathered:
    """Everything that a run gave.

    Attributes:
        totals: sums.
        arrays: rows by name; counts of populations only where no file was written.
        n_resumed: samples that an earlier run had done.
        seconds, prepare_seconds: of computing, and of what came before.
        n_workers: that computed.
        output: the file that was written.
    """

    totals: Totals
    arrays: Mapping[str, Array]
    n_resumed: int
    seconds: float
    prepare_seconds: float
    n_workers: int
    output: Path | None


class Work:
    """One run.

    Args:
        model, data, plan: what runs on what, and how.
        jobs: worker processes.
        distributed: address of a Ray cluster, `local`, or None.
        clock: with the time limit.
        tell: is told after each shard.
    """

    def __init__(
        self,
        model: Model,
        data: DataSet,
        plan: Plan,
        *,
        jobs: int,
        distributed: str | None,
        clock: Clock,
        tell: Progress,
    ) -> None:
        self._model = model
        self._data = data
        self._plan = plan
        self._jobs = self._n_workers = jobs
        self._distributed = distributed
        self._clock = clock
        self._tell = tell
        self._done = 0

    def run(self, place: Place) -> Gathered:
        """Compute what is not there yet, and gather everything.

        Raises:
            SnncError: by its subclass; an output's complete shards are kept.
        """
        if place.output is None:
            store = MemoryStore()
            return self._gather(store, self._compute(store), 0, None)
        identity = self._identity()
        path = _journal_path(place.output)
        if place.output.exists() and not path.exists() and not (place.force and not place.resume):
            return self._finished(place.output, identity)
        with self._journal(path, identity, place) as journal:
            n_resumed = journal.n_samples
            prepared = self._compute(journal)
            totals = total(journal)
            if not totals.n_samples:  # nothing to write: the caller says so
                return self._gather(MemoryStore(), prepared, n_resumed, None)
            pack(journal, place.output, {"identity": identity, "totals": totals.to_json()})
            return self._gather(journal, prepared, n_resumed, place.output)

    @contextlib.contextmanager
    def _journal(self, path: Path, identity: dict[str, Any], place: Place) -> Iterator[Journal]:
        journal = open_journal(path, identity, resume=place.resume, force=place.force)
        try:
            yield journal
        except BaseException as error:
            n = journal.n_samples
            journal.close(keep=n > 0)
            if n:
                kept = f"{n} of {len(self._data)} samples are kept in {path}"
                _log.warning("%s: `--resume` goes on from there", kept)
                error.add_note(f"{kept}: `--resume` goes on from there")
            raise
        journal.close(keep=False)

    def _compute(self, store: Store) -> float:
        """Run all shards that `store` lacks; returns the seconds of preparation."""
        self._done = sum(shard.n for shard in store.done)
        if self._done == len(self._data):
            return self._clock.seconds()
        with self._executor() as executor:
            self._n_workers = executor.n_workers
            shards = remaining(len(self._data), store.done, self._shard_size())
            prepared = self._clock.seconds()
            self._tell("run", self._done, len(self._data))
            for result in executor.run(shards, self._check):
                store.add(result)
                self._done += result.shard.n
                self._tell("run", self._done, len(self._data))
        return prepared

    def _check(self) -> None:
        self._clock.check(self._done, len(self._data))

    def _shard_size(self) -> int:
        most = batch_of(self._model.integer_graph, self._plan.n_frames)
        if self._n_workers == 1:
            return most
        share = -(-len(self._data) // (self._n_workers * _SHARDS_PER_WORKER))
        return max(1, min(most, share))

    @contextlib.contextmanager
    def _executor(self) -> Iterator[Executor]:
        with contextlib.ExitStack() as stack:
            executor: Executor
            if self._distributed is not None:
                from snnc.runtime.scale.ray import RayExecutor

                executor = RayExecutor(self._model, self._data, self._plan, self._distributed)
            elif self._jobs == 1:
                executor = LocalExecutor(self._model, self._data, self._plan)
            else:
                from snnc.runtime.scale.processes import ProcessExecutor

                order = stack.enter_context(ordered(self._model, self._data, self._plan))
                executor = ProcessExecutor(order, self._jobs)
            stack.callback(executor.close)
            yield executor

    def _gather(
        self, store: Store, prepared: float, n_resumed: int, output: Path | None
    ) -> Gathered:
        return Gathered(
            totals=total(store),
            arrays=in_memory(store) if output is None else mapped(output),
            n_resumed=n_resumed,
            seconds=self._clock.seconds() - prepared,
            prepare_seconds=prepared,
            n_workers=self._n_workers,
            output=output,
        )

    def _finished(self, output: Path, identity: dict[str, Any]) -> Gathered:
        """The result of an earlier run that came to its end."""
        about = about_run(output)
        if about is None:
            raise OutputExists("the output is there already", where=str(output), hint="use --force")
        compare(about["identity"], identity, output)
        totals = Totals.from_json(about["totals"])
        return Gathered(
            totals=totals,
            arrays=mapped(output),
            n_resumed=len(self._data),
            seconds=0.0,
            prepare_seconds=self._clock.seconds(),
            n_workers=self._n_workers,
            output=output,
        )

    def _identity(self) -> dict[str, Any]:
        """Everything that the results depend on, as plain JSON values."""
        parts = hashlib.sha256()
        for name, data in sorted(self._model.file.onnx.items()):
            parts.update(name.encode() + data)
        plan = {k: v for k, v in self._plan.to_json().items() if k != "time_limit"}
        identity = {
            "snnc": snnc.__version__,
            "model": self._model.graph_hash,
            "host_operators": parts.hexdigest(),
            "preparation": _hash_of(self._model.preparation.to_json()),
            **plan,
            "n_samples": len(self._data),
            "data": self._data.fingerprint(),
        }
        plain: dict[str, Any] = json.loads(json.dumps(identity))
        return plain


def _hash_of(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _journal_path(output: Path) -> Path:
    return output.with_name(f"{output.name}.part")
