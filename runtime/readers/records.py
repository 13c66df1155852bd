"""Samples that are read when they are taken: what a data set larger than memory is."""

from __future__ import annotations

import hashlib
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import DataError, SnncError

UNREADABLE = (
    OSError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, RuntimeError,
    SyntaxError, struct.error, tokenize.TokenError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What decoders of Python, numpy, Pillow and h5py raise at content that they cannot read."""

ReadSeveral = Callable[[Sequence[int], Array], int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """An array (N, …) whose samples are read one by one; it can be indexed like an array.

    Attributes:
        indices: of the records in their order.
        read: gives the record of an index, one sample.
        place: names a record: its file, or its place in one.
        sample_shape, dtype: of every sample.
        read_several: reads many faster than `read` does each: into the rows of an array, up to the
            first that `read` has to say something about; gives how many.
    """

    indices: range
    read: Callable[[int], Array]
    place: Callable[[int], str]
    sample_shape: Shape
    dtype: np.dtype[Any]
    read_several: ReadSeveral | None = None

    @property
    def shape(self) -> Shape:
        """Of all samples, (N, …)."""
        return (len(self.indices), *self.sample_shape)

    @property
    def ndim(self) -> int:
        """Axes of `shape`."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.indices)

    def part(self, samples: slice) -> Records:
        """Some samples, not yet read."""
        return replace(self, indices=self.indices[samples])

    def __getitem__(self, which: int | slice | Sequence[int]) -> Array:
        if isinstance(which, int | np.integer):
            return self._one(self.indices[int(which)])
        chosen = (
            self.indices[which] if isinstance(which, slice) else [self.indices[i] for i in which]
        )
        if not len(chosen):
            return np.zeros((0, *self.sample_shape), self.dtype)
        if self.read_several is None:
            return np.stack([self._one(i) for i in chosen])
        return self._several(self.read_several, chosen)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def _several(self, read: ReadSeveral, chosen: Sequence[int]) -> Array:
        found, n = np.empty((len(chosen), *self.sample_shape), self.dtype), 0
        while n < len(chosen):
            n += read(chosen[n:], found[n:])
            if n < len(chosen):
                found[n] = self._one(chosen[n])
                n += 1
        return found

    def _one(self, index: int) -> Array:
        """One sample.

        Raises:
            DataError: it cannot be read, or is not like the first; with its place.
        """
        found = read_record(self.read, self.place, index)
        if found.shape != self.sample_shape:
            raise DataError(
                f"it has shape {found.shape}, the first sample {self.sample_shape}",
                where=self.place(index),
            )
        return found.astype(self.dtype, copy=False)


def read_record(read: Callable[[int], Array], place: Callable[[int], str], index: int) -> Array:
    """One record, or a named error that says which.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return np.asarray(read(index))
    except DataError as error:
        raise DataError(error.what, where=error.where or place(index), hint=error.hint) from error
    except SnncError:
        raise
    except MemoryError as error:
        raise DataError("it does not fit in memory", where=place(index)) from error
    except UNREADABLE as error:
        said = str(error) or type(error).__name__
        raise DataError(f"cannot be read: {said}", where=place(index)) from error


def records(
    n: int,
    read: Callable[[int], Array],
    place: Callable[[int], str],
    read_several: ReadSeveral | None = None,
) -> Records:
    """Records 0 to n - 1, shaped as the first that can be read.

    Raises:
        DataError: there are none, or none can be read.
    """
    problem: DataError | None = None
    for index in range(n):
        try:
            first = read_record(read, place, index)
        except DataError as error:
            problem = problem or error
            continue
        return Records(
            indices=range(n),
            read=read,
            place=place,
            sample_shape=first.shape,
            dtype=first.dtype,
            read_several=read_several,
        )
    raise problem or DataError("the data set is empty")


def listing_hash(paths: Sequence[Path]) -> str:
    """Hash of files by name, size and time of change: reading a million would take too long."""
    found = hashlib.sha256()
    for path in paths:
        try:
            facts = os.stat(path)
        except OSError as error:  # a bad sample, which a run may skip
            found.update(f"{path.name} {error.errno}\n".encode())
            continue
        found.update(f"{path.name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return found.hexdigest()


def as_array(x: Records | Array) -> Array:
    """Records where an array is taken: they have its shape, type, length and indexing."""
    return cast("Array", x)
