"""HDF5: arrays `x` (and `y`), or spikes of SHD and SSC, read sample by sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, DataError, MissingExtra
from snnc.runtime.readers.decoders import events_of
from snnc.runtime.readers.events.framing import frames
from snnc.runtime.readers.events.recording import recording
from snnc.runtime.readers.images import of_pixels
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import listing_hash, records
from snnc.runtime.readers.samples import Samples

SUFFIXES = (".h5", ".hdf5")
_SECONDS = 1e6
_LONGEST = 1e15
"""Microseconds: differences of such times are exact."""


def open_hdf5(path: Path, preparation: Preparation) -> Samples:
    """Open a file; it stays open while its samples are read.

    Raises:
        BadInputFile: it is no HDF5 file.
        DataError: it holds neither `x` nor `spikes`.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra(
            "HDF5 files need h5py", where=str(path), hint="pip install 'snnc[nir]'"
        ) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise BadInputFile(f"not a readable HDF5 file: {error}", where=str(path)) from error
    y = np.asarray(file["y"]) if isinstance(file.get("y"), h5py.Dataset) else None

    def place(index: int) -> str:
        return f"{path}, sample {index}"

    def fingerprint() -> str:
        return listing_hash([path])

    if isinstance(file.get("spikes"), h5py.Group):
        found = file.get("labels")
        labels = np.asarray(found) if isinstance(found, h5py.Dataset) else y
        read, n = _spikes(file["spikes"], preparation, str(path))
    elif isinstance(file.get("x"), h5py.Dataset) and file["x"].shape:
        labels, x = y, file["x"]
        how = preparation.image if x.dtype == np.uint8 else None
        read = (lambda i: x[i]) if how is None else (lambda i: of_pixels(x[i], how))
        n = len(x)
    else:
        held = ", ".join(file) or "nothing"
        raise DataError(
            f"there is neither an array `x` nor a group `spikes`, but {held}", where=str(path)
        )
    return Samples(x=records(n, read, place), y=labels, fingerprint=fingerprint)


def _spikes(group: Any, preparation: Preparation, where: str) -> tuple[Any, int]:
    """Spoken digits and commands: `times` in seconds and `units`, Cramer et al. 2020."""
    how = events_of(preparation, where)
    times, units = group.get("times"), group.get("units")
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
