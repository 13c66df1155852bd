"""Traces in files: `.npz`, HDF5, and a plain list of events."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.ir.errors import MissingExtra
from snnc.ir.file import atomic_path
from snnc.runtime.npz import check_suffix, write_npz

if TYPE_CHECKING:
    from snnc.runtime.trace import TraceResult

EVENTS = ("tick", "population", "neuron", "payload")
"""Columns of the list of events."""


def write_trace(trace: TraceResult, path: Path, *, force: bool = False) -> None:
    """Write `.npz`, `.h5` (or `.hdf5`), or `.csv`.

    `.npz` and HDF5 hold the arrays `tick`, `population` (index into `names`), `neuron` and
    `payload`, one entry an event; `names`; `ticks`, the first tick and the one behind the last.
    Membranes are `membranes/NAME` in the `.npz`; in HDF5, whose names cannot hold every name of a
    population, they are numbered in the group `membranes`, each with its attribute `name`. A
    `.csv` has one line an event, populations by name.

    Raises:
        WrongUsage: another suffix.
        OutputExists: the file is there and `force` is false.
        MissingExtra: h5py is not installed.
    """
    check_suffix(path, SUFFIXES)
    _WRITERS[path.suffix](trace, path, force)


def _write_npz(trace: TraceResult, path: Path, force: bool) -> None:
    write_npz(path, trace.arrays(), force=force)


def _write_hdf5(trace: TraceResult, path: Path, force: bool) -> None:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("an HDF5 trace needs h5py", hint="pip install 'snnc[nir]'") from error
    with atomic_path(path, force=force) as temporary, h5py.File(temporary, "w") as file:
        for key in ("sample", "code", "schedule", "n_ticks"):
            file.attrs[key] = getattr(trace, key)
        for key in EVENTS:
            file.create_dataset(key, data=getattr(trace, key), compression="gzip", shuffle=True)
        file.create_dataset("names", data=list(trace.names), dtype=h5py.string_dtype())
        file.create_dataset("ticks", data=np.array(trace.ticks, dtype=np.int64))
        group = file.create_group("membranes")
        for index, (name, values) in enumerate((trace.membranes or {}).items()):
            held = group.create_dataset(f"{index:05d}", data=values, compression="gzip")
            held.attrs["name"] = name


def _write_csv(trace: TraceResult, path: Path, force: bool) -> None:
    names = np.array([f'"{name}"' if "," in name else name for name in trace.names], dtype=object)
    columns: list[Any] = [trace.tick, names[trace.population], trace.neuron, trace.payload]
    with atomic_path(path, force=force) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write(",".join(EVENTS) + "\n")
        out.writelines(f"{t},{p},{n},{k}\n" for t, p, n, k in zip(*columns, strict=True))


_WRITERS: dict[str, Callable[[TraceResult, Path, bool], None]] = {
    ".npz": _write_npz,
    ".h5": _write_hdf5,
    ".hdf5": _write_hdf5,
    ".csv": _write_csv,
}
SUFFIXES = tuple(_WRITERS)
"""What `write_trace` writes."""


def as_path(given: str | os.PathLike[str] | None) -> Path | None:
    """A path, or still None."""
    return None if given is None else Path(given)
