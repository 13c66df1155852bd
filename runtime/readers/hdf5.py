"""HDF5 files, read by the library in a process of its own (see `hdf5_child`)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError, error_from_json
from snnc.runtime.readers import hdf5_child
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import listing_hash, records
from snnc.runtime.readers.samples import Samples
from snnc.runtime.scale.frames import receive, send

SUFFIXES = (".h5", ".hdf5")
_MOST_SECONDS = 20
"""Of computing over one sample: to unpack a gigabyte, the most that one may have, takes a fifth."""
_MOST_ENDS = 3
"""Samples at which the library may end before the whole file is given up."""


def open_hdf5(path: Path, preparation: Preparation) -> Samples:
    """Open a file; it stays open while its samples are read.

    Raises:
        BadInputFile: it is no HDF5 file, or damaged so that the library does not survive it.
        DataError: it holds neither `x` nor `spikes`.
    """
    file = _File(path, preparation)

    def place(index: int) -> str:
        return f"{path}, sample {index}"

    def fingerprint() -> str:
        return listing_hash([path])

    return Samples(x=records(file.n, file.read, place), y=file.labels, fingerprint=fingerprint)


class _Ended(Exception):
    """The library's process is no more; says how it ended."""


class _File:
    """An HDF5 file that another process has open; where that dies, a new one opens it again.

    Attributes:
        n: samples.
        labels: None where there are none.
    """

    def __init__(self, path: Path, preparation: Preparation) -> None:
        order = {
            "path": str(path),
            "preparation": preparation.to_json(),
            "seconds": _MOST_SECONDS,
        }
        self._path, self._order = path, json.dumps(order).encode()
        self._folder = Path.cwd()
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._ends = 0
        self.n, self.labels = self._open()

    def read(self, index: int) -> Array:
        """The sample of an index.

        Raises:
            DataError: it cannot be read.
            BadInputFile: that was so before, at too many others.
        """
        with self._lock:
            if self._process is None:
                self._open()
            assert self._process is not None
            try:
                return hdf5_child.from_bytes(self._process.ask(json.dumps(index).encode()))
            except SnncError:
                raise
            except BaseException as error:
                self._process = None  # after Ctrl-C the answer may still come
                if not isinstance(error, _Ended):
                    raise
                self._ends += 1
                if self._ends < _MOST_ENDS:
                    raise DataError(f"cannot be read: {error}") from error
                what = f"not readable at {_MOST_ENDS} samples, the last is {index}: {error}"
                raise BadInputFile(what, where=str(self._path)) from error

    def _open(self) -> tuple[int, Array | None]:
        process = _Process(self._folder)
        try:
            n, has_labels = json.loads(process.ask(self._order))
            labels = hdf5_child.from_bytes(process.hear()) if has_labels else None
        except _Ended as error:
            raise BadInputFile(
                f"not a readable HDF5 file: {error}", where=str(self._path)
            ) from error
        self._process = process
        return n, labels


class _Process:
    """The library's process; it ends with this object."""

    def __init__(self, folder: Path) -> None:
        # -P: what lies in the current folder is data, no modules
        command = [sys.executable, "-P", "-m", hdf5_child.__name__]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=folder)
        self._end = weakref.finalize(self, _end, self._process)

    def ask(self, question: bytes) -> bytes:
        """The answer to a question.

        Raises:
            _Ended: the process has died.
            SnncError: what it met.
        """
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, question)
        except BrokenPipeError:
            raise self._ended() from None
        return self.hear()

    def hear(self) -> bytes:
        """The next answer; raises as `ask`."""
        assert self._process.stdout is not None
        answer = receive(self._process.stdout)
        if answer is None:
            raise self._ended()
        if answer[:1] == hdf5_child.ERROR:
            raise error_from_json(json.loads(answer[1:]))
        return answer[1:]

    def _ended(self) -> _Ended:
        status = self._process.wait()
        self._end()
        if -status == signal.SIGXCPU:
            return _Ended(
                f"the HDF5 library did not come to an end in {_MOST_SECONDS} s of computing; the "
                "file is damaged"
            )
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return _Ended(f"the HDF5 library ended with {how}; the file may be damaged")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:  # closes the pipes and waits
        pass
