"""The HDF5 library at work: `python -m snnc.runtime.readers.hdf5_child`, asked on its stdin.

It takes a path, says how many samples the file holds, with their labels, then gives the sample of
each index. At some damaged files the library crashes, or comes to no end and hears no signal of
Python's: here it is the system that ends it, after so many seconds of computing over one question.
Waiting for a slow disk is no computing.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import IO

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, SnncError
from snnc.runtime.readers.hdf5_content import content
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import read_record
from snnc.runtime.scale.frames import receive, send

GIVEN, ERROR = b"=", b"!"


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's would wait for the library
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print is no answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        _serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(1)  # nobody asks any more


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    order = receive(questions)
    if order is None:
        return
    asked = json.loads(order)
    path, seconds = Path(asked["path"]), asked["seconds"]
    _allow(seconds)
    try:
        held = content(path, Preparation.from_json(asked["preparation"]))
    except SnncError as error:
        send(answers, ERROR + json.dumps(error.to_json()).encode())
        return
    send(answers, GIVEN + json.dumps([held.n, held.labels is not None]).encode())
    if held.labels is not None:
        send(answers, GIVEN + to_bytes(held.labels))

    def place(index: int) -> str:
        return f"{path}, sample {index}"

    while (question := receive(questions)) is not None:
        _allow(seconds)
        try:
            found = GIVEN + to_bytes(read_record(held.read, place, json.loads(question)))
        except SnncError as error:
            found = ERROR + json.dumps(error.to_json()).encode()
        send(answers, found)


def _allow(seconds: int) -> None:
    """Let this process compute for so long from now on; then the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (min(until, most) if most >= 0 else until, most))


def to_bytes(array: Array) -> bytes:
    """An array: a line of its type and shape, then its values; an `.npy` takes long to read.

    Raises:
        DataError: it holds something else than numbers.
    """
    if array.dtype.kind not in "buif":
        raise DataError(f"it holds {array.dtype}, not numbers")
    head = json.dumps([array.dtype.str, array.shape]).encode()
    return head + b"\n" + array.tobytes()


def from_bytes(data: bytes) -> Array:
    """Read `to_bytes`."""
    head, _, values = data.partition(b"\n")
    dtype, shape = json.loads(head)
    return np.frombuffer(bytearray(values), dtype).reshape(shape)


if __name__ == "__main__":
    main()
