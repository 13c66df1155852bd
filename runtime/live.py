"""`snnc run --stream`: frames or events from stdin, a socket or a file, an answer per window."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import BadInputFile, DataError, WrongUsage
from snnc.runtime.jsonable import jsonable
from snnc.runtime.outputs import predictions
from snnc.runtime.readers.decoders import events_of, read_recording
from snnc.runtime.readers.events.framing import tally
from snnc.runtime.readers.events.prophesee import events_of_words
from snnc.runtime.readers.events.recording import Recording
from snnc.runtime.readers.preparation import EventPreparation
from snnc.runtime.stream import Stream

Kind = Literal["frames", "events"]
_READ_BYTES = 1 << 16
_EVENT_BYTES = 8
_RESET = b"\xff" * _EVENT_BYTES
"""A record of ones: the events behind it are those of a new sample."""
_LONGEST_GAP = 10_000
"""Windows without events that are answered in a row; longer silence is taken as an error."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What one window gave.

    Attributes:
        window: its number since the last reset.
        outputs: integer x step.
        outputs_int: integers; None where the host computes the output.
        prediction: the class, None where outputs are no class scores.
        latency_ms: from the end of its input to the answer.
    """

    window: int
    outputs: Array
    outputs_int: IntArray | None
    prediction: int | None
    latency_ms: float

    def to_json(self) -> dict[str, Any]:
        """One line of `snnc run --stream`."""
        plain = {
            **vars(self),
            "outputs": self.outputs.tolist(),
            "outputs_int": None if self.outputs_int is None else self.outputs_int.tolist(),
        }
        found: dict[str, Any] = jsonable(plain)
        return found


def answers(stream: Stream, kind: Kind, source: str) -> Iterator[Answer]:
    """Answer window after window until the input ends; memory does not grow.

    Args:
        stream: the model with its state.
        kind: `frames`: arrays of the input's type and shape, nothing between them, little-endian;
            `events`: records of 8 bytes as in Prophesee's `.dat`, eight bytes of ones reset.
        source: `-` (stdin), `tcp://HOST:PORT`, or a file: of frames, or a recording of any kind.

    Raises:
        BadInputFile: nothing is there.
        DataError: it ends within a frame or record, or time goes back.
        WrongUsage: the model's preparation says no window.
    """
    if kind == "frames":
        yield from _answers(stream, _frames(stream, source))
        return
    how = events_of(stream.preparation, source)
    if how.framing == "voxel-grid" or (how.framing == "time-bins" and how.window_us is None):
        raise WrongUsage(
            "a stream needs windows of a known length",
            where="[events]",
            hint='say `window_us`, or framing = "fixed-count" with `count`',
        )
    yield from _answers(stream, Windows(how).of(_events(source, how)))


def _answers(stream: Stream, windows: Iterator[Array | None]) -> Iterator[Answer]:
    number = 0
    for x in windows:
        if x is None:
            stream.reset()
            number = 0
            continue
        start = time.perf_counter()
        found = stream.step(x[None])
        scores = found.outputs if found.outputs_int is None else found.outputs_int
        classes = predictions(scores)
        yield Answer(
            window=number,
            outputs=found.outputs[0],
            outputs_int=None if found.outputs_int is None else found.outputs_int[0],
            prediction=None if classes is None else int(classes[0]),
            latency_ms=1e3 * (time.perf_counter() - start),
        )
        number += 1


class Windows:
    """Cuts events that come in pieces into frames (C, H, W), as `[events]` says.

    A window of time is complete with the first event behind it, or with the end.
    """

    def __init__(self, how: EventPreparation) -> None:
        self._how = replace(how, frames=1, clip=None)
        self._clip = how.clip
        self._length = how.window_us if how.framing == "time-bins" else (how.count or 1)
        self._begin()

    def of(self, pieces: Iterator[Recording | None]) -> Iterator[Array | None]:
        """Frames; None where the input asks for a reset."""
        for piece in pieces:
            if piece is None:
                if self._filled:
                    yield self._frame()
                self._begin()
                yield None
            elif len(piece):
                yield from self._take(piece)
        if self._filled:
            yield self._frame()

    def _begin(self) -> None:
        self._number = 0
        self._n_events = 0
        self._first: int | None = None
        self._filled = False
        self._counts: Array | None = None

    def _take(self, piece: Recording) -> Iterator[Array]:
        where = self._window_of(piece)
        if (np.diff(where, prepend=self._number) < 0).any():
            raise DataError("time goes back by more than a window in the stream of events")
        height, width = (*self._how.sensor, self._how.sensor[0])[:2]
        piece.within(height, width)
        edges = [0, *(np.flatnonzero(np.diff(where)) + 1).tolist(), len(where)]
        for begin, end in itertools.pairwise(edges):
            if where[begin] - self._number > _LONGEST_GAP:
                raise DataError(f"more than {_LONGEST_GAP} windows without events")
            while self._number < where[begin]:
                yield self._frame()
                self._number += 1
            part = piece.part(slice(begin, end))
            added = tally(part, np.zeros(end - begin, np.int64), self._how)[0]
            self._counts = added if self._counts is None else self._counts + added
            self._filled = True

    def _window_of(self, piece: Recording) -> IntArray:
        assert self._length is not None
        if self._how.framing == "time-bins":
            if self._first is None:
                self._first = int(piece.t[0])
            return (piece.t - self._first) // self._length
        place = np.arange(self._n_events, self._n_events + len(piece))
        self._n_events += len(piece)
        return place // self._length

    def _frame(self) -> Array:
        counts = self._counts
        if counts is None:
            nothing = np.zeros(0, np.int64)
            empty = Recording(t=nothing, x=nothing, y=nothing, p=nothing)
            counts = tally(empty, nothing, self._how)[0]
        self._counts, self._filled = None, False
        return counts if self._clip is None else np.clip(counts, -self._clip, self._clip)


def _frames(stream: Stream, source: str) -> Iterator[Array]:
    shape, dtype = stream.frame_shape, np.dtype(stream.frame_dtype).newbyteorder("<")
    size = dtype.itemsize * int(np.prod(shape))
    for chunk in _records(source, size):
        for i in range(0, len(chunk), size):
            yield np.frombuffer(chunk, dtype, int(np.prod(shape)), i).reshape(shape)


def _events(source: str, how: EventPreparation) -> Iterator[Recording | None]:
    if source != "-" and not source.startswith("tcp://"):
        yield read_recording(Path(source), how)
        return
    last, wraps = 0, 0
    for chunk in _records(source, _EVENT_BYTES):
        for part in _between_resets(chunk):
            if part is None:
                last = wraps = 0
                yield None
                continue
            found = events_of_words(np.frombuffer(part, "<u4").reshape(-1, 2))
            # times of 32 bits begin again after 71 minutes
            back = np.diff(found.t, prepend=last) < -(1 << 31)
            last = int(found.t[-1])
            t = found.t + (wraps + np.cumsum(back)) * (1 << 32)
            wraps += int(back.sum())
            yield replace(found, t=t)


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


def _records(source: str, size: int) -> Iterator[bytes]:
    """Bytes as they come, in whole records."""
    rest = b""
    with _descriptor(source) as descriptor:
        while data := os.read(descriptor, _READ_BYTES):
            rest += data
            whole = len(rest) - len(rest) % size
            if whole:
                yield rest[:whole]
                rest = rest[whole:]
    if rest:
        raise DataError(f"it ends {len(rest)} bytes into a record of {size}", where=source)


@contextlib.contextmanager
def _descriptor(source: str) -> Iterator[int]:
    if source == "-":
        yield 0
        return
    try:
        if source.startswith("tcp://"):
            host, _, port = source.removeprefix("tcp://").rpartition(":")
            with socket.create_connection((host, int(port))) as connection:
                yield connection.fileno()
        else:
            with Path(source).open("rb") as file:
                yield file.fileno()
    except (OSError, ValueError, OverflowError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=source) from error
