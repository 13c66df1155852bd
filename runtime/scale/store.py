"""Where the results of shards are kept: in memory, or in a journal that survives any end."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, Protocol

from snnc.ir.errors import BadInputFile, DamagedFile, DiskFull, OtherRun, OutputExists
from snnc.ir.file import FULL
from snnc.runtime.scale import records
from snnc.runtime.scale.shards import Shard, ShardResult

_SYNC_SECONDS = 1.0
"""A machine that loses power may lose the shards of this time; a killed process loses none."""


class Store(Protocol):
    """Keeps the results of shards."""

    @property
    def done(self) -> list[Shard]:
        """Shards that it holds."""

    def add(self, result: ShardResult) -> None:
        """Keep one more."""

    def results(self) -> Iterator[ShardResult]:
        """All of them in the order of their samples."""


class MemoryStore:
    """Results of a run that writes no file."""

    def __init__(self) -> None:
        self._held: dict[Shard, ShardResult] = {}

    @property
    def done(self) -> list[Shard]:
        return sorted(self._held)

    def add(self, result: ShardResult) -> None:
        self._held[result.shard] = result

    def results(self) -> Iterator[ShardResult]:
        return (self._held[shard] for shard in self.done)


class Journal:
    """A file to which each shard's result is appended, checked by CRC; see `open_journal`.

    Args:
        path: of the file.
        stream: the file, locked.
        places: offset and length of the payload by shard.
    """

    def __init__(self, path: Path, stream: FileIO, places: dict[Shard, tuple[int, int]]) -> None:
        self.path = path
        self._stream = stream
        self._places = places
        self._synced = time.monotonic()

    @property
    def done(self) -> list[Shard]:
        return sorted(self._places)

    @property
    def n_samples(self) -> int:
        """Samples that it holds."""
        return sum(shard.n for shard in self._places)

    def add(self, result: ShardResult) -> None:
        """Append a result: all of it or nothing.

        Raises:
            DiskFull: nothing more can be written; what was there stays.
        """
        payload = result.to_bytes()
        place = self.append(payload)
        self._places[result.shard] = (place, len(payload))
        if time.monotonic() - self._synced <= _SYNC_SECONDS:
            return
        try:
            os.fsync(self._stream.fileno())  # takes long: Ctrl-C in its midst finds the shard held
        except OSError as error:
            del self._places[result.shard]
            os.ftruncate(self._stream.fileno(), place - records.HEAD_SIZE)
            raise disk_error(error, self.path) from error
        self._synced = time.monotonic()

    def append(self, payload: bytes) -> int:
        """Append a record; returns the offset of its payload."""
        start = self._stream.seek(0, os.SEEK_END)
        try:
            _write_all(self._stream, records.head(payload) + payload)
        except OSError as error:
            os.ftruncate(self._stream.fileno(), start)
            raise disk_error(error, self.path) from error
        return start + records.HEAD_SIZE

    def results(self) -> Iterator[ShardResult]:
        for shard in self.done:
            offset, length = self._places[shard]
            yield ShardResult.from_bytes(os.pread(self._stream.fileno(), length, offset))

    def close(self, *, keep: bool) -> None:
        """Let go of the file; without `keep` it is removed."""
        if not keep:
            self.path.unlink(missing_ok=True)
        self._stream.close()


def disk_error(error: OSError, path: Path) -> OSError:
    """The named error of a write that failed, where it has a name."""
    if error.errno in FULL:
        return DiskFull(
            f"cannot write: {error.strerror}",
            where=str(path),
            hint="free some space and go on with `--resume`: complete shards are kept",
        )
    return error


def open_journal(path: Path, identity: Mapping[str, Any], *, resume: bool, force: bool) -> Journal:
    """Begin a journal, or go on with one.

    A record that a kill cut off is dropped: its samples run again.

    Args:
        path: of the file.
        identity: everything that results depend on; it must not differ on the way.
        resume: go on with a journal that is there.
        force: begin anew where one is there; with `resume`: drop what follows a damaged record.

    Raises:
        OutputExists: one is there and neither was given, or another process writes to it.
        OtherRun: it is that of another model, other data or settings.
        DamagedFile: a record in it is damaged.
        BadInputFile: it cannot be opened.
    """
    try:
        stream = FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
    except OSError as error:
        raise BadInputFile(f"cannot write there: {error.strerror}", where=str(path)) from error
    try:
        _lock(stream, path)
        return _opened(path, stream, dict(identity), resume=resume, force=force)
    except BaseException:
        stream.close()
        raise


def _lock(stream: FileIO, path: Path) -> None:
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise OutputExists("another run is writing this", where=str(path)) from error


def _opened(
    path: Path, stream: FileIO, identity: dict[str, Any], *, resume: bool, force: bool
) -> Journal:
    scan = None if force and not resume else records.scan(path, stream)
    if scan is None or (scan.identity is None and not scan.damaged):
        return _begin(path, stream, identity)
    if scan.identity is None:
        raise DamagedFile(
            "its first record is damaged", where=str(path), hint="begin anew with `--force`"
        )
    if not resume:
        raise OutputExists(
            f"a run that was stopped left {scan.n_samples} of {scan.identity['n_samples']} samples",
            where=str(path),
            hint="go on with `--resume`, or begin anew with `--force`",
        )
    compare(scan.identity, identity, path)
    if scan.damaged and not force:
        raise DamagedFile(
            f"the shard at byte {scan.end} is damaged; {scan.n_samples} samples before it are "
            "whole",
            where=str(path),
            hint="keep these and run the rest again with `--resume --force`",
        )
    os.ftruncate(stream.fileno(), scan.end)
    return Journal(path, stream, scan.places)


def _begin(path: Path, stream: FileIO, identity: dict[str, Any]) -> Journal:
    stream.seek(0)
    stream.truncate()
    journal = Journal(path, stream, {})
    try:
        _write_all(stream, records.MAGIC)
        journal.append(json.dumps(identity).encode())
    except OSError as error:
        journal.close(keep=False)
        raise disk_error(error, path) from error
    return journal


def _write_all(stream: FileIO, data: bytes) -> None:
    """An unbuffered write may take a part, such as what the disk still holds."""
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def compare(held: Mapping[str, Any], identity: Mapping[str, Any], path: Path) -> None:
    """Is this the run that was stopped?

    Raises:
        OtherRun: it was another; by what differs.
    """
    differing = [k for k in {**held, **identity} if held.get(k) != identity.get(k)]
    if differing:
        listed = ", ".join(
            f"{name.replace('_', ' ')} ({_short(held.get(name))}, now {_short(identity.get(name))})"
            for name in differing
        )
        raise OtherRun(
            f"the earlier run had another {listed}",
            where=str(path),
            hint="give it the same model, data and settings, or begin anew with `--force`",
        )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
