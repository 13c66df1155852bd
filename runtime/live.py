"""`snnc run --stream`: frames or events from stdin, a socket or a file, an answer per window."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime import incoming
from snnc.runtime.jsonable import jsonable
from snnc.runtime.outputs import predictions
from snnc.runtime.readers.decoders import events_of
from snnc.runtime.readers.preparation import EventPreparation, Preparation
from snnc.runtime.stream import Stream
from snnc.runtime.windows import Windows

Kind = Literal["frames", "events"]
_LONGEST_WAIT_MS = 86_400_000
"""A day: what is meant in seconds or microseconds is an error."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What one window gave.

    Attributes:
        window: its number since the last reset.
        outputs: integer x step.
        outputs_int: integers; None where the host computes the output.
        prediction: the class, None where outputs are no class scores.
        latency_ms: from when it was complete to the answer.
        n_late: events since the last answer that came after their window was answered; those behind
            the last answer are told in the log.
    """

    window: int
    outputs: Array
    outputs_int: IntArray | None
    prediction: int | None
    latency_ms: float
    n_late: int = 0

    def to_json(self) -> dict[str, Any]:
        """One line of `snnc run --stream`."""
        plain = {
            **vars(self),
            "outputs": self.outputs.tolist(),
            "outputs_int": None if self.outputs_int is None else self.outputs_int.tolist(),
        }
        found: dict[str, Any] = jsonable(plain)
        return found


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The first line of `snnc run --stream --json`: what comes from now on is answered at once.

    Attributes:
        prepare_seconds: that loading and warming up took.
        frame_shape, frame_dtype: of what `--stream frames` takes.
    """

    prepare_seconds: float
    frame_shape: Shape
    frame_dtype: str

    def to_json(self) -> dict[str, Any]:
        """The line."""
        found: dict[str, Any] = jsonable({"ready": True, **vars(self)})
        return found


def answers(
    stream: Stream, kind: Kind, source: str, *, max_wait_ms: float | None = None
) -> Iterator[Answer]:
    """Answer window after window until the input ends; memory does not grow.

    Args:
        stream: the model with its state.
        kind: `frames`: arrays of the input's type and shape, nothing between them, little-endian;
            `events`: records of 8 bytes as in Prophesee's `.dat`, eight bytes of ones reset.
        source: `-` (stdin), `tcp://HOST:PORT`, or a file: of frames, or a recording of any kind.
        max_wait_ms: of events: a window is answered so long after its end at the latest, by the
            clock, whether events come or not; None: the next event ends it.

    Raises:
        BadInputFile: nothing is there.
        DataError: it ends within a frame or record, or time goes back.
        WrongUsage: the model's preparation says no window, or no clock can end it.
    """
    check_source(stream.preparation, kind, source, max_wait_ms=max_wait_ms)
    if kind == "frames":
        yield from _answers(stream, source, incoming.frames(stream, source), lambda: 0)
        return
    how = events_of(stream.preparation, source)
    wait = None if max_wait_ms is None else round(1e3 * max_wait_ms)
    windows = Windows(how, source, wait)
    pieces = incoming.events(source, how, windows.due_us)
    yield from _answers(stream, source, windows.of(pieces), lambda: windows.n_late)


def check_source(
    preparation: Preparation, kind: Kind, source: str, *, max_wait_ms: float | None = None
) -> None:
    """Find out what is wrong with a source before a model is made ready for it; opens nothing.

    Args:
        preparation: the model's.
        kind, source, max_wait_ms: as of `answers`.

    Raises:
        BadInputFile: there is no such file, or none of events.
        WrongUsage: as `answers`.
    """
    if kind == "frames":
        if max_wait_ms is not None:
            raise WrongUsage("a longest wait is for events: a frame is complete when it is there")
    else:
        _check_events(events_of(preparation, source), source, max_wait_ms)
    incoming.check(source, recordings=kind == "events")


def _check_events(how: EventPreparation, source: str, max_wait_ms: float | None) -> None:
    if how.framing == "voxel-grid" or (how.framing == "time-bins" and how.window_us is None):
        raise WrongUsage(
            "a stream needs windows of a known length",
            where="[events]",
            hint='say `window_us`, or framing = "fixed-count" with `count`',
        )
    if max_wait_ms is None:
        return
    if how.framing != "time-bins":
        raise WrongUsage("a longest wait is for windows of time", where=f"framing {how.framing}")
    if not incoming.is_live(source):
        raise WrongUsage("a longest wait is for what comes by stdin or a socket", where=source)
    if not (math.isfinite(max_wait_ms) and 0 <= max_wait_ms <= _LONGEST_WAIT_MS):
        raise WrongUsage(
            f"a longest wait of {max_wait_ms} ms", hint=f"say 0 to {_LONGEST_WAIT_MS} (a day)"
        )


def _answers(
    stream: Stream, source: str, windows: Iterator[Array | None], n_late: Callable[[], int]
) -> Iterator[Answer]:
    number = told = n = 0
    for x in windows:
        if x is None:
            stream.reset()
            number = 0
            continue
        start = time.perf_counter()
        try:
            found = stream.step(x[None])
        except DataError as error:
            what = error.what.replace("sample 0 ", "it ")
            place = f"{source}, window {number}"
            raise DataError(what, where=place, hint=error.hint) from error
        scores = found.outputs if found.outputs_int is None else found.outputs_int
        classes = predictions(scores)
        late = n_late()
        yield Answer(
            window=number,
            outputs=found.outputs[0],
            outputs_int=None if found.outputs_int is None else found.outputs_int[0],
            prediction=None if classes is None else int(classes[0]),
            latency_ms=1e3 * (time.perf_counter() - start),
            n_late=late - told,
        )
        number, told, n = number + 1, late, n + 1
    if not n:
        _log.warning("%s ended before anything came", source)
    if rest := n_late() - told:
        _log.warning("%d events came after the last window was answered, and are left out", rest)
