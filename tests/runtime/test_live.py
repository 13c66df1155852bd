"""Streams: a recording from a file, by stdin and as one run gives the same; memory stays flat."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.errors import BadInputFile, DataError, WrongUsage
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.runtime.live import answers
from snnc.runtime.model import Model
from snnc.runtime.readers.events.recording import Recording
from snnc.runtime.readers.preparation import EventPreparation
from snnc.runtime.run import run
from snnc.runtime.stream import stream
from snnc.runtime.windows import Windows
from tests.cli.helpers import check_schema, command_line, snnc
from tests.needs import data_file
from tests.runtime.models import reference, samples, save_model
from tests.runtime.readers import event_files

EVENTS = {"sensor": [2, 3], "polarity": "merged", "clip": 4, "window_us": 20_000, "frames": 15}
RESET = b"\xff" * 8


def event_model(folder: Path, **more: object) -> Path:
    manifest = {"preparation": {"events": {**EVENTS, **more}}}
    return save_model(folder, shape=(1, 2, 3), manifest=manifest)


def words(events: event_files.Events) -> bytes:
    return b"".join(struct.pack("<II", t, p << 28 | y << 14 | x) for t, x, y, p in events)


def test_a_recording_from_file_by_stream_and_as_one_run(tmp_path: Path) -> None:
    model = event_model(tmp_path)
    events = event_files.some_events(120, 3, 2)
    event_files.nmnist(tmp_path / "r.bin", events)
    whole = run(model, tmp_path / "r.bin", engine="oracle")
    with stream(model, engine="oracle") as running:
        found = list(answers(running, "events", str(tmp_path / "r.bin")))
    assert whole.outputs_int is not None
    expected = whole.outputs_int[0, : len(found)].tolist()
    assert [a.outputs_int.tolist() for a in found if a.outputs_int is not None] == expected
    assert len(found) == (events[-1][0] - events[0][0]) // 20_000 + 1

    args = command_line("run", model, "--stream", "events", "--data", "-", "--engine", "oracle")
    sent = words(events) + RESET + words(events[:9])
    done = subprocess.run(args, input=sent, capture_output=True, check=True, timeout=120)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        check_schema("stream", line)
    assert [line["outputs_int"] for line in lines[: len(found)]] == expected
    assert [line["window"] for line in lines[len(found) :]][:1] == [0]
    assert lines[0]["prediction"] == int(np.argmax(expected[0]))


def test_json_says_when_the_model_is_ready(tmp_path: Path) -> None:
    """The line comes before any frame has, and the first answer needs no more of the engine."""
    args = command_line("run", save_model(tmp_path), "--stream", "frames", "--data", "-",
                        "--engine", "dense", "--json")  # fmt: skip
    x, _ = samples(3)
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        process.stdin.write(x.tobytes())
        process.stdin.close()
        lines = [json.loads(line) for line in process.stdout]
    for line in (ready, *lines):
        check_schema("stream", line)
    assert ready["ready"] is True
    assert ready["frame_shape"] == list(x.shape[1:])
    assert ready["frame_dtype"] == str(x.dtype)
    assert [line["outputs_int"] for line in lines] == reference(x).tolist()


def test_frames_by_socket(tmp_path: Path) -> None:
    model = save_model(tmp_path)
    x, _ = samples(7)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            connection, _ = server.accept()
            with connection:
                for byte in x.tobytes():
                    connection.sendall(bytes([byte]))

        thread = threading.Thread(target=send)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with stream(model, engine="oracle") as running:
            found = [a.outputs_int for a in answers(running, "frames", address)]
        thread.join()
    np.testing.assert_array_equal(np.stack([f for f in found if f is not None]), reference(x))


def test_what_a_stream_refuses(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(bytes(13))
    (tmp_path / "plain").mkdir()
    running = stream(save_model(tmp_path / "plain"), engine="oracle")
    with pytest.raises(DataError, match="it ends 1 bytes into a record of 6"):
        list(answers(running, "frames", str(tmp_path / "cut")))
    with pytest.raises(BadInputFile, match="cannot be read"):
        list(answers(running, "frames", str(tmp_path / "none")))
    with pytest.raises(WrongUsage, match=r"under \[events\]"):
        list(answers(running, "events", "-"))
    whole = stream(event_model(tmp_path, framing="voxel-grid"), engine="oracle")
    with pytest.raises(WrongUsage, match="windows of a known length"):
        list(answers(whole, "events", "-"))


def test_what_comes_wrong_says_where(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    running = stream(event_model(tmp_path), engine="oracle")
    for address in ("tcp://127.0.0.1", "tcp://:7", "tcp://h:x", "tcp://h:70000"):
        with pytest.raises(WrongUsage, match="no host and port"):
            list(answers(running, "frames", address))
    assert not caplog.records
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert list(answers(running, "frames", str(empty))) == []
    assert [r.getMessage() for r in caplog.records] == [f"{empty} ended before anything came"]
    (tmp_path / "plain").mkdir()
    analog = stream(save_model(tmp_path / "plain", dtype="float32"), engine="oracle")
    values = np.zeros((3, *analog.frame_shape), "<f4")
    values[2] = np.nan
    (tmp_path / "f").write_bytes(values.tobytes())
    with pytest.raises(DataError, match=r"f, window 2: it holds NaN or infinite"):
        list(answers(analog, "frames", str(tmp_path / "f")))
    windows = Windows(EventPreparation(**EVENTS), "cam")  # type: ignore[arg-type]
    given = event_files.some_events(9, 3, 2)
    with pytest.raises(DataError, match="cam: event 8 is at row 5, column 0, outside of a sensor"):
        list(windows.of(pieces([*given[:8], (given[8][0], 0, 5, 1)], [6, 3])))


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("frames", "nofile.dat", "cannot be read: .*No such file"),
        ("frames", ".", "cannot be read: a folder"),
        ("frames", "tcp://nope", "no host and port"),
        ("events", "tcp://nope", "no host and port"),
        ("events", "nofile.dat", "no such file"),
        ("events", "a.txt", "this is no recording of events"),
        ("plain", "-", r"under \[events\]"),
        ("voxel-grid", "-", "windows of a known length"),
    ],
)
def test_what_is_wrong_is_said_before_the_engine_is_made(
    kind: str, source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here whatever makes it ready is an error of its own."""
    monkeypatch.setattr("snnc.runtime.stream.open_engine", None)
    (tmp_path / "a.txt").touch()
    more = {"framing": kind} if kind == "voxel-grid" else {}
    model = save_model(tmp_path) if kind == "plain" else event_model(tmp_path, **more)
    given = source if source == "-" or "://" in source else str(tmp_path / source)
    how = "frames" if kind == "frames" else "events"
    done = snnc("run", model, "--data", given, "--engine", "oracle", "--json", "--stream", how)
    assert re.search(said, done.json["error"]["what"] + str(done.json["error"]["where"]))


def pieces(events: event_files.Events, sizes: list[int]) -> Iterator[Recording]:
    columns = [np.array(c) for c in zip(*events, strict=True)]
    begin = 0
    for size in sizes:
        part = [c[begin : begin + size] for c in columns]
        yield Recording(t=part[0], x=part[1], y=part[2], p=part[3])
        begin += size


@pytest.mark.parametrize("framing", ["time-bins", "fixed-count"])
def test_pieces_change_nothing(framing: str) -> None:
    events = event_files.some_events(100, 3, 2)
    how = EventPreparation(**{**EVENTS, "framing": framing, "count": 7})  # type: ignore[arg-type]
    whole = [w.tolist() for w in Windows(how).of(pieces(events, [100])) if w is not None]
    parts = [
        w.tolist() for w in Windows(how).of(pieces(events, [1, 50, 0, 9, 40])) if w is not None
    ]
    assert parts == whole
    assert len(whole) == 15


def camera_model() -> tuple[Model, IntArray]:
    """Ten neurons on a camera of 34 x 34 with two polarities, and their weights."""
    weight = np.random.default_rng(4).integers(-3, 4, (10, 2 * 34 * 34))
    fire = IntegerFire(lo=0, thresholds=np.array([[3, 20, 50, 90]]))
    graph = Graph(
        name="camera",
        nodes=[
            Input(name="x", shape=(2, 34, 34), dtype="uint8", lo=0, hi=15),
            Population(name="k", shape=(10,), model=fire),
            Output(name="y", shape=(10,)),
        ],
        projections=[
            Projection(name="fc", source="x", target="k", map=Dense(weight=weight)),
            Projection(name="read", source="k", target="y", map=Identity(shape=(10,))),
        ],
        form="integer",
    )
    how = {"sensor": [34, 34], "frames": 10, "window_us": 30_000, "clip": 15}
    file = SnncFile(
        float_graph=graph, integer_graph=graph, manifest={"preparation": {"events": how}}
    )
    model = Model(path=None, file=file, bundle=None, target="sim", settings=RunSettings())
    return model, weight


@pytest.mark.data
def test_real_recordings_from_file_and_by_stream(tmp_path: Path) -> None:
    z = np.load(data_file("events/nmnist_train1000.npz"))
    model, weight = camera_model()
    for i in range(3):
        part = slice(*z["offset"][i : i + 2])
        t = np.cumsum(z["dt_us"][part].astype(np.int64))
        columns = (t, z["x"][part], z["y"][part], z["p"][part].astype(int))
        events = [(int(a), int(b), int(c), int(d)) for a, b, c, d in zip(*columns, strict=True)]
        event_files.nmnist(tmp_path / "r.bin", events)
        whole = run(model, tmp_path / "r.bin", engine="oracle").outputs_int
        with stream(model, engine="oracle") as running:
            found = list(answers(running, "events", str(tmp_path / "r.bin")))
        assert whole is not None
        expected = np.zeros((len(found), 2, 34, 34), np.int64)
        for time, x, y, p in events:
            expected[(time - events[0][0]) // 30_000, p, y, x] += 1
        sums = np.minimum(expected, 15).reshape(len(found), -1) @ weight.T
        counts = sum((sums >= theta).astype(int) for theta in (3, 20, 50, 90))
        np.testing.assert_array_equal(np.stack([f.outputs for f in found]), counts)
        n = min(10, len(found))
        np.testing.assert_array_equal(whole[0, :n], np.asarray(counts)[:n])
        assert np.unique(counts).size > 3


def resident_kb() -> int:
    """Memory of this process as it is now (its peak may be an earlier test's)."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads memory as Linux gives it")
def test_an_hour_in_constant_memory(tmp_path: Path) -> None:
    """36,000 windows of 100 ms, by a socket; memory after a tenth and at the end."""
    model = event_model(tmp_path, window_us=100_000)
    early, n = 0, 0
    with socket.create_server(("127.0.0.1", 0)) as server:

        def feed() -> None:
            rng = np.random.default_rng(0)
            connection, _ = server.accept()
            with connection:
                for second in range(3600):
                    t = np.sort(rng.integers(second * 10**6, (second + 1) * 10**6, 50))
                    place = rng.integers(0, 3, 50) | rng.integers(0, 2, 50) << 14
                    connection.sendall(np.stack([t, place], axis=1).astype("<u4").tobytes())

        thread = threading.Thread(target=feed)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with stream(model, engine="oracle") as running:
            for answer in answers(running, "events", address):
                n += 1
                if answer.window == 3600:
                    early = resident_kb()
        thread.join()
    assert 35_990 <= n <= 36_000
    end = resident_kb()
    print(f"{n} windows, {early} kB after a tenth, {end} kB at the end")
    assert end <= 1.05 * early
