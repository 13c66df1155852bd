"""What every event format is read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import BoolArray, IntArray
from snnc.ir.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Events in the order of a file.

    Attributes:
        t: microseconds, int64.
        x, y: column and row, int64.
        p: 1 for on, 0 for off.
    """

    t: IntArray
    x: IntArray
    y: IntArray
    p: IntArray

    def __len__(self) -> int:
        return len(self.t)

    def part(self, events: slice | BoolArray | IntArray) -> Recording:
        """Some events."""
        return Recording(t=self.t[events], x=self.x[events], y=self.y[events], p=self.p[events])

    def outside(self, height: int, width: int) -> BoolArray:
        """Which events lie outside of a sensor of that size."""
        return (self.x >= width) | (self.y >= height) | (self.x < 0) | (self.y < 0)

    def within(
        self, height: int, width: int, *, before: int = 0, where: str | None = None
    ) -> Recording:
        """Itself.

        Args:
            height, width: of the sensor.
            before: events that came before these, for messages.
            where: they come from, for messages.

        Raises:
            DataError: an event lies outside of a sensor of that size.
        """
        outside = self.outside(height, width)
        if outside.any():
            first = int(outside.argmax())
            raise DataError(
                f"event {before + first} is at row {self.y[first]}, column {self.x[first]}, "
                f"outside of a sensor of {height} x {width}",
                where=where,
                hint="say its `sensor = [height, width]` under [events]",
            )
        return self


def joined(parts: Sequence[Recording]) -> Recording:
    """Several recordings as one, in their order; of one or more."""
    if len(parts) == 1:
        return parts[0]
    t, x, y, p = (np.concatenate([getattr(part, name) for part in parts]) for name in "txyp")
    return Recording(t=t, x=x, y=y, p=p)


def recording(t: IntArray, x: IntArray, y: IntArray, p: IntArray) -> Recording:
    """A recording of arrays of any integer type."""
    t, x, y, p = (np.asarray(a).astype(np.int64) for a in (t, x, y, p))
    return Recording(t=t, x=x, y=y, p=p)
