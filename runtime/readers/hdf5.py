"""HDF5 files, read by the library in a process of its own (see `hdf5_child`)."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError
from snnc.runtime.readers.hdf5_arrays import likeness, values
from snnc.runtime.readers.hdf5_process import Ended, Process
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import listing_hash, records
from snnc.runtime.readers.samples import Samples

SUFFIXES = (".h5", ".hdf5")
_MOST_SECONDS: float = 20
"""Of computing over one sample: to unpack a gigabyte, the most that one may have, takes a fifth."""
_MOST_ENDS = 3
"""Samples at which the library may end before the whole file is given up."""


def open_hdf5(path: Path, preparation: Preparation) -> Samples:
    """Open a file; it stays open while its samples are read.

    Raises:
        BadInputFile: it is no HDF5 file, or damaged so that the library does not survive it.
        DataError: it holds neither `x` nor `spikes`.
        ChildFailed: the process that reads it does not start.
    """
    file = _File(path, preparation)

    def place(index: int) -> str:
        return f"{path}, sample {index}"

    def fingerprint() -> str:
        return listing_hash([path])

    x = records(file.n, file.read, place, file.read_several)
    return Samples(x=x, y=file.labels, fingerprint=fingerprint)


class _Reader:
    """What one process of ours has of a file: after os.fork the other's is not ours to ask."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: Process | None = None


class _File:
    """An HDF5 file that another process has open; where that dies, a new one opens it again.

    Attributes:
        n: samples.
        labels: None where there are none.
    """

    def __init__(self, path: Path, preparation: Preparation) -> None:
        self._name = str(path)
        order = {
            "path": str(path.absolute()),
            "name": self._name,
            "preparation": preparation.to_json(),
            "seconds": _MOST_SECONDS,
        }
        self._order = json.dumps(order).encode()
        self._readers: dict[int, _Reader] = {}
        self._ends: dict[int, Ended] = {}
        reader = self._reader()
        reader.process, self.n, self.labels = self._open()

    def read(self, index: int) -> Array:
        """The sample of an index.

        Raises:
            DataError: it cannot be read.
            BadInputFile: that was so at too many others.
        """
        known = self._ends.get(index)
        if known is not None and known.endless:
            raise self._bad(index, known)
        try:
            with self._asked([index, None]) as process:
                found = process.array()
        except Ended as error:
            self._ends[index] = error
            raise self._bad(index, error) from error
        self._ends.pop(index, None)  # it may have been another's memory that ended the process
        return found

    def read_several(self, indices: Sequence[int], into: Array) -> int:
        """Samples, into the rows of an array in one piece; how many.

        They end before the first that cannot be read, or is not like the rows: `read` says why.
        """
        ends = (k for k, index in enumerate(indices) if index in self._ends)
        n = next(ends, len(indices)) if self._ends else len(indices)
        if not n:
            return 0
        size, rows, k = into[0].nbytes, values(into), 0
        try:
            with self._asked([list(indices[:n]), likeness(into[0])]) as process:
                while k < n and process.fill(rows[k * size : (k + 1) * size]):
                    k += 1
        except Ended as error:
            if error.endless:
                self._ends[indices[k]] = error
        return k

    @contextmanager
    def _asked(self, question: list[object]) -> Iterator[Process]:
        """The process, asked, for as long as it answers."""
        reader = self._reader()
        with reader.lock:
            try:
                yield self._ask(reader, json.dumps(question).encode())
            except SnncError:
                raise
            except BaseException:  # after Ctrl-C the answer may still come
                if reader.process is not None:
                    reader.process.end()
                    reader.process = None
                raise

    def _ask(self, reader: _Reader, question: bytes) -> Process:
        if reader.process is not None:
            try:
                reader.process.tell(question)
            except Ended:  # before it was asked: no sample is at fault
                reader.process = None
            else:
                return reader.process
        process, _, _ = self._open()
        reader.process = process
        process.tell(question)
        return process

    def _reader(self) -> _Reader:
        own = os.getpid()
        for other in [pid for pid in list(self._readers) if pid != own]:
            self._readers.pop(other, None)
        return self._readers.setdefault(own, _Reader())  # one, whichever thread comes first

    def _open(self) -> tuple[Process, int, Array | None]:
        process = Process(self._order, _MOST_SECONDS)
        try:
            n, has_labels = json.loads(process.hear())
            return process, n, process.array() if has_labels else None
        except Ended as error:
            raise BadInputFile(f"not a readable HDF5 file: {error}", where=self._name) from error
        except BaseException:
            process.end()
            raise

    def _bad(self, index: int, error: Ended) -> SnncError:
        if len(self._ends) < _MOST_ENDS:
            return DataError(f"cannot be read: {error}")
        what = f"not readable at {len(self._ends)} samples, the last is {index}: {error}"
        return BadInputFile(what, where=self._name)
