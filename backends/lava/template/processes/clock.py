"""When a population integrates, latches and emits."""

import numpy as np

BURST = "burst"
GRADED = "graded"

SILENT = -(2**23 - 1)
"""A membrane so low that a bias does not make a LIF spike before its first frame resets it."""


class FrameClock:
    """Ticks of one population.

    Lava's `time_step` starts at 1, ticks at 0. Frame n of a population is latched at tick
    `start + n * period` and travels in the `window` ticks from there on; the membrane integrates
    the `window` ticks up to and including the latch.
    """

    def __init__(self, start: int, window: int, period: int) -> None:
        self.start, self.window, self.period = start, window, period

    def slot(self, time_step: int) -> int:
        """Tick within the emitting window, or -1 outside of it."""
        offset = time_step - 1 - self.start
        slot = offset % self.period
        return slot if offset >= 0 and slot < self.window else -1

    def frame(self, time_step: int) -> int:
        """The frame that was latched last."""
        return (time_step - 1 - self.start) // self.period

    def opens(self, time_step: int) -> bool:
        """Does the integration window of a frame begin at this tick?"""
        offset = time_step - 1 - self.start + self.window - 1
        return offset >= 0 and offset % self.period == 0


def emitted(count: np.ndarray, slot: int, code: str) -> np.ndarray:
    """What leaves neurons with these counts in one slot of their window.

    `burst`: |count| unit spikes in the first |count| slots; `graded`: the count itself in slot 0.
    """
    if slot < 0 or (code == GRADED and slot > 0):
        return np.zeros_like(count)
    if code == GRADED:
        return count
    return np.sign(count) * (np.abs(count) > slot)
