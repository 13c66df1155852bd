"""The process of the HDF5 library (`hdf5_child`), as the run has it."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
import weakref
from typing import IO, Any, cast

from snnc.ir.arrays import Array
from snnc.ir.errors import ChildFailed
from snnc.runtime.readers.hdf5_arrays import NO_MORE, READY, empty, values
from snnc.runtime.scale.frames import fill, raise_error, receive, send
from snnc.runtime.scale.pythons import how_ended, start

_CHILD = "snnc.runtime.readers.hdf5_child"
_BUFFER = 1 << 16
"""Bytes that are read at once: all that a pipe holds."""


class Ended(Exception):
    """The library's process is no more; says how it ended.

    Attributes:
        endless: it computed for longer than it may: it would do so again.
    """

    def __init__(self, what: str, *, endless: bool) -> None:
        super().__init__(what)
        self.endless = endless


class Process:
    """The library's process; it ends with this object.

    Args:
        order: what it opens, and how.
        seconds: that it may compute, for messages.

    Raises:
        ChildFailed: it does not start.
    """

    def __init__(self, order: bytes, seconds: float) -> None:
        self._seconds = seconds
        self._process = start(_CHILD)
        raw = cast("Any", self._process.stdout)
        self._answers: IO[bytes] = io.BufferedReader(raw, _BUFFER)
        self.end = weakref.finalize(self, _end, self._process)
        try:
            self._begin(order)
        except BaseException:
            self.end()
            raise

    def tell(self, message: bytes) -> None:
        """Ask something.

        Raises:
            Ended: the process has died before.
        """
        assert self._process.stdin is not None
        try:
            send(self._process.stdin, message)
        except BrokenPipeError:
            raise self._ended() from None

    def hear(self) -> bytes:
        """The next answer.

        Raises:
            Ended: the process has died over it.
            SnncError: what it met.
        """
        answer = receive(self._answers)
        if answer is None:
            raise self._ended()
        raise_error(answer)
        return answer[1:]

    def array(self) -> Array:
        """The next answer, an array; raises as `hear`."""
        found = empty(self.hear())
        self._fill(values(found))
        return found

    def fill(self, row: memoryview) -> bool:
        """Read the values of the next of several samples; False where there are no more.

        Raises:
            Ended: the process has died over it.
        """
        answer = receive(self._answers)
        if answer is None:
            raise self._ended()
        if answer == NO_MORE:
            return False
        self._fill(row)
        return True

    def _fill(self, row: memoryview) -> None:
        if not fill(self._answers, row):
            raise self._ended()

    def _ended(self) -> Ended:
        status = self._process.wait()
        self.end()
        if -status == signal.SIGPROF:
            what = f"did not come to an end in {self._seconds} s of computing; the file is damaged"
            return Ended(f"the HDF5 library {what}", endless=True)
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        what = f"the HDF5 library ended with {how}; the file may be damaged"
        return Ended(what, endless=False)

    def _begin(self, order: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: so do its answers
            send(self._process.stdin, order)
        answer = receive(self._answers)
        if answer == READY:
            return
        how = "finds another version of snnc"
        if answer is None:
            how = f"ended before it was ready ({how_ended(self._process.wait())})"
        raise ChildFailed(
            f"the process that reads HDF5 files {how}",
            where=sys.executable,
            hint="that interpreter has to find this snnc, and h5py, by itself: install them for "
            "it, or set PYTHONPATH",
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # after os.fork it is no child of the other's, and lives on
    with process:  # closes the pipes and waits
        pass
