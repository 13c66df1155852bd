"""Windows that the clock ends, where no event comes."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime.live import answers
from snnc.runtime.readers.events.recording import recording
from snnc.runtime.readers.preparation import EventPreparation
from snnc.runtime.stream import stream
from snnc.runtime.windows import Piece, Silence, Windows
from tests.cli.helpers import check_schema, command_line
from tests.runtime.test_live import RESET, event_model, words

HOW = EventPreparation(sensor=[1, 3], polarity="merged", window_us=100)


def at(*times: int) -> Piece:
    zeros = np.zeros(len(times), np.int64)
    return recording(np.array(times), zeros, zeros, zeros)


def counts(windows: Windows, *pieces: Piece) -> list[int | None]:
    return [None if w is None else int(w.sum()) for w in windows.of(iter(pieces))]


def test_silence_ends_windows() -> None:
    windows = Windows(HOW, wait_us=30)
    # from 1000 on, windows end at 1100, 1200, …; 30 later they are answered
    quiet = (Silence(us=79), Silence(us=80), Silence(us=179), Silence(us=280))
    assert counts(windows, at(1000, 1050), *quiet[:1]) == [2]
    windows = Windows(HOW, wait_us=30)
    assert counts(windows, at(1000, 1050), *quiet, at(1310), Silence(us=119)) == [2, 0, 0, 1]
    assert windows.n_late == 0
    assert counts(Windows(HOW), at(1000, 1050), at(1310)) == [2, 0, 0, 1]


def test_each_moment_of_silence_is_one_window() -> None:
    windows = Windows(HOW, wait_us=0)
    found: list[int] = []

    def pieces() -> Iterator[Piece]:
        yield at(7)
        for us in range(0, 1000, 10):
            yield Silence(us=us)
            # due: the end of window n, at 7 + 100 (n + 1), is past
            assert len(found) == us // 100
            assert windows.due_us() == 100 * (us // 100 + 1)

    for w in windows.of(pieces()):
        found.append(int(w.sum()) if w is not None else -1)
    assert found == [1, *[0] * 8]


def test_late_events_are_counted_and_left_out() -> None:
    windows = Windows(HOW, wait_us=10)
    # the silence ends windows 0 and 1 (up to 1200); 1150 and 1199 came too late, 1201 did not
    found = counts(windows, at(1000), Silence(us=215), at(1150, 1201, 1199, 1250))
    assert found == [1, 0, 2]
    assert windows.n_late == 2
    windows = Windows(HOW, wait_us=10)  # a reset begins anew
    found = counts(windows, at(2000), Silence(us=120), None, at(5), Silence(us=110), at(200))
    assert (found, windows.n_late) == ([1, None, 1, 1], 0)


def test_time_that_goes_back_says_where() -> None:
    with pytest.raises(DataError, match=r"cam: event 4 is at 250 µs, one before it at 510 µs") as e:
        counts(Windows(HOW, "cam"), at(100, 220), at(330, 510, 250))
    assert "eight bytes of ones" in str(e.value)
    with pytest.raises(DataError, match="event 2 is at 5 µs, one before it at 2000000 µs"):
        counts(Windows(HOW, wait_us=10), at(5), Silence(us=1_999_000), at(2_000_000), at(5))


def test_a_quiet_socket_is_answered(tmp_path: Path) -> None:
    model = event_model(tmp_path, window_us=20_000)
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(words([(1000, 1, 1, 1), (1500, 2, 0, 1)]))
                enough.wait(60)  # nothing more, until six windows have been answered

        thread = threading.Thread(target=send)
        thread.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        found, start = [], time.monotonic()
        with stream(model, engine="oracle") as running:
            for answer in answers(running, "events", address, max_wait_ms=15):
                found.append(answer)
                if len(found) == 6:
                    enough.set()
        seconds = time.monotonic() - start
        thread.join()
    assert len(found) == 6
    # the sixth window ends 120 ms after the first event, and is answered 15 ms later
    assert 0.1345 <= seconds < 30
    assert [a.outputs_int is not None and a.outputs_int.tolist() for a in found[2:]] == [
        found[1].outputs_int.tolist() if found[1].outputs_int is not None else None
    ] * 4
    assert {a.n_late for a in found} == {0}


def test_by_stdin(tmp_path: Path) -> None:
    model = event_model(tmp_path, window_us=20_000)
    args = command_line("run", model, "--stream", "events", "--data", "-", "--max-wait", "5",
                        "--engine", "oracle")  # fmt: skip
    with subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(words([(0, 1, 1, 1)]))
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.stdin.write(RESET)
        process.stdin.close()
        lines += [json.loads(line) for line in process.stdout]
    assert [line["window"] for line in lines] == list(range(len(lines)))
    assert process.returncode == 0
    for line in lines:
        check_schema("stream", line)


@pytest.mark.parametrize(
    ("kind", "source", "more", "said"),
    [
        ("frames", "-", {}, "is for events"),
        ("events", "a.bin", {}, "by stdin or a socket"),
        ("events", "-", {"framing": "fixed-count", "count": 5}, "windows of time"),
    ],
)
def test_where_no_clock_can_end_windows(
    kind: Any, source: str, more: dict[str, object], said: str, tmp_path: Path
) -> None:
    running = stream(event_model(tmp_path, **more), engine="oracle")
    with pytest.raises(WrongUsage, match=said):
        list(answers(running, kind, source, max_wait_ms=5))
