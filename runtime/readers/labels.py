"""Labels that are read when they are taken: those of code come with its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from snnc.ir.arrays import Array, IntArray, Shape
from snnc.ir.errors import DataError


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


def class_number(label: Any) -> int:
    """A label as code gives it: a whole number of any type.

    Raises:
        DataError: it is none.
    """
    try:
        found = int(label)
        whole = bool(found == label)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        whole = False
    if not whole:
        raise DataError(f"its label is no class number: {str(label)[:40]!r}")
    return found
