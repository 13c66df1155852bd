"""Which frames of a sample are computed at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from snnc.backends.dense.execute import MOST_NODES, Executor

if TYPE_CHECKING:
    from snnc.backends.dense.stretch import Plan

MOST_FRAMES = 16
"""Frames of a stretch: what is left of its call is little beside them."""
PATIENCE = 0.01
"""Times the square of its operators: frames that are computed before a session is prepared. To
prepare one of n operators takes about n² µs (of 100: 15 ms; of 1,000: 1 s), and each call that a
stretch saves about 35."""
MOST_CONSTANTS = 2**28
"""Bytes of the constants in all sessions: each has its own copy of the weights."""


class Stretches:
    """Executors of one program, for stretches of 1, 2, 4 … frames.

    Args:
        one: of one frame.
        rows: most of a stretch, over all samples and frames.
    """

    def __init__(self, one: Executor, rows: int) -> None:
        self._executors = {1: one}
        self._one = one
        self._rows = rows
        self._n_computed = 0
        self._operators: dict[int, int] = {}

    @cached_property
    def _plan(self) -> Plan:
        from snnc.backends.dense.stretch import plan

        return plan(self._one.program)

    @cached_property
    def _longest(self) -> int:
        # a foreign model runs between two calls
        return 1 if self._one.program.foreign else longest(self._plan)

    def lengths(self, n_frames: int, samples: int) -> Iterator[int]:
        """Stretches that so many frames of some samples are computed in.

        Args:
            samples: at least 1.
        """
        most = max(1, self._rows // samples)
        while n_frames:
            length = self._worth(min(n_frames, most))
            self._n_computed += length
            n_frames -= length
            yield length

    def _worth(self, most: int) -> int:
        """Of at most so many frames, the longest stretch if it should get a session.

        Else the longest that has one.
        """
        if most == 1:
            return 1
        length = 1 << (min(most, self._longest).bit_length() - 1)
        if length not in self._executors and self._pays(length):
            return length
        return max(n for n in self._executors if n <= length)

    def _pays(self, length: int) -> bool:
        """Is it time to prepare a session for such stretches, and is there room for it?"""
        if (len(self._executors) + 1) * self._constants > MOST_CONSTANTS:
            return False
        if length not in self._operators:
            self._operators[length] = self._plan.operators(length)
        return self._n_computed >= PATIENCE * self._operators[length] ** 2

    @cached_property
    def _constants(self) -> int:
        """Bytes of a session's constants."""
        return sum(tensor.ByteSize() for tensor in self._one.program.builder.constants.values())

    def executor(self, n_frames: int) -> Executor:
        """For stretches of this length, a power of 2."""
        from snnc.backends.dense.stretch import stretched

        if n_frames not in self._executors:
            program = stretched(self._one.program, self._plan, n_frames)
            self._executors[n_frames] = Executor(program, self._one.threads)
        return self._executors[n_frames]


def longest(steps: Plan) -> int:
    """Frames of a stretch whose operators fit one session; 1 where those of two do not."""
    fitting = (n for n in range(2, MOST_FRAMES + 1) if steps.operators(n) <= MOST_NODES)
    return max(fitting, default=1)
