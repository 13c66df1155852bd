"""Every event format gives back what was written; framings against loops over events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError
from snnc.runtime.readers.decoders import read_recording
from snnc.runtime.readers.events.framing import frames
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation
from tests import needs
from tests.needs import data_file
from tests.runtime.readers import event_files as files

OTHERS = Path(__file__).parent / "written_by_others"
HOW = EventPreparation(sensor=[30, 34])
WRITERS: dict[str, Callable[[Path, files.Events], None]] = {
    "a.bin": files.nmnist,
    "dvs.aedat": lambda path, events: files.aedat2(path, events, "DVS128"),
    "davis.aedat": lambda path, events: files.aedat2(path, events, "davis.DAVIS240C"),
    "three.aedat": files.aedat3,
    "four.aedat4": files.aedat4,
    "a.dat": files.dat,
    "two.raw": files.evt2,
}


def listed(found: Recording) -> files.Events:
    columns = (found.t.tolist(), found.x.tolist(), found.y.tolist(), found.p.tolist())
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize("name", list(WRITERS))
def test_formats(name: str, tmp_path: Path) -> None:
    events = files.some_events()
    WRITERS[name](tmp_path / name, events)
    assert listed(read_recording(tmp_path / name, HOW)) == events


@pytest.mark.parametrize("seed", range(5))
def test_evt3_against_its_state_machine(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(
        [0, 2, 3, 4, 5, 6, 8, 0xA, 0xE], 3000, p=[0.15, 0.2, 0.1] + [0.15] * 2 + [0.1] + [0.05] * 3
    )
    values = rng.integers(0, 4096, 3000)
    ticks = np.cumsum(kinds == 8) * 700 % 4096  # wraps every few words
    values = np.where(kinds == 8, ticks, values)
    values = np.where(kinds == 6, values % 2048, values)  # never more than half a period back
    words = [int(k) << 12 | int(v) for k, v in zip(kinds, values, strict=True)]
    files.evt3_words(tmp_path / "three.raw", words)
    found = listed(read_recording(tmp_path / "three.raw", HOW))
    assert found == files.evt3_by_hand(words)
    assert len(found) > 500


def test_evt3_with_lost_times_is_refused(tmp_path: Path) -> None:
    words = [0x8001, 0x6FFE, 0x0005, 0x2007, 0x6003, 0x2008]
    files.evt3_words(tmp_path / "three.raw", words)
    with pytest.raises(DataError, match="begins again at word 4"):
        read_recording(tmp_path / "three.raw", HOW)
    files.evt3_words(tmp_path / "three.raw", [*words[:4], 0x8002, *words[4:]])
    found = listed(read_recording(tmp_path / "three.raw", HOW))
    assert found == [(4096 + 4094, 7, 5, 0), (2 * 4096 + 3, 8, 5, 0)]


@pytest.mark.parametrize("name", sorted(p.name for p in OTHERS.iterdir() if p.suffix != ".md"))
def test_files_of_other_writers(name: str) -> None:
    """Written by others from `some_events(60)`: see the README beside them."""
    if name.endswith("aedat4"):
        needs.module("lz4")
        needs.module("zstandard")
    assert listed(read_recording(OTHERS / name, HOW)) == files.some_events(60)


@pytest.mark.parametrize("name", ["dv_none.aedat4", "dv_lz4.aedat4", "dv_zstd.aedat4"])
def test_another_reader_of_aedat4_gives_the_same(name: str) -> None:
    aedat = needs.module("aedat")
    found = read_recording(OTHERS / name, HOW)
    (packet,) = [p["events"] for p in aedat.Decoder(OTHERS / name) if "events" in p]
    for ours, theirs in ((found.t, "t"), (found.x, "x"), (found.y, "y"), (found.p, "on")):
        np.testing.assert_array_equal(ours, packet[theirs])


@pytest.mark.data
def test_recordings_of_nmnist(tmp_path: Path) -> None:
    z = np.load(data_file("events/nmnist_train1000.npz"))
    for i in (0, 17):
        part = slice(*z["offset"][i : i + 2])
        t = np.cumsum(z["dt_us"][part].astype(np.int64))
        columns = (t, z["x"][part], z["y"][part], z["p"][part].astype(int))
        events = [tuple(int(v) for v in row) for row in zip(*columns, strict=True)]
        files.nmnist(tmp_path / "r.bin", events)  # type: ignore[arg-type]
        assert listed(read_recording(tmp_path / "r.bin", HOW)) == events


def test_the_clock_of_nmnist_wraps(tmp_path: Path) -> None:
    files.nmnist(tmp_path / "r.bin", [(5, 1, 2, 1), (0, 0, 240, 0), (7, 3, 4, 0)])
    found = read_recording(tmp_path / "r.bin", HOW)
    assert listed(found) == [(5, 1, 2, 1), (7 + 8192, 3, 4, 0)]


@pytest.mark.parametrize("name", list(WRITERS))
def test_damaged_recordings_are_refused(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, files.some_events())
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2 + 1], b"", b"#!AER-DAT9\n" + whole, bytes(7)):
        (tmp_path / name).write_bytes(content)
        try:
            found = read_recording(tmp_path / name, HOW)
        except (DataError, OSError, ValueError):
            continue
        assert len(found) < 200
    with pytest.raises(BadInputFile, match="no such file"):
        read_recording(tmp_path / f"other{Path(name).suffix}", HOW)
    with pytest.raises(BadInputFile, match="no recording"):
        read_recording(tmp_path / "a.txt", HOW)


def by_hand(
    events: files.Events, how: EventPreparation, frame_of: Callable[[int, int], int]
) -> Array:
    height, width = how.size or how.sensor
    two = how.polarity == "channels"
    found = np.zeros((how.frames, 2 if two else 1, height, width), np.int64)
    for i, (t, x, y, p) in enumerate(events):
        frame = frame_of(i, t - events[0][0])
        if frame < how.frames:
            row, column = y * height // how.sensor[0], x * width // how.sensor[1]
            sign = -1 if how.polarity == "signed" and not p else 1
            found[frame, p if two else 0, row, column] += sign
    return found


@pytest.mark.parametrize("polarity", ["channels", "merged", "signed"])
@pytest.mark.parametrize("size", [None, [10, 17]])
def test_framings(polarity: str, size: list[int] | None) -> None:
    events = files.some_events()
    made = recording(*(np.array(c) for c in zip(*events, strict=True)))
    length = events[-1][0] - events[0][0] + 1

    def how(**more: object) -> EventPreparation:
        return EventPreparation(sensor=[30, 34], polarity=polarity, size=size, **more)  # type: ignore[arg-type]

    for wanted, frame_of in (
        (how(frames=7), lambda i, t: t * 7 // length),
        (how(frames=4, window_us=50_000), lambda i, t: t // 50_000),
        (how(frames=6, framing="fixed-count", count=30), lambda i, t: i // 30),
        (how(frames=50, framing="raw"), lambda i, t: i),
    ):
        found = frames(made, wanted)
        assert found.tolist() == by_hand(events, wanted, frame_of).tolist()
        assert found.any()


def test_voxel_grid() -> None:
    events = files.some_events(50)
    made = recording(*(np.array(c) for c in zip(*events, strict=True)))
    found = frames(made, EventPreparation(sensor=[30, 34], framing="voxel-grid", frames=5))
    expected = np.zeros((5, 1, 30, 34))
    first, span = events[0][0], events[-1][0] - events[0][0]
    for t, x, y, p in events:
        for bin_ in range(5):
            share = max(0.0, 1 - abs(bin_ - 4 * (t - first) / span))
            expected[bin_, 0, y, x] += share if p else -share
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_mirrored_and_clipped() -> None:
    made = recording(*(np.array(c) for c in ([0, 1, 2], [1, 1, 0], [0, 0, 2], [1, 1, 1])))
    how = EventPreparation(sensor=[3, 4], polarity="merged", mirror="xy", clip=1)
    assert np.argwhere(frames(made, how)[0, 0]).tolist() == [[0, 3], [2, 2]]
    assert frames(made, how).max() == 1


def test_events_outside_of_the_sensor_and_none() -> None:
    made = recording(*(np.array(c) for c in ([0, 1], [1, 9], [0, 0], [1, 1])))
    with pytest.raises(DataError, match="event 1 is at row 0, column 9"):
        frames(made, EventPreparation(sensor=[3, 4]))
    with pytest.raises(DataError, match="no events"):
        frames(made.part(slice(0, 0)), EventPreparation(sensor=[3, 4]))
