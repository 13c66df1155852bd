"""From a recording to the frames of one sample, as `[events]` says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import DataError
from snnc.runtime.readers.events.recording import Recording
from snnc.runtime.readers.preparation import EventPreparation


def frames(events: Recording, how: EventPreparation) -> Array:
    """Frames (T, C, H, W): int64 counts, of a voxel grid float32.

    Events of a frame that is not there (past the last window, past the last count) are left out;
    frames without events are zero.

    Raises:
        DataError: no events, or one outside of the sensor.
    """
    if not len(events):
        raise DataError("there are no events in it")
    height, width = _sides(how.sensor)
    events = events.within(height, width)
    return _FRAMINGS[how.framing](events, how)


def tally(events: Recording, frame: IntArray, how: EventPreparation) -> IntArray:
    """Counts (T, C, H, W) of events, each in its frame; frames that are not there are left out."""
    height, width = _sides(how.size or how.sensor)
    inside = (frame >= 0) & (frame < how.frames)
    y, x = (a[inside] for a in _places(events, how))
    p = events.p[inside]
    channel = p if how.polarity == "channels" else np.zeros_like(p)
    n_channels = 2 if how.polarity == "channels" else 1
    shape = (how.frames, n_channels, height, width)
    where = np.ravel_multi_index((frame[inside], channel, y, x), shape)
    counts = np.zeros(int(np.prod(shape)), dtype=np.int64)
    np.add.at(counts, where, 2 * p - 1 if how.polarity == "signed" else 1)
    found = counts.reshape(shape)
    return found if how.clip is None else np.clip(found, -how.clip, how.clip)


def _time_bins(events: Recording, how: EventPreparation) -> IntArray:
    since = events.t - events.t.min()
    if how.window_us is not None:
        return tally(events, since // how.window_us, how)
    length = int(since.max()) + 1
    return tally(events, since * how.frames // length, how)


def _fixed_count(events: Recording, how: EventPreparation) -> IntArray:
    assert how.count is not None
    return tally(events, np.arange(len(events)) // how.count, how)


def _raw(events: Recording, how: EventPreparation) -> IntArray:
    return tally(events, np.arange(len(events)), how)


def _voxel_grid(events: Recording, how: EventPreparation) -> Array:
    """Zhu et al. 2019 (arXiv 1812.08156), eq. 1: p·max(0, 1 - |bin - t*|), t* over frames - 1."""
    height, width = _sides(how.size or how.sensor)
    span = max(1, int(events.t.max() - events.t.min()))
    place = (how.frames - 1) * (events.t - events.t.min()) / span
    sign = (2 * events.p - 1).astype(np.float64)
    first = np.minimum(place.astype(np.int64), how.frames - 1)
    grid = np.zeros((how.frames, height, width))
    y, x = _places(events, how)
    for bin_, share in ((first, 1 - (place - first)), (first + 1, place - first)):
        inside = bin_ < how.frames
        np.add.at(grid, (bin_[inside], y[inside], x[inside]), (sign * share)[inside])
    return grid[:, None].astype(np.float32)


def _places(events: Recording, how: EventPreparation) -> tuple[IntArray, IntArray]:
    """Row and column, mirrored and scaled down as the preparation says."""
    height, width = _sides(how.sensor)
    mirrored = how.mirror or ""
    y = height - 1 - events.y if "y" in mirrored else events.y
    x = width - 1 - events.x if "x" in mirrored else events.x
    if how.size is None:
        return y, x
    rows, columns = _sides(how.size)
    return y * rows // height, x * columns // width


def _sides(size: list[int]) -> tuple[int, int]:
    height, width = size if len(size) == 2 else (size[0], size[0])
    return height, width


_FRAMINGS: dict[str, Callable[[Recording, EventPreparation], Array]] = {
    "time-bins": _time_bins,
    "fixed-count": _fixed_count,
    "voxel-grid": _voxel_grid,
    "raw": _raw,
}
