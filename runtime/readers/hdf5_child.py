"""The HDF5 library at work: `python -m snnc.runtime.readers.hdf5_child`, asked on its stdin.

It says that it is there, takes a path, says how many samples the file holds, with their labels,
then gives the samples that it is asked for. At some damaged files the library crashes, or comes to
no end and hears no signal of Python's: here it is the system that ends it, after so many seconds of
computing over one sample. Waiting for a slow disk is no computing.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from snnc.ir.arrays import Array
from snnc.ir.errors import SnncError
from snnc.runtime.readers.hdf5_arrays import (
    GIVEN,
    NO_MORE,
    READY,
    likeness,
    numbers,
    send_array,
)
from snnc.runtime.readers.hdf5_content import content
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import read_record
from snnc.runtime.scale import pythons
from snnc.runtime.scale.frames import receive, send, send_error


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # of `_allow`: no handler of Python's would run
    answers = pythons.answers()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(ImportError):  # which the file's error names
        importlib.import_module("h5py")  # its faults are not the file's
    try:
        _serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(1)  # nobody asks any more


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    send(answers, READY)
    order = receive(questions)
    if order is None:
        return
    asked = json.loads(order)
    name, seconds = asked["name"], asked["seconds"]
    _allow(seconds)
    try:
        held = content(Path(asked["path"]), Preparation.from_json(asked["preparation"]), name)
    except SnncError as error:
        send_error(answers, error)
        return
    send(answers, GIVEN + json.dumps([held.n, held.labels is not None]).encode())
    if held.labels is not None:
        send_array(answers, numbers(held.labels))

    def read(index: int) -> Array:
        _allow(seconds)
        return numbers(read_record(held.read, lambda i: f"{name}, sample {i}", index))

    while (question := receive(questions)) is not None:
        samples, like = json.loads(question)
        if like is None:
            _give(answers, read, samples)
        else:
            _give_several(answers, read, samples, like)


def _give(answers: IO[bytes], read: Callable[[int], Array], index: int) -> None:
    """One sample, or what is wrong with it."""
    try:
        found = read(index)
    except SnncError as error:
        send_error(answers, error)
        return
    send_array(answers, found)


def _give_several(
    answers: IO[bytes], read: Callable[[int], Array], samples: list[int], like: list[object]
) -> None:
    """The samples up to the first that cannot be read or is not like the others.

    Each is sent before the next is read: where the library ends is where they end.
    """
    for index in samples:
        try:
            found = read(index)
        except SnncError:  # asked for alone, it says what
            break
        if likeness(found) != like:
            break
        send_array(answers, found, as_before=True)
    else:
        return
    send(answers, NO_MORE)


def _allow(seconds: float) -> None:
    """Let this process compute for so long from now on; then the system ends it."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main()
