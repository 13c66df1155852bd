"""`.aedat`: AEDAT 2.0 of jAER and AEDAT 3.1 of cAER (DVS-Gesture).

docs.inivation.com, "AEDAT file formats". 2.0: big-endian pairs of address and microseconds, the
address laid out as the chip has it; 3.1: little-endian packets with a header of 28 bytes. Rows and
columns are those of the address; what a viewer mirrors, `mirror` under [events] says.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation

SUFFIXES = (".aedat",)
_POLARITY_EVENT = 1
_HEAD_BYTES = 28
_LAYOUTS = {
    # chip: x shift, x mask, y shift, y mask, polarity bit, that bit's value for on
    "dvs128": (1, 0x7F, 8, 0x7F, 0, 0),  # jAER DVS128: type = (1 - address) & 1
    "davis": (12, 0x3FF, 22, 0x1FF, 11, 1),
}
_DAVIS_FRAME = 1 << 31


def read(path: Path, how: EventPreparation) -> Recording:
    """Read a file of either version."""
    data = path.read_bytes()
    first = data.split(b"\n", 1)[0].strip()
    if first.startswith(b"#!AER-DAT2"):
        return _read_2(data, how)
    if first.startswith(b"#!AER-DAT3"):
        return _read_3(data)
    raise DataError(f"AEDAT of version 2 or 3 begins with #!AER-DAT, this with {first[:12]!r}")


def _read_2(data: bytes, how: EventPreparation) -> Recording:
    start, header = 0, b""
    while data[start : start + 1] == b"#":
        end = data.find(b"\n", start) + 1
        if not end:
            raise DataError("the header has no end")
        header, start = header + data[start:end], end
    chip = how.chip or _chip_of(header)
    if (len(data) - start) % 8:
        raise DataError(f"{len(data) - start} bytes are no whole number of eight-byte events")
    pairs = np.frombuffer(data, ">u4", offset=start).reshape(-1, 2).astype(np.int64)
    address, t = pairs[:, 0], pairs[:, 1]
    if chip == "davis":
        pixels = (address & _DAVIS_FRAME) == 0
        pixels &= (address & (1 << 10)) == 0  # external inputs and inertial data
        address, t = address[pixels], t[pixels]
    x_shift, x_mask, y_shift, y_mask, bit, on = _LAYOUTS[chip]
    x, y = (address >> x_shift) & x_mask, (address >> y_shift) & y_mask
    return recording(_unwrapped(t), x, y, ((address >> bit) & 1) == on)


def _chip_of(header: bytes) -> str:
    lower = header.lower()
    for chip in _LAYOUTS:
        if chip.encode() in lower:
            return chip
    raise DataError(
        "its header does not name the chip", hint='say `chip = "dvs128"` or "davis" under [events]'
    )


def _unwrapped(t: Array) -> Array:
    """Times of 32 bits that have begun again at zero go on."""
    back = np.diff(t, prepend=t[:1]) < -(1 << 31)
    return t + np.cumsum(back) * (1 << 32)


def _read_3(data: bytes) -> Recording:
    mark = b"#!END-HEADER\r\n"
    start = data.find(mark)
    if start < 0:
        raise DataError("the header has no end")
    start += len(mark)
    times, words = [], []
    while start < len(data):
        if start + _HEAD_BYTES > len(data):
            raise DataError("truncated in the header of a packet")
        kind = int.from_bytes(data[start : start + 2], "little")
        head = np.frombuffer(data, "<i4", count=6, offset=start + 4)
        size, overflow, capacity, number = (int(head[i]) for i in (0, 2, 3, 4))
        begin = start + _HEAD_BYTES
        start = begin + size * capacity
        if size <= 0 or capacity < number or number < 0 or begin + size * number > len(data):
            raise DataError("truncated or damaged in a packet")
        if kind != _POLARITY_EVENT:
            continue
        if size != 8:
            raise DataError(f"polarity events of {size} bytes, not of 8")
        pairs = np.frombuffer(data, "<u4", count=2 * number, offset=begin).reshape(-1, 2)
        valid = (pairs[:, 0] & 1) == 1
        words.append(pairs[valid, 0])
        times.append(pairs[valid, 1].astype(np.int64) + (overflow << 31))
    word = np.concatenate(words or [np.zeros(0, np.uint32)]).astype(np.int64)
    t = np.concatenate(times or [np.zeros(0, np.int64)])
    return recording(t, word >> 17, (word >> 2) & 0x7FFF, (word >> 1) & 1)
