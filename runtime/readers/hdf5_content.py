"""What an HDF5 file holds: arrays `x` (and `y`), or spikes of SHD and SSC, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, MissingExtra, SnncError
from snnc.runtime.readers.decoders import events_of
from snnc.runtime.readers.events.framing import frames
from snnc.runtime.readers.events.recording import recording
from snnc.runtime.readers.images import of_pixels
from snnc.runtime.readers.preparation import MOST_VALUES, Preparation
from snnc.runtime.readers.records import UNREADABLE

_SECONDS = 1e6
_LONGEST = 1e15
"""Microseconds: differences of such times are exact."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """An open file.

    Attributes:
        n: samples.
        read: gives the sample of an index, as the model takes it.
        labels: as they are in the file; None where there are none.
    """

    n: int
    read: Callable[[int], Array]
    labels: Array | None


def content(path: Path, preparation: Preparation, where: str) -> Content:
    """Open a file; it stays open while its samples are read.

    Args:
        path: where it lies.
        preparation: of its samples.
        where: what errors call it.

    Raises:
        BadInputFile: it is no HDF5 file.
        DataError: it holds neither `x` nor `spikes`.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra(
            "HDF5 files need h5py", where=where, hint="pip install 'snnc[nir]'"
        ) from error
    try:
        return _opened(h5py, h5py.File(path, "r"), where, preparation)
    except SnncError:
        raise
    except UNREADABLE as error:  # h5py reads the parts of a file when they are asked for
        raise BadInputFile(f"not a readable HDF5 file: {error}", where=where) from error
    except MemoryError as error:
        raise DataError("it does not fit in memory", where=where) from error


def _opened(h5py: Any, file: Any, where: str, preparation: Preparation) -> Content:
    held = _Own(h5py, file, where)
    y = held.labels("y")
    x = held.array("x")
    if held.get("spikes") is not None:
        labels = held.labels("labels")
        labels = y if labels is None else labels
        read, n = _spikes(held, preparation, where)
    elif x is not None and x.shape:
        labels = y
        _check_size(x, where)
        how = preparation.image if x.dtype == np.uint8 else None
        read = (lambda i: x[i]) if how is None else (lambda i: of_pixels(x[i], how))
        n = len(x)
    else:
        names = ", ".join(file) or "nothing"
        raise DataError(
            f"there is neither an array `x` nor a group `spikes`, but {names}", where=where
        )
    return Content(n=n, read=read, labels=labels)


class _Own:
    """What a file holds itself: it could name other files, and give theirs as its own."""

    def __init__(self, h5py: Any, file: Any, where: str) -> None:
        self._h5py, self._file, self._where = h5py, file, where

    def get(self, name: str) -> Any:
        """The object of a path, None where there is none.

        Raises:
            DataError: a link on the way, or the array's storage, is in another file.
        """
        found = self._file
        for part in name.split("/"):
            if not isinstance(found, self._h5py.Group):
                return None
            link = found.get(part, getlink=True)
            if link is None:
                return None
            if not isinstance(link, self._h5py.HardLink):
                self._refuse(name, f"a link to {getattr(link, 'filename', 'another place')}")
            found = found.get(part)
        if isinstance(found, self._h5py.Dataset) and (found.external or found.is_virtual):
            self._refuse(name, "stored in other files")
        return found

    def array(self, name: str) -> Any:
        """The array of a path, None where there is none."""
        found = self.get(name)
        return found if isinstance(found, self._h5py.Dataset) else None

    def labels(self, name: str) -> Array | None:
        """A whole array of one axis, read; of others an error says the shape."""
        found = self.array(name)
        if found is None:
            return None
        if found.shape is None or len(found.shape) > 2 or found.size > MOST_VALUES:
            raise DataError(f"`{name}` has shape {found.shape}", where=self._where)
        if found.dtype.kind not in "buif":
            raise DataError(f"`{name}` holds {found.dtype}, not class numbers", where=self._where)
        return np.asarray(found)

    def _refuse(self, name: str, what: str) -> NoReturn:
        raise DataError(
            f"`{name}` is {what}: only what a file holds itself is read",
            where=self._where,
            hint="copy the data into one file (h5copy, h5repack)",
        )


def _check_size(x: Any, where: str) -> None:
    size = math.prod(x.shape[1:])
    if size > MOST_VALUES:
        raise DataError(f"a sample of `x` has {size} values, at most {MOST_VALUES}", where=where)


def _spikes(held: _Own, preparation: Preparation, where: str) -> tuple[Any, int]:
    """Spoken digits and commands: `times` in seconds and `units`, Cramer et al. 2020."""
    how = events_of(preparation, where)
    times, units = held.array("spikes/times"), held.array("spikes/units")
    if not getattr(times, "shape", None) or not getattr(units, "shape", None):
        raise DataError("the group `spikes` has no arrays `times` and `units`", where=where)
    if len(times) != len(units):
        raise DataError(f"{len(times)} `times`, but {len(units)} `units`", where=where)

    def read(index: int) -> Array:
        # times are stored as float16 or float32; rounded to whole microseconds
        microseconds = np.rint(np.asarray(times[index], np.float64) * _SECONDS)
        unit = np.asarray(units[index]).astype(np.int64)
        if microseconds.shape != unit.shape:
            raise DataError(f"{len(microseconds)} times, but {len(unit)} units")
        if not (np.abs(microseconds) < _LONGEST).all():  # NaN is not, either
            raise DataError("a time is no number, or beyond all recordings")
        t = microseconds.astype(np.int64)
        return frames(recording(t, unit, np.zeros_like(t), np.ones_like(t)), how)

    return read, len(times)
