"""What a reader gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from snnc.ir.arrays import Array, IntArray
from snnc.runtime.readers.records import Records


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Samples of one input and their labels.

    Attributes:
        x: read when they are taken.
        y: class numbers, or None.
        fingerprint: gives a hash that changes with the data.
    """

    x: Records | Array
    y: IntArray | None
    fingerprint: Callable[[], str]
