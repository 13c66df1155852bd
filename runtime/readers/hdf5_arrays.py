"""Arrays between a run and the process that reads an HDF5 file for it, as they lie in memory."""

from __future__ import annotations

import json
from typing import IO

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError
from snnc.runtime.scale.frames import put

READY = b"+1"
"""First message of the process; its number changes with what is said afterwards."""
GIVEN, NO_MORE = b"=", b"."
"""First byte of an answer: what was asked for; or no more of several samples."""


def numbers(array: Array) -> Array:
    """An array in one piece, its bytes in this machine's order.

    Raises:
        DataError: it holds something else than numbers.
    """
    if array.dtype.kind not in "buif":
        raise DataError(f"it holds {array.dtype}, not numbers")
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def likeness(array: Array) -> list[object]:
    """What arrays have in common whose values can lie in one array."""
    return [array.dtype.str, list(array.shape)]


def send_array(stream: IO[bytes], array: Array, *, as_before: bool = False) -> None:
    """Write one of `numbers`: its likeness, but where the other side knows that, then its values.

    Large ones are not copied.
    """
    put(stream, GIVEN + (b"" if as_before else json.dumps(likeness(array)).encode()))
    stream.write(values(array))
    stream.flush()


def empty(like: bytes) -> Array:
    """An array of a likeness, its values to be read."""
    dtype, shape = json.loads(like)
    return np.empty(shape, dtype)


def values(array: Array) -> memoryview:
    """The bytes of an array in one piece."""
    return array.reshape(-1).view(np.uint8).data
