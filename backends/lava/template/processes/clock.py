"""When a population integrates, latches and emits."""

import numpy as np

BURST = "burst"
GRADED = "graded"
DELTA = "delta"

SILENT = -(2**23 - 1)
"""A membrane so low that a bias does not make a LIF spike before its first frame resets it."""


class FrameClock:
    """Ticks of one population.

    Lava's `time_step` starts at 1, ticks at 0. Frame n of a population is latched at tick
    `start + n * period` and travels in the `window` ticks from there on; the membrane integrates
    the `window` ticks up to and including the latch.

    What has arrived is kept for `keeps` frames: 1, or in code `delta` those of a sample. Then
    membranes are cleared, and get their bias anew.
    """

    def __init__(self, start: int, window: int, period: int, keeps: int = 1) -> None:
        self.start, self.window, self.period, self.keeps = start, window, period, keeps

    def slot(self, time_step: int) -> int:
        """Tick within the emitting window, or -1 outside of it."""
        offset = time_step - 1 - self.start
        slot = offset % self.period
        return slot if offset >= 0 and slot < self.window else -1

    def frame(self, time_step: int) -> int:
        """The frame that was latched last."""
        return (time_step - 1 - self.start) // self.period

    def opens(self, time_step: int) -> bool:
        """Does the integration window of a frame begin that adds the bias?"""
        offset = time_step - 1 - self.start + self.window - 1
        return offset >= 0 and offset % (self.period * self.keeps) == 0

    def begins(self, time_step: int) -> bool:
        """Was the frame that was latched last the first of those that are kept?"""
        return self.frame(time_step) % self.keeps == 0

    def ends(self, time_step: int) -> bool:
        """Was it the last of them?"""
        return self.frame(time_step) % self.keeps == self.keeps - 1


def emitted(count: np.ndarray, slot: int, code: str) -> np.ndarray:
    """What leaves neurons with these counts in one slot of their window.

    `burst`: |count| unit spikes in the first |count| slots; `graded`: the count itself in slot 0,
    and so in `delta`, where `count` is what a count has changed by.
    """
    if slot < 0 or (code != BURST and slot > 0):
        return np.zeros_like(count)
    if code != BURST:
        return count
    return np.sign(count) * (np.abs(count) > slot)


def changes(counts: np.ndarray, keeps: int) -> np.ndarray:
    """What counts (frames, ...) have changed by, every `keeps` frames beginning from 0."""
    changed = counts.copy()
    later = np.arange(len(counts)) % keeps > 0
    changed[later] -= counts[np.flatnonzero(later) - 1]
    return changed
