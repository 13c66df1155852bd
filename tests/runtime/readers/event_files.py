"""Small recordings written byte by byte in every format that snnc reads."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TypeAlias

import numpy as np

Events: TypeAlias = list[tuple[int, int, int, int]]
"""(t, x, y, p) of each event."""


def some_events(n: int = 200, width: int = 34, height: int = 30, seed: int = 0) -> Events:
    rng = np.random.default_rng(seed)
    t = np.sort(rng.integers(0, 300_000, n))
    columns = (t, rng.integers(0, width, n), rng.integers(0, height, n), rng.integers(0, 2, n))
    return [tuple(int(v) for v in row) for row in zip(*columns, strict=True)]  # type: ignore[misc]


def nmnist(path: Path, events: Events) -> None:
    with path.open("wb") as f:
        for t, x, y, p in events:
            f.write(bytes([x, y, p << 7 | t >> 16 & 0x7F, t >> 8 & 0xFF, t & 0xFF]))


def aedat2(path: Path, events: Events, chip: str) -> None:
    with path.open("wb") as f:
        f.write(b"#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips." + chip.encode() + b"\r\n")
        for t, x, y, p in events:
            if chip == "DVS128":
                f.write(struct.pack(">II", y << 8 | x << 1 | (1 - p), t))
                continue
            address = y << 22 | x << 12 | p << 11
            f.write(struct.pack(">II", address, t))
            f.write(struct.pack(">II", 1 << 31 | address, t))  # a frame's pixel


def aedat3(path: Path, events: Events) -> None:
    def packet(kind: int, size: int, overflow: int, bodies: list[bytes]) -> bytes:
        n = len(bodies)
        head = struct.pack("<hhiiiiii", kind, 0, size, 4, overflow, n, n, n)
        return head + b"".join(bodies)

    with path.open("wb") as f:
        f.write(b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n")
        f.write(packet(0, 8, 0, [bytes(8)]))  # a special event
        for first in range(0, len(events), 64):
            part = events[first : first + 64]
            words = [struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in part]
            words.append(struct.pack("<II", 3 << 17, 5))  # not valid
            f.write(packet(1, 8, 0, words))


def aedat4(path: Path, events: Events, compression: int = 0) -> None:
    import flatbuffers

    def finish(builder: flatbuffers.Builder, table: int, name: bytes) -> bytes:
        builder.FinishSizePrefixed(table, file_identifier=name)
        return bytes(builder.Output())

    info = (
        '<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">'
        '<node name="0" path="/mainloop/Recorder/outInfo/0/">'
        '<attr key="compression" type="string">NONE</attr>'
        '<attr key="originalModuleName" type="string">capture</attr>'
        '<attr key="originalOutputName" type="string">events</attr>'
        '<attr key="typeIdentifier" type="string">EVTS</attr>'
        '<node name="info" path="/mainloop/Recorder/outInfo/0/info/">'
        '<attr key="sizeX" type="int">34</attr><attr key="sizeY" type="int">30</attr>'
        '<attr key="source" type="string">c</attr></node></node></node></dv>'
    )
    b = flatbuffers.Builder(1024)
    text = b.CreateString(info)
    b.StartObject(3)
    b.PrependInt32Slot(0, compression, -1)
    b.PrependInt64Slot(1, -1, 0)
    b.PrependUOffsetTRelativeSlot(2, text, 0)
    header = finish(b, b.EndObject(), b"IOHE")
    b = flatbuffers.Builder(1024)
    b.StartVector(16, len(events), 8)
    for t, x, y, p in reversed(events):
        b.Prep(8, 16)
        b.Pad(3)
        b.PrependBool(bool(p))
        b.PrependInt16(y)
        b.PrependInt16(x)
        b.PrependInt64(t)
    elements = b.EndVector()
    b.StartObject(1)
    b.PrependUOffsetTRelativeSlot(0, elements, 0)
    packet = finish(b, b.EndObject(), b"EVTS")
    with path.open("wb") as f:
        f.write(b"#!AER-DAT4.0\r\n" + header)
        f.write(struct.pack("<ii", 0, len(packet)) + packet)


def dat(path: Path, events: Events) -> None:
    with path.open("wb") as f:
        f.write(b"% Data file containing CD events.\n% Version 2\n% Height 30\n% Width 34\n")
        f.write(bytes([0x0C, 8]))
        for t, x, y, p in events:
            f.write(struct.pack("<II", t, p << 28 | y << 14 | x))


def evt2(path: Path, events: Events) -> None:
    high = None
    with path.open("wb") as f:
        f.write(b"% date 2024-01-01\n% evt 2.0\n% end\n")
        for t, x, y, p in events:
            if t >> 6 != high:
                high = t >> 6
                f.write(struct.pack("<I", 8 << 28 | high))
            f.write(struct.pack("<I", p << 28 | (t & 63) << 22 | x << 11 | y))


def evt3_words(path: Path, words: list[int]) -> None:
    path.write_bytes(b"% evt 3.0\n% end\n" + struct.pack(f"<{len(words)}H", *words))


def evt3_by_hand(words: list[int]) -> Events:  # noqa: C901
    """The state machine of the format's description, one word at a time."""
    found: Events = []
    time_high = time_low = y = base = polarity = 0
    wraps = 0
    has_time = has_y = False
    for word in words:
        kind, value = word >> 12, word & 0xFFF
        t = ((wraps << 12 | time_high) << 12) | time_low
        if kind == 0x8:
            if has_time and value < time_high - 2048:
                wraps += 1
            time_high, time_low, has_time = value, 0, True
        elif kind == 0x6:
            time_low = value
        elif kind == 0x0:
            y, has_y = value & 0x7FF, True
        elif kind == 0x2 and has_time and has_y:
            found.append((t, value & 0x7FF, y, value >> 11))
        elif kind == 0x3:
            base, polarity = value & 0x7FF, value >> 11
        elif kind in (0x4, 0x5):
            for lane in range(12 if kind == 0x4 else 8):
                if value >> lane & 1 and has_time and has_y:
                    found.append((t, base + lane, y, polarity))
            base += 12 if kind == 0x4 else 8
    return found
