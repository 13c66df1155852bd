"""`.bin` of N-MNIST and N-Caltech101: five bytes an event, big-endian.

x (8 bits), y (8), polarity (1), microseconds (23): garrickorchard.com/datasets/n-mnist. A y of 240
marks that the clock has wrapped: 2^13 is added to all later times (Orchard's Read_Ndataset.m).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from snnc.ir.errors import DataError
from snnc.runtime.readers.events.recording import Recording, recording
from snnc.runtime.readers.preparation import EventPreparation

SUFFIXES = (".bin",)
_WRAP_ROW = 240
_WRAP = 1 << 13


def read(path: Path, how: EventPreparation) -> Recording:
    """Read a file."""
    data = np.fromfile(path, np.uint8)
    if len(data) % 5:
        raise DataError(f"{len(data)} bytes are no whole number of five-byte events")
    raw = data.reshape(-1, 5).astype(np.int64)
    t = ((raw[:, 2] & 0x7F) << 16) | (raw[:, 3] << 8) | raw[:, 4]
    wraps = raw[:, 1] == _WRAP_ROW
    t = t + _WRAP * np.cumsum(wraps)
    kept = ~wraps
    return recording(t[kept], raw[kept, 0], raw[kept, 1], raw[kept, 2] >> 7)
