"""Pools: many arrays, one behind the other; and the table of event lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from snnc.backends.event.tables import LANES, LIST
from snnc.ir.arrays import Array


class Pool:
    """Collects arrays of one dtype and says where each begins."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self._parts: list[Array] = []
        self.size = 0

    def add(self, values: ArrayLike) -> int:
        """Append values (flat C order) and return their offset."""
        flat = np.asarray(values).reshape(-1).astype(self.dtype, copy=False)
        return self._append(flat)

    def reserve(self, size: int) -> int:
        """Append `size` zeros and return their offset."""
        return self._append(np.zeros(size, dtype=self.dtype))

    def _append(self, flat: Array) -> int:
        at = self.size
        self._parts.append(flat)
        self.size += len(flat)
        return at

    def array(self) -> Array:
        """All of it; never empty, so that every pool has an address."""
        return np.concatenate([*self._parts, np.zeros(1, dtype=self.dtype)])


class ListTable:
    """Rooms for event lists."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._events = 0
        self._segments = 0

    def add(self, size: int, pixels: int) -> int:
        """Room for up to `size` events in `pixels` groups; the number of the list."""
        self._rows.append((len(self._rows), self._events, size, self._segments, pixels))
        self._events += size + LANES  # kernels write whole blocks
        self._segments += pixels + 1
        return len(self._rows) - 1

    def room(self, number: int) -> tuple[int, int]:
        """Events that a list has room for, and their groups."""
        _, _, size, _, pixels = self._rows[number]
        return size, pixels

    def array(self) -> Array:
        """One record for each list."""
        return np.array(self._rows, dtype=LIST)
