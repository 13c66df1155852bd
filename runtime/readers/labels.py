"""Labels that are read when they are taken: those of code come with its samples."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.errors import DataError

NO_CLASS = -1
"""In the place of the label of a sample that cannot be read: nothing compares with it."""
_DIGITS = re.compile("0*([0-9]{1,19})")
_CLASSES = 1 << 63
"""Labels are int64."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LazyLabels:
    """Class numbers (N,), int64, indexed like an array.

    Attributes:
        indices: of the records in their order.
        read: gives the label of an index.
    """

    indices: range
    read: Callable[[int], int]

    @property
    def shape(self) -> Shape:
        """(N,)."""
        return (len(self.indices),)

    def __len__(self) -> int:
        return len(self.indices)

    def part(self, samples: slice) -> LazyLabels:
        """Some labels, not yet read."""
        return replace(self, indices=self.indices[samples])

    def __getitem__(self, which: Any) -> IntArray:
        chosen = np.arange(len(self))[which]
        found = [self.read(self.indices[i]) for i in chosen.ravel().tolist()]
        return np.array(found, dtype=np.int64).reshape(chosen.shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)


def as_labels(labels: LazyLabels) -> IntArray:
    """Labels where an array is taken: they have its shape, length and indexing."""
    return cast("IntArray", labels)


def label_of(
    text: str | None, index: int, place: str, bad: MutableMapping[int, DataError]
) -> int | None:
    """The class that a line of text says, None where it says nothing.

    Args:
        text: of the label.
        index: of its sample.
        place: of the line, for messages.
        bad: takes the error of a sample whose label is no class number (a whole number from 0
            on), which is then -1.
    """
    if text is None or not text.strip():
        return None
    digits = _DIGITS.fullmatch(text.strip())
    label = int(digits[1]) if digits else _CLASSES
    if label < _CLASSES:
        return label
    bad[index] = DataError(f"the label `{text[:20]}` is no class number", where=place)
    return NO_CLASS


def class_number(label: Any) -> int:
    """A label as code gives it: a whole number of any type that int64 takes.

    Raises:
        DataError: it is none.
    """
    try:
        found = int(label)
        whole = bool(found == label) and -_CLASSES <= found < _CLASSES
    except (TypeError, ValueError, OverflowError, RuntimeError):
        whole = False
    if not whole:
        raise DataError(f"its label is no class number: {str(label)[:40]!r}")
    return found
