"""What comes from stdin, a socket or a file: frames, or events with the silence between them."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, SnncError, WrongUsage
from snnc.runtime.readers.decoders import read_recording, reader_of
from snnc.runtime.readers.events.prophesee import events_of_words
from snnc.runtime.readers.preparation import EventPreparation
from snnc.runtime.stream import Stream
from snnc.runtime.windows import Piece, Silence

_READ_BYTES = 1 << 16
_EVENT_BYTES = 8
_WRAP_US = 1 << 32
_DISORDER_US = 1 << 24
"""Sixteen seconds: an event that is nearly a whole wrap ahead comes late, from before it. More
would be taken from silence, which may be any shorter time."""
_LONGEST_SELECT_S = 3600.0
"""Sooner than the system's limit; windows that end later are waited for again."""
_RESET = b"\xff" * _EVENT_BYTES
"""A record of ones: the events behind it are those of a new sample."""
Due = Callable[[], int | None]
"""Microseconds of silence that somebody waits for, None where nobody does."""


def is_live(source: str) -> bool:
    """Does it come while it is read?"""
    return source == "-" or source.startswith("tcp://")


def check(source: str, *, recordings: bool) -> None:
    """See whether there is a file, or what an address has to say; nothing is opened.

    Args:
        source: `-`, `tcp://HOST:PORT` or a file.
        recordings: shall a file be a recording of events?

    Raises:
        BadInputFile: there is no such file, or none of this kind.
        WrongUsage: the address says no host and port.
    """
    if source == "-":
        return
    if is_live(source):
        _address(source)
        return
    try:
        if recordings:
            reader_of(Path(source))
        elif stat.S_ISDIR(Path(source).stat().st_mode):
            raise BadInputFile("cannot be read: a folder", where=source)
    except SnncError:
        raise
    except (OSError, ValueError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=source) from error


def frames(stream: Stream, source: str) -> Iterator[Array]:
    """Arrays of the model's input, nothing between them, little-endian.

    Raises:
        BadInputFile: nothing is there.
        DataError: it ends within a frame.
    """
    shape, dtype = stream.frame_shape, np.dtype(stream.frame_dtype).newbyteorder("<")
    size = dtype.itemsize * int(np.prod(shape))
    for chunk in _records(source, size, lambda: None):
        assert isinstance(chunk, bytes)  # nobody waits for silence
        for i in range(0, len(chunk), size):
            yield np.frombuffer(chunk, dtype, int(np.prod(shape)), i).reshape(shape)


def events(source: str, how: EventPreparation, due: Due) -> Iterator[Piece]:
    """Events in pieces, as they come.

    Args:
        source: `-`, `tcp://HOST:PORT` or a recording of any kind.
        how: the model's `[events]`.
        due: for how long to wait before silence is told.

    Raises:
        BadInputFile: nothing is there.
        DataError: it ends within a record.
    """
    if not is_live(source):
        yield read_recording(Path(source), how)
        return
    last: int | None = None
    wraps = 0
    for chunk in _records(source, _EVENT_BYTES, due):
        if isinstance(chunk, Silence):
            yield chunk
            continue
        for part in _between_resets(chunk):
            if part is None:
                last, wraps = None, 0
                yield None
                continue
            found = events_of_words(np.frombuffer(part, "<u4").reshape(-1, 2))
            # times of 32 bits begin again after 71 minutes; around that, order is not strict
            steps = np.diff(found.t, prepend=found.t[0] if last is None else last)
            ahead = (steps < -_WRAP_US // 2).astype(np.int64) - (steps > _WRAP_US - _DISORDER_US)
            wrapped = wraps + np.cumsum(ahead)
            last, wraps = int(found.t[-1]), int(wrapped[-1])
            yield replace(found, t=found.t + wrapped * _WRAP_US)


def _between_resets(chunk: bytes) -> Iterator[bytes | None]:
    """Whole records, and None for each reset among them."""
    records = np.frombuffer(chunk, "<u8")
    begin = 0
    for place in np.flatnonzero(records == int.from_bytes(_RESET, "little")).tolist():
        if place > begin:
            yield chunk[begin * _EVENT_BYTES : place * _EVENT_BYTES]
        yield None
        begin = place + 1
    if begin < len(records):
        yield chunk[begin * _EVENT_BYTES :]


def _records(source: str, size: int, due: Due) -> Iterator[bytes | Silence]:
    """Bytes as they come, in whole records; silence where nothing came for as long as is due."""
    rest, came = b"", time.monotonic_ns()
    with _descriptor(source) as descriptor:
        while True:
            silent = (time.monotonic_ns() - came) // 1000
            wanted = due()
            left = None if wanted is None else min(max(0, wanted - silent) / 1e6, _LONGEST_SELECT_S)
            ready, _, _ = select.select([descriptor], [], [], left)
            if not ready:
                yield Silence(us=(time.monotonic_ns() - came) // 1000)
                continue
            data = os.read(descriptor, _READ_BYTES)
            if not data:
                break
            rest += data
            whole = len(rest) - len(rest) % size
            if whole:
                came = time.monotonic_ns()
                yield rest[:whole]
                rest = rest[whole:]
    if rest:
        raise DataError(f"it ends {len(rest)} bytes into a record of {size}", where=source)


def _address(source: str) -> tuple[str, int]:
    host, _, port = source.removeprefix("tcp://").rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise WrongUsage("it says no host and port", where=source, hint="tcp://HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


@contextlib.contextmanager
def _descriptor(source: str) -> Iterator[int]:
    if source == "-":
        yield 0
        return
    try:
        if source.startswith("tcp://"):
            with socket.create_connection(_address(source)) as connection:
                yield connection.fileno()
        else:
            with Path(source).open("rb") as file:
                yield file.fileno()
    except SnncError:
        raise
    except (OSError, ValueError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=source) from error
