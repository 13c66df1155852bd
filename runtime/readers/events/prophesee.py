"""`.dat` and `.raw` (EVT 2.0, EVT 3.0) of Prophesee.

docs.prophesee.ai, "Data formats". Little-endian after lines of `%`. `.dat`: microseconds and a word
of x (14 bits), y (14), polarity (bit 28). EVT 2.0: words of 32 bits, EVT 3.0 of 16, with a type in
the upper four bits and parts of time and place that hold until they are said again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import DataError
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation

SUFFIXES = (".dat", ".raw")
_OFF, _ON, _HIGH_2 = 0x0, 0x1, 0x8
_ADDR_Y, _ADDR_X, _BASE_X, _VECT_12, _VECT_8, _TIME_LOW, _TIME_HIGH = 0, 2, 3, 4, 5, 6, 8


def read(path: Path, how: EventPreparation) -> Recording:
    """Read a file of either kind."""
    data = path.read_bytes()
    start, header = _header(data)
    if path.suffix.lower() == ".dat":
        return _read_dat(data, start)
    if b"evt 3.0" in header or b"format evt3" in header:
        return _read_evt3(np.frombuffer(data[start : len(data) - (len(data) - start) % 2], "<u2"))
    if b"evt 2.0" in header or b"format evt2;" in header or b"format evt2\n" in header:
        return _read_evt2(np.frombuffer(data[start : len(data) - (len(data) - start) % 4], "<u4"))
    raise DataError("its header says neither EVT 2.0 nor EVT 3.0")


def _header(data: bytes) -> tuple[int, bytes]:
    start = 0
    while data[start : start + 2] in (b"% ", b"%e") or data[start : start + 1] == b"%":
        end = data.find(b"\n", start) + 1
        if not end:
            raise DataError("the header has no end")
        line, start = data[start:end], end
        if line.strip() == b"% end":
            break
    return start, data[:start].lower().replace(b"\r", b"")


def _read_dat(data: bytes, start: int) -> Recording:
    if len(data) < start + 2:
        raise DataError("truncated in the header")
    size = data[start + 1]
    body = data[start + 2 :]
    if size != 8 or len(body) % 8:
        raise DataError(f"{len(body)} bytes are no whole number of events of {size} bytes")
    return events_of_words(np.frombuffer(body, "<u4").reshape(-1, 2))


def events_of_words(words: Array) -> Recording:
    """Events of pairs of words (N, 2), as `.dat` has them."""
    pairs = words.astype(np.int64)
    word = pairs[:, 1]
    return recording(pairs[:, 0], word & 0x3FFF, (word >> 14) & 0x3FFF, (word >> 28) & 1)


def _read_evt2(words: Array) -> Recording:
    word = words.astype(np.int64)
    kind = word >> 28
    high = _held(word & 0x0FFF_FFFF, kind == _HIGH_2)
    high = _unwrapped(high, 1 << 28)
    events = (kind == _OFF) | (kind == _ON)
    events &= np.logical_or.accumulate(kind == _HIGH_2)  # before the first, time is not known
    e = word[events]
    t = (high[events] << 6) | ((e >> 22) & 0x3F)
    return recording(t, (e >> 11) & 0x7FF, e & 0x7FF, kind[events])


def _read_evt3(words: Array) -> Recording:
    word = words.astype(np.int64)
    kind, value = word >> 12, word & 0xFFF
    high = _unwrapped(_held(value, kind == _TIME_HIGH), 1 << 12)
    low = _held(value, kind == _TIME_LOW)
    _check_low(high, value, kind == _TIME_LOW)
    # the lower part begins anew with the upper one
    reset = np.maximum.accumulate(np.where(kind == _TIME_HIGH, np.arange(len(word)), -1))
    said = np.maximum.accumulate(np.where(kind == _TIME_LOW, np.arange(len(word)), -1))
    t = (high << 12) | np.where(said > reset, low, 0)
    y = _held(value & 0x7FF, kind == _ADDR_Y)
    known = np.logical_or.accumulate(kind == _TIME_HIGH) & np.logical_or.accumulate(kind == _ADDR_Y)
    single = np.flatnonzero((kind == _ADDR_X) & known)
    vectors = ((kind == _VECT_12) | (kind == _VECT_8)) & known
    at, lane = _lanes(kind, value, vectors)
    base, polarity = _bases(kind, value)
    order = np.concatenate([single, at])
    x = np.concatenate([value[single] & 0x7FF, base[at] + lane])
    p = np.concatenate([value[single] >> 11, polarity[at]])
    by_word = np.argsort(order, kind="stable")
    order = order[by_word]
    return recording(t[order], x[by_word], y[order], p[by_word])


def _check_low(high: IntArray, value: Array, said: Array) -> None:
    """Refuse a lower part that begins again where no upper part goes on.

    It may fall a little between words of different sources, but its period is counted above it:
    expelliarmus 1.1.12 writes the upper part once, and such times are lost.
    """
    where = np.flatnonzero(said)
    lost = (np.diff(high[where]) == 0) & (np.diff(value[where]) < -(1 << 11))
    if lost.any():
        word = int(where[1:][lost.argmax()])
        raise DataError(
            f"the lower part of time begins again at word {word}, and no upper part counts it",
            hint="write such recordings as EVT 2.0 or .dat",
        )


def _lanes(kind: Array, value: Array, vectors: Array) -> tuple[IntArray, IntArray]:
    """Word and place of every bit that is set in the vectors, in their order."""
    where = np.flatnonzero(vectors)
    bits = np.where(kind[where] == _VECT_12, 12, 8)
    lanes = np.arange(12)
    is_set = ((value[where, None] >> lanes) & 1).astype(bool) & (lanes < bits[:, None])
    row, lane = np.nonzero(is_set)
    return where[row], lane


def _bases(kind: Array, value: Array) -> tuple[IntArray, IntArray]:
    """Column at which each word's vector begins, and its polarity."""
    steps = np.where(kind == _VECT_12, 12, np.where(kind == _VECT_8, 8, 0))
    walked = np.cumsum(steps) - steps
    is_base = kind == _BASE_X
    base = _held(value & 0x7FF, is_base)
    return base + walked - _held(walked, is_base), _held(value >> 11, is_base)


def _held(value: Array, said: Array) -> IntArray:
    """At each place the value that was said last, 0 before the first."""
    last = np.maximum.accumulate(np.where(said, np.arange(len(value)), -1))
    return np.where(last >= 0, value[np.maximum(last, 0)], 0)


def _unwrapped(high: IntArray, period: int) -> IntArray:
    """The upper part of time goes on where it begins again."""
    back = np.diff(high, prepend=high[:1]) < -(period // 2)
    return high + np.cumsum(back) * period
