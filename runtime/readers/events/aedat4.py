"""`.aedat4` of DV (DVXplorer, DAVIS): packets of flatbuffers, compressed by LZ4 or Zstandard.

docs.inivation.com, "AEDAT file formats", 4.0: a line with the version; a size-prefixed `IOHeader`
(compression, place of the table of packets); packets of stream number, size and content. Packets of
events are a size-prefixed `EventPacket`, a vector of 16 bytes each. Read by snnc itself: the
package `aedat` 2.3 ends the process at a damaged file.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError, MissingExtra
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation

SUFFIXES = (".aedat4",)
_VERSION = b"#!AER-DAT4.0\r\n"
_HEADER, _EVENTS = b"IOHE", b"EVTS"
_EVENT = np.dtype(
    {"names": ["t", "x", "y", "on"], "formats": ["<i8", "<i2", "<i2", "u1"],
     "offsets": [0, 8, 10, 12], "itemsize": 16}
)  # fmt: skip
_COMPRESSION, _TABLE_AT, _ELEMENTS = 0, 1, 0
"""Numbers of fields: two of `IOHeader`, one of `EventPacket`."""
_MOST_BYTES = 1 << 28
"""Of an unpacked packet: cameras send some thousand events in one."""
_MOST_IN_ALL, _MOST_RATIO = 1 << 31, 32
"""Of all packets of events: 134 million events, or in a larger file as many as there may be: the 16
bytes of an event do not compress to half a byte. A damaged file must not fill the memory."""
Unpack = Callable[[bytes], bytes]


def read(path: Path, how: EventPreparation) -> Recording:
    """Read all events of a file's stream of events.

    Raises:
        DataError: it is damaged, or has no stream of events or several.
        MissingExtra: nothing here unpacks its packets.
    """
    data = path.read_bytes()
    if not data.startswith(_VERSION):
        raise DataError(f"AEDAT 4 begins with #!AER-DAT4.0, this with {data[:12]!r}")
    start = len(_VERSION)
    header = _Table(data[start:], _HEADER, "the header")
    unpack = _unpacker(header.number(_COMPRESSION, "<i", 0))
    end = header.number(_TABLE_AT, "<q", -1)
    end = len(data) if end < 0 else end
    packets: list[Array] = []
    streams: set[int] = set()
    n_bytes, most = 0, max(_MOST_IN_ALL, _MOST_RATIO * len(data))
    for stream, packed in _packets(data, start + 4 + header.size, end):
        content = unpack(packed)
        if content[8:12] != _EVENTS:
            continue
        streams.add(stream)
        n_bytes += len(content)
        if n_bytes > most:
            raise DataError(f"damaged, or too large: its events have more than {most} bytes")
        packets.append(_Table(content, _EVENTS, "a packet").vector(_ELEMENTS, _EVENT))
    if not packets:
        raise DataError("there is no stream of events")
    if len(streams) > 1:
        raise DataError(
            f"there are several streams of events: {', '.join(map(str, sorted(streams)))}",
            hint="save the one of the camera that is meant as a file",
        )
    events = np.concatenate(packets)
    return recording(events["t"], events["x"], events["y"], events["on"] != 0)


def _packets(data: bytes, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Number of the stream and content of each packet up to `end`."""
    while at < end:
        if at + 8 > len(data):
            raise DataError("truncated in the head of a packet")
        stream, size = struct.unpack_from("<ii", data, at)
        at += 8 + size
        if size < 0 or at > len(data):
            raise DataError("truncated or damaged in a packet")
        yield stream, data[at - size : at]
    if at != end:
        raise DataError("damaged: the table of packets does not begin behind a packet")


class _Table:
    """The root of a size-prefixed flatbuffer; every place is checked before it is read."""

    def __init__(self, data: bytes, identifier: bytes, what: str) -> None:
        if data[8:12] != identifier:
            raise DataError(f"{what} is damaged: it is no {identifier.decode()}")
        (self.size,) = struct.unpack_from("<I", data)
        self._data, self._what = data[: 4 + self.size], what
        if len(self._data) < 4 + self.size:
            raise DataError(f"truncated in {what}")
        self._root = 4 + self._unpack("<I", 4)
        self._fields = self._root - self._unpack("<i", self._root)
        self._n_fields = (self._unpack("<H", self._fields) - 4) // 2

    def number(self, field: int, kind: str, default: int) -> int:
        """A field of a plain number."""
        place = self._place(field)
        return default if place is None else self._unpack(kind, place)

    def vector(self, field: int, kind: np.dtype[np.void]) -> Array:
        """A field that is a vector of plain structs."""
        place = self._place(field)
        if place is None:
            return np.zeros(0, kind)
        begin = place + self._unpack("<I", place)
        n = self._unpack("<I", begin)
        if begin + 4 + n * kind.itemsize > len(self._data):
            raise DataError(f"{self._what} is damaged: {n} events do not fit in it")
        return np.frombuffer(self._data, kind, n, begin + 4)

    def _place(self, field: int) -> int | None:
        if field >= self._n_fields:
            return None
        offset = self._unpack("<H", self._fields + 4 + 2 * field)
        return self._root + offset if offset else None

    def _unpack(self, kind: str, place: int) -> int:
        if not 0 <= place <= len(self._data) - struct.calcsize(kind):
            raise DataError(f"{self._what} is damaged: it points outside of itself")
        found: int = struct.unpack_from(kind, self._data, place)[0]
        return found


def _unpacker(compression: int) -> Unpack:
    """What unpacks packets: none, LZ4, LZ4 (high), Zstandard, Zstandard (high)."""
    if compression == 0:
        return lambda data: data
    if compression in (1, 2):
        return _lz4
    if compression in (3, 4):
        return _zstandard
    raise DataError(f"its compression is {compression}, 0 to 4 are known")


def _lz4(data: bytes) -> bytes:
    try:
        import lz4.frame
    except ImportError as error:
        raise MissingExtra(
            "packets of this file need the package `lz4`", hint="pip install 'snnc[events]'"
        ) from error
    unpacker = lz4.frame.LZ4FrameDecompressor()
    try:
        found: bytes = unpacker.decompress(data, max_length=_MOST_BYTES)
    except RuntimeError as error:  # the one class that this package raises
        raise DataError(f"a packet is damaged: {error}") from error
    if not unpacker.eof:
        raise DataError("truncated in a packet, or it is too large")
    return found


def _zstandard(data: bytes) -> bytes:
    try:
        import zstandard
    except ImportError as error:
        raise MissingExtra(
            "packets of this file need the package `zstandard`", hint="pip install 'snnc[events]'"
        ) from error
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
            found: bytes = reader.read(_MOST_BYTES + 1)
    except zstandard.ZstdError as error:
        raise DataError(f"a packet is damaged: {error}") from error
    if len(found) > _MOST_BYTES:
        raise DataError("a packet is too large")
    return found
