"""Events that come out of order: at the start, around the wrap of 32 bits, and behind the end."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.errors import DataError, WrongUsage
from snnc.runtime import incoming
from snnc.runtime import windows as windows_module
from snnc.runtime.live import answers
from snnc.runtime.readers.events.framing import frames
from snnc.runtime.readers.events.recording import Recording
from snnc.runtime.readers.preparation import EventPreparation
from snnc.runtime.stream import stream
from snnc.runtime.windows import Silence, Windows
from tests.runtime.test_live import RESET, event_model, words
from tests.runtime.test_windows import HOW, at, counts

WRAP = 1 << 32


def test_a_stream_begins_at_its_earliest_event() -> None:
    times = (1005, 1000, 1100, 1104, 1201, 1250)
    how = EventPreparation(sensor=[1, 3], polarity="merged", window_us=100, frames=3)
    piece = at(*times)
    assert piece is not None
    assert not isinstance(piece, Silence)
    of_file = frames(piece, how).sum((1, 2, 3)).tolist()
    assert of_file == [2, 2, 2]
    assert counts(Windows(HOW), piece) == of_file
    windows = Windows(HOW, wait_us=30)
    assert (counts(windows, piece), windows.n_late) == (of_file, 0)


def of_file(times: list[int]) -> list[int]:
    """Counts by window of a recording that is read from its file."""
    how = EventPreparation(
        sensor=[1, 3], polarity="merged", window_us=100, frames=(max(times) - min(times)) // 100 + 1
    )
    piece = at(*times)
    assert isinstance(piece, Recording)
    found: list[int] = frames(piece, how).sum((1, 2, 3)).tolist()
    return found


def test_the_first_window_begins_at_the_earliest_event_in_whatever_piece() -> None:
    times = [1000, 901, 900, 1050, 1100]
    assert counts(Windows(HOW), at(1000), at(901, 900, 1050), at(1100)) == of_file(times)
    # 1095 has come before it is known that the first window ends at 1090
    assert counts(Windows(HOW), at(1000, 1095), at(990), at(1050)) == [3, 1]
    assert of_file([1000, 1095, 990, 1050]) == [3, 1]
    with pytest.raises(DataError, match="event 1 is at 899 µs, one before it at 1000 µs"):
        counts(Windows(HOW), at(1000), at(899))
    with pytest.raises(DataError, match="event 2 is at 999 µs, one before it at 1100 µs: .* over"):
        counts(Windows(HOW), at(1000), at(1100, 999))
    windows = Windows(HOW, wait_us=30)  # it is over, so is what was before it
    assert counts(windows, at(1000), Silence(us=130), at(990, 1100)) == [1, 1]
    assert windows.n_late == 1
    windows = Windows(HOW, wait_us=30)  # by the clock as well: 990 to 1090, 1090 to 1190
    assert counts(windows, at(1000, 1095, 990), Silence(us=24), Silence(us=25), at(1120)) == [2, 2]
    windows = Windows(HOW, wait_us=30)
    assert counts(windows, at(1000), at(5), at(1001)) == [2]
    assert windows.n_late == 1


@pytest.mark.parametrize("jitter", [3, 40, 99])
def test_jitter_is_framed_as_from_the_file_or_refused(jitter: int) -> None:
    """Whatever the pieces: and they do not decide which of both it is."""
    rng = np.random.default_rng(jitter)
    equal = refused = 0
    for _ in range(300):
        spread = int(rng.choice([60, 150, 600]))
        times = (
            np.sort(rng.integers(1000, 1000 + spread, 12)) + rng.integers(0, jitter, 12)
        ).tolist()
        found: list[object] = []
        for cuts in ([12], [1, 11], [1, 1, 2, 3, 5], rng.multinomial(12, [0.25] * 4).tolist()):
            edges = np.cumsum([0, *cuts]).tolist()
            pieces = [at(*times[a:b]) for a, b in itertools.pairwise(edges)]
            try:
                found.append(counts(Windows(HOW), *pieces))
            except DataError as error:
                found.append(error.what)
        assert found == [found[0]] * 4
        if isinstance(found[0], str):
            refused += 1
        else:
            assert found[0] == of_file(times)
            equal += 1
    assert equal > 60
    assert refused or jitter == 3


@pytest.mark.parametrize(
    ("wrong", "said"), [((150, 0), "event 4 is at 150 µs"), ((320, 9), "event 4 is at row 9")]
)
def test_complete_windows_are_answered_before_an_error(wrong: tuple[int, int], said: str) -> None:
    """In whatever pieces the events come: 100 to 200 and 200 to 300 are over, 300 is not."""
    t = np.array([100, 120, 210, 310, wrong[0], 400])
    y = np.array([0, 0, 0, 0, wrong[1], 0])
    zeros = np.zeros(6, np.int64)
    whole = Recording(t=t, x=zeros, y=y, p=zeros)
    for edges in ([0, 6], [0, 4, 6], [0, 2, 5, 6], list(range(7))):
        pieces = [whole.part(slice(a, b)) for a, b in itertools.pairwise(edges)]
        found: list[int] = []
        with pytest.raises(DataError, match=said):
            found.extend(int(w.sum()) for w in Windows(HOW).of(iter(pieces)) if w is not None)
        assert found == [2, 1]


def test_what_is_kept_of_the_first_window_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_module, "_MOST_OPENING", 3)
    assert counts(Windows(HOW), at(1000, 1001), at(1002), at(1003, 1100)) == [4, 1]
    with pytest.raises(DataError, match="event 3 is at 999 µs"):
        counts(Windows(HOW), at(1000, 1001), at(1002), at(999))


def sent(*data: bytes) -> tuple[str, threading.Thread]:
    """The address where these bytes come, and who sends them."""
    server = socket.create_server(("127.0.0.1", 0))

    def send() -> None:
        connection, _ = server.accept()
        with server, connection:
            for part in data:
                connection.sendall(part)

    thread = threading.Thread(target=send)
    thread.start()
    return f"tcp://127.0.0.1:{server.getsockname()[1]}", thread


@pytest.mark.parametrize(
    ("given", "since"),
    [
        ((-30, -1, 5, -2, 40, -3, 50), [0, 29, 35, 28, 70, 27, 80]),
        ((5, -2, 6), [0, -7, 1]),  # the first is late
        ((10, 3 << 30, 20), [0, (3 << 30) - 10, WRAP + 10]),  # silence, not disorder
    ],
)
def test_disorder_around_the_wrap(given: tuple[int, ...], since: list[int]) -> None:
    records = [words([(t % WRAP, 1, 1, 1)]) for t in given]
    address, thread = sent(words([(7, 0, 0, 0)]), RESET, *records)
    times: list[int] = []
    for piece in incoming.events(address, HOW, lambda: None):
        if piece is None:
            times.clear()
        else:
            assert not isinstance(piece, Silence)
            times += piece.t.tolist()
    thread.join()
    assert (np.array(times) - times[0]).tolist() == since


def test_late_events_behind_the_last_answer_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = event_model(tmp_path, window_us=100)
    # window 0 is answered by the clock; two events of it come later, and one at the very end
    came = [at(1000), Silence(us=130), at(1050, 1060), at(1130), Silence(us=110), at(1001)]
    for pieces, told, rest in (
        (came, [0, 2], 1),
        ([*came, None], [0, 2], 1),
        (came[:4], [0, 2], 0),
    ):
        monkeypatch.setattr(incoming, "events", lambda source, how, due, p=pieces: iter(p))
        caplog.clear()
        with stream(model, engine="oracle") as running, caplog.at_level(logging.WARNING):
            found = list(answers(running, "events", "-", max_wait_ms=0.03))
        assert [answer.n_late for answer in found] == told
        said = [record.getMessage() for record in caplog.records]
        assert [line.partition(" after")[0] for line in said] == [f"{rest} events came"] * (
            rest > 0
        )


@pytest.mark.parametrize("wait", [float("inf"), float("nan"), 1e20, 86_400_001, -1])
def test_waits_that_are_none(wait: float, tmp_path: Path) -> None:
    running = stream(event_model(tmp_path), engine="oracle")
    with pytest.raises(WrongUsage, match="a longest wait of"):
        list(answers(running, "events", "-", max_wait_ms=wait))


def test_a_wait_longer_than_the_system_takes() -> None:
    address, thread = sent(words([(1, 1, 1, 1)]))
    assert [p for p in incoming.events(address, HOW, lambda: 1 << 80)]
    thread.join()
