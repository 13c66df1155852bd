"""Messages between a run and its worker processes: a length, then bytes."""

from __future__ import annotations

import json
import struct
from typing import IO, Any, cast

from snnc.ir.errors import SnncError, error_from_json

ERROR = b"!"
"""First byte of a message that says a named error, as JSON."""
_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], message: bytes) -> None:
    """Write one message."""
    put(stream, message)
    stream.flush()


def put(stream: IO[bytes], message: bytes) -> None:
    """Write one message without a flush: more will follow at once."""
    # an unbuffered stream may write a part of it where a signal comes in between
    left = memoryview(_LENGTH.pack(len(message)) + message)
    while left:
        left = left[stream.write(left) :]


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one message; None where the other side has ended, in its midst or before."""
    head = _read(stream, _LENGTH.size)
    return None if head is None else _read(stream, _LENGTH.unpack(head)[0])


def fill(stream: IO[bytes], buffer: memoryview) -> bool:
    """Read bytes that are no message into `buffer`; False where the other side ended before."""
    readable = cast("Any", stream)
    while buffer:
        n = readable.readinto(buffer)
        if not n:
            return False
        buffer = buffer[n:]
    return True


def send_error(stream: IO[bytes], error: SnncError) -> None:
    """Write one message that says an error."""
    send(stream, ERROR + json.dumps(error.to_json()).encode())


def raise_error(message: bytes) -> None:
    """Raise what a message says, where it says an error."""
    if message[:1] == ERROR:
        raise error_from_json(json.loads(message[1:]))


def _read(stream: IO[bytes], n: int) -> bytes | None:
    data = bytearray()
    while len(data) < n:
        part = stream.read(n - len(data))
        if not part:
            return None
        data += part
    return bytes(data)
