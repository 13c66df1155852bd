"""Events that come in pieces, cut into the windows of a stream."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir.arrays import Array, BoolArray, IntArray
from snnc.ir.errors import DataError
from snnc.runtime.readers.events.framing import tally
from snnc.runtime.readers.events.recording import Recording, joined
from snnc.runtime.readers.preparation import EventPreparation

_LONGEST_GAP = 10_000
"""Windows without events that are answered in a row; longer silence is taken as an error, as is
time that goes back so far."""
_MOST_OPENING = 1 << 22
"""Events of the first window that are kept until it ends, at 32 bytes each."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Nothing has come for a while.

    Attributes:
        us: microseconds since the last piece came.
    """

    us: int


Piece = Recording | Silence | None
"""Events, their absence, or a reset."""


class Windows:
    """Cuts events that come in pieces into frames (C, H, W), as `[events]` says.

    A window of time is complete with the first event behind it, or with the end; with `wait_us`
    also when the clock has passed its end by so much. The clock goes on from the last event:
    after a silence of s, time is that event's plus s. Until the first window ends its events are
    kept: it begins at the earliest of them, in whatever order and pieces they come, as it does
    where the recording is read from its file. An event before it that comes later is an error.

    Args:
        how: the model's framing.
        source: of the events, for messages.
        wait_us: microseconds; None: windows wait for events.

    Attributes:
        n_late: events that came after their window was answered, and are left out.
    """

    def __init__(
        self, how: EventPreparation, source: str = "events", wait_us: int | None = None
    ) -> None:
        self._how = replace(how, frames=1, clip=None)
        self._source, self._wait = source, wait_us
        self._clip = how.clip
        length = how.window_us if how.framing == "time-bins" else (how.count or 1)
        assert length is not None
        self._length = length
        self._n_seen = 0
        self.n_late = 0
        self._begin()

    def of(self, pieces: Iterator[Piece]) -> Iterator[Array | None]:
        """Frames; None where the input asks for a reset."""
        for piece in pieces:
            if piece is None:
                yield from self._end()
                self._begin()
                yield None
            elif isinstance(piece, Silence):
                while (due := self.due_us()) is not None and due <= piece.us:
                    if self._opening is not None:
                        yield from self._close_opening()
                        continue
                    yield self._frame()
                    self._number += 1
            elif len(piece):
                yield from self._take(piece)
        yield from self._end()

    def due_us(self) -> int | None:
        """Microseconds of silence after which a window ends by the clock; None: none does."""
        if self._wait is None or self._first is None:
            return None
        return self._first + (self._number + 1) * self._length + self._wait - self._last

    def _begin(self) -> None:
        self._number = self._last = 0
        self._n_events = 0
        self._first: int | None = None
        self._filled = False
        self._counts: Array | None = None
        self._opening: list[Recording] | None = [] if self._how.framing == "time-bins" else None
        self._n_opening = 0

    def _end(self) -> Iterator[Array]:
        yield from self._close_opening()
        if self._filled:
            yield self._frame()

    def _take(self, piece: Recording) -> Iterator[Array]:
        """Events up to the first that is wrong; what is complete before its error is answered."""
        height, width = (*self._how.sensor, self._how.sensor[0])[:2]
        outside = piece.outside(height, width)
        n = int(outside.argmax()) if outside.any() else len(piece)
        if n:
            yield from self._take_inside(piece.part(slice(0, n)))
        rest = piece.part(slice(n, None))
        rest.within(height, width, before=self._n_seen, where=self._source)

    def _take_inside(self, piece: Recording) -> Iterator[Array]:
        if self._opening is not None:
            n = self._open(piece)
            if n == len(piece):
                return
            yield from self._close_opening()
            piece = piece.part(slice(n, None))
        yield from self._take_more(piece)

    def _open(self, piece: Recording) -> int:
        """Keep events up to the one that ends the first window, or is too old; returns how many."""
        assert self._opening is not None
        first = piece.t[:1] if self._first is None else np.array([self._first])
        earliest = np.minimum.accumulate(np.concatenate([first, piece.t]))
        since = piece.t - earliest[:-1]
        ends = np.append((since >= self._length) | (since < -self._length), True)
        n = min(int(ends.argmax()), _MOST_OPENING - self._n_opening)
        self._n_seen += n
        self._n_opening += n
        self._opening.append(piece.part(slice(0, n)))
        self._first = int(earliest[n])
        self._last = max(self._last, int(piece.t[:n].max(initial=self._first)))
        return n

    def _close_opening(self) -> Iterator[Array]:
        """The first window has ended: now it is known which events are in it."""
        kept, self._opening = self._opening, None
        if kept:
            assert self._first is not None
            events = joined(kept)
            where = (events.t - self._first) // self._length
            order = np.argsort(where, kind="stable")
            yield from self._fill(events.part(order), where[order])

    def _take_more(self, piece: Recording) -> Iterator[Array]:
        where = self._window_of(piece)
        late, n = self._late(where)
        taken, late = piece.part(slice(0, n)), late[:n]
        self._n_seen += n
        self._last = max(self._last, int(taken.t.max(initial=self._last)))
        self.n_late += int(late.sum())
        if not late.all():
            yield from self._fill(taken.part(~late), where[:n][~late])
        if n < len(piece):
            raise self._goes_back(int(piece.t[n]))

    def _fill(self, piece: Recording, where: IntArray) -> Iterator[Array]:
        """Count events whose windows follow each other."""
        edges = [0, *(np.flatnonzero(np.diff(where)) + 1).tolist(), len(where)]
        for begin, end in itertools.pairwise(edges):
            if where[begin] - self._number > _LONGEST_GAP:
                raise DataError(
                    f"more than {_LONGEST_GAP} windows without events",
                    where=self._source,
                    hint="send eight bytes of ones where a new sample begins",
                )
            while self._number < where[begin]:
                yield self._frame()
                self._number += 1
            part = piece.part(slice(begin, end))
            added = tally(part, np.zeros(end - begin, np.int64), self._how)[0]
            self._counts = added if self._counts is None else self._counts + added
            self._filled = True

    def _window_of(self, piece: Recording) -> IntArray:
        if self._how.framing == "time-bins":
            assert self._first is not None
            return (piece.t - self._first) // self._length
        place = np.arange(self._n_events, self._n_events + len(piece))
        self._n_events += len(piece)
        return place // self._length

    def _late(self, where: IntArray) -> tuple[BoolArray, int]:
        """Which events are of windows that are over, and how many come before an error.

        Such an event is one where no clock has ended windows, or where it is much too old.
        """
        begun = np.maximum.accumulate(np.concatenate([[self._number], where]))[:-1]
        late = where < begun
        wrong = late if self._wait is None else begun - where > _LONGEST_GAP
        return late, int(wrong.argmax()) if wrong.any() else len(where)

    def _goes_back(self, time: int) -> DataError:
        return DataError(
            f"event {self._n_seen} is at {time} µs, one before it at {self._last} µs: time goes "
            "back to a window that is over, or to before the first",
            where=self._source,
            hint="sort the events by time, or send eight bytes of ones before those of a new "
            "sample",
        )

    def _frame(self) -> Array:
        counts = self._counts
        if counts is None:
            nothing = np.zeros(0, np.int64)
            empty = Recording(t=nothing, x=nothing, y=nothing, p=nothing)
            counts = tally(empty, nothing, self._how)[0]
        self._counts, self._filled = None, False
        return counts if self._clip is None else np.clip(counts, -self._clip, self._clip)
