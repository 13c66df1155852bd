"""AEDAT 4 that is damaged, or more than one recording: nothing is dropped, merged or unpacked."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from snnc.ir.errors import DataError
from snnc.runtime.readers import decoders
from snnc.runtime.readers.events import aedat4
from snnc.runtime.readers.events.recording import Recording
from snnc.runtime.readers.preparation import EventPreparation
from tests import needs
from tests.runtime.readers import event_files as files

HOW = EventPreparation(sensor=[30, 34])
EVENTS = files.some_events(6)
NO_TABLE = struct.pack("<q", -1)


def made(folder: Path, compression: int = 0) -> tuple[bytes, bytes]:
    """A file's head, whose table of packets is nowhere, and its one packet."""
    files.aedat4(folder / "one.aedat4", EVENTS, compression)
    data = (folder / "one.aedat4").read_bytes()
    begin = len(b"#!AER-DAT4.0\r\n")
    (size,) = struct.unpack_from("<I", data, begin)
    head = data[: begin + 4 + size]
    assert head.count(NO_TABLE) == 1
    return head, data[len(head) :]


def read(folder: Path, data: bytes) -> Recording:
    (folder / "a.aedat4").write_bytes(data)
    return decoders.read_recording(folder / "a.aedat4", HOW)


def test_the_table_begins_behind_a_packet(tmp_path: Path) -> None:
    head, packet = made(tmp_path)

    def with_table_at(place: int) -> bytes:
        return head.replace(NO_TABLE, struct.pack("<q", place)) + 2 * packet + b"the table"

    both = len(head) + 2 * len(packet)
    assert read(tmp_path, with_table_at(both)).t.tolist() == 2 * [t for t, *_ in EVENTS]
    for place in (0, len(head) + 5, both - 1):  # events behind it would be left out
        with pytest.raises(DataError, match=r"a\.aedat4: .*does not begin behind a packet"):
            read(tmp_path, with_table_at(place))


def test_several_streams_are_not_merged(tmp_path: Path) -> None:
    head, packet = made(tmp_path)
    other = struct.pack("<i", 3) + packet[4:]
    with pytest.raises(DataError, match="several streams of events: 0, 3"):
        read(tmp_path, head + packet + other)


def test_packets_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, packet = made(tmp_path)
    monkeypatch.setattr(aedat4, "_MOST_IN_ALL", 2 * (len(packet) - 8))
    assert len(read(tmp_path, head + 3 * packet)) == 18  # it is as large as what it gives
    monkeypatch.setattr(aedat4, "_MOST_RATIO", 0)
    assert len(read(tmp_path, head + 2 * packet)) == 12
    with pytest.raises(DataError, match=f"more than {2 * (len(packet) - 8)} bytes"):
        read(tmp_path, head + 3 * packet)


@pytest.mark.parametrize(("compression", "package"), [(1, "lz4.frame"), (3, "zstandard")])
def test_what_cannot_be_unpacked(compression: int, package: str, tmp_path: Path) -> None:
    needs.module(package)
    head, packet = made(tmp_path, compression)  # it is not compressed at all
    with pytest.raises(DataError, match=r"a\.aedat4: a packet is damaged"):
        read(tmp_path, head + packet)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (struct.error("unpack"), "cannot be read: unpack"),
        (RuntimeError(), "cannot be read: RuntimeError"),
        (MemoryError(), "does not fit in memory"),
    ],
)
def test_any_reader_that_fails_says_which_file(
    error: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, how: EventPreparation) -> Recording:
        raise error

    reader: tuple[tuple[str, ...], Callable[[Path, EventPreparation], Recording]]
    reader = ((".aedat4",), fail)
    monkeypatch.setitem(decoders.EVENT_READERS, "AEDAT 4", reader)
    with pytest.raises(DataError, match=rf"a\.aedat4: .*{said}"):
        read(tmp_path, b"")
