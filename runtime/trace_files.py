"""Traces in files: `.npz`, HDF5, and a plain list of events, written stretch by stretch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from snnc.backends.base import Stretch
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.errors import DiskFull, MissingExtra
from snnc.ir.file import FULL, atomic_path
from snnc.runtime.npz import check_suffix, growing_npz
from snnc.runtime.trace_neo import nix_file

EVENTS = ("tick", "population", "neuron", "payload")
"""Columns of the list of events."""
_CHUNK = 1 << 15
"""Events (or stretches) that are written at once, and that HDF5 compresses together."""

Add = Callable[[Stretch], None]
"""Takes the next stretch; its sample is the number in the data."""
Writer = Callable[[Path, "TraceHead", bool], AbstractContextManager[Add]]
"""Opens a file, given what is known of the trace and whether to overwrite."""


@dataclass(frozen=True, kw_only=True)
class TraceHead:
    """What is known of a trace before it runs.

    Attributes:
        samples: the first one and the one behind the last.
        several: is it a file of several samples (even if it holds one)?
        code, schedule: settings of the run.
        n_ticks: length of a sample's run.
        ticks: the first tick that is kept and the one behind the last.
        names: populations, as events number them.
        values: those of them that pass sums on as graded events, which are no spikes.
        membranes: shape of a population, by name.
    """

    samples: tuple[int, int]
    several: bool
    code: str
    schedule: str
    n_ticks: int
    ticks: tuple[int, int]
    names: tuple[str, ...]
    values: frozenset[str]
    membranes: Mapping[str, Shape]

    def membrane_shape(self, name: str) -> Shape:
        """(ticks, *shape), of several samples (samples, ticks, *shape)."""
        one = (self.ticks[1] - self.ticks[0], *self.membranes[name])
        return (self.samples[1] - self.samples[0], *one) if self.several else one

    def index(self, n_events: IntArray) -> dict[str, IntArray]:
        """Arrays beside events and membranes.

        Args:
            n_events: of each sample.
        """
        found = {"ticks": np.array(self.ticks, dtype=np.int64)}
        if self.several:
            found["samples"] = np.arange(*self.samples, dtype=np.int64)
            found["first_event"] = np.concatenate([[0], np.cumsum(n_events)])
        return found


def trace_file(path: Path, head: TraceHead, *, force: bool) -> AbstractContextManager[Add]:
    """A file `.npz`, `.h5` (or `.hdf5`), `.csv` or `.nix` that is there after the block, complete.

    `.npz` and HDF5 hold the arrays `tick`, `population` (index into `names`), `neuron` and
    `payload`, one entry an event; `names`; `ticks`, the first tick and the one behind the last.
    Of several samples they hold `samples`, their numbers, and `first_event`, where the events of
    each begin, and where the last one's end. Membranes are `membranes/NAME` in the `.npz`; in
    HDF5, whose names cannot hold every name of a population, they are numbered in the group
    `membranes`, each with its attribute `name`. A `.csv` has one line an event, populations by
    name, of several samples the sample before the tick. A `.nix` is what `trace_neo` says, held in
    memory until it is written.

    Raises:
        WrongUsage: another suffix.
        OutputExists: the file is there and `force` is false.
        MissingExtra: what writes it is not installed.
        DiskFull: there is no space for it.
    """
    check_suffix(path, SUFFIXES)
    return _WRITERS[path.suffix](path, head, force)


class _Columns:
    """Events on their way into columns, many at once.

    Args:
        write: takes the next part of each column.
    """

    def __init__(self, head: TraceHead, write: Callable[[str, IntArray], None]) -> None:
        self._first = head.samples[0]
        self.n_events = np.zeros(head.samples[1] - head.samples[0], dtype=np.int64)
        self._write = write
        self._waiting: list[Stretch] = []
        self._n = 0

    def add(self, part: Stretch) -> None:
        """Take the events of a stretch."""
        self.n_events[part.sample - self._first] += len(part.tick)
        self._waiting.append(replace(part, membranes=None))
        self._n += len(part.tick)
        if self._n >= _CHUNK or len(self._waiting) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for key in EVENTS:
            parts = [getattr(part, key) for part in self._waiting]
            self._write(key, np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64))
        self._waiting, self._n = [], 0


@contextmanager
def _npz(path: Path, head: TraceHead, force: bool) -> Iterator[Add]:
    with growing_npz(path, force=force) as file:
        columns = _Columns(head, file.add)
        columns.flush()
        file.add("names", np.array(head.names))

        def add(part: Stretch) -> None:
            columns.add(part)
            for name, values in (part.membranes or {}).items():
                file.add(f"membranes/{name}", values)

        for name in head.membranes:
            file.shape(f"membranes/{name}", head.membrane_shape(name))
        yield add
        columns.flush()
        for key, array in head.index(columns.n_events).items():
            file.add(key, array)


@contextmanager
def _hdf5(path: Path, head: TraceHead, force: bool) -> Iterator[Add]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("an HDF5 trace needs h5py", hint="pip install 'snnc[nir]'") from error
    with (
        atomic_path(path, force=force) as temporary,
        _full_disk(path),
        h5py.File(temporary, "w") as file,
    ):
        datasets, membranes = _datasets(file, head)
        for key in ("code", "schedule", "n_ticks"):
            file.attrs[key] = getattr(head, key)
        if not head.several:
            file.attrs["sample"] = head.samples[0]
        file.create_dataset("names", data=list(head.names), dtype=h5py.string_dtype())

        def write(key: str, column: IntArray) -> None:
            first = datasets[key].shape[0]
            datasets[key].resize(first + len(column), axis=0)
            datasets[key][first:] = column

        columns = _Columns(head, write)

        def add(part: Stretch) -> None:
            columns.add(part)
            for name, values in (part.membranes or {}).items():
                _put(membranes[name], values, part, head)

        yield add
        columns.flush()
        for key, array in head.index(columns.n_events).items():
            file.create_dataset(key, data=array)


def _datasets(file: Any, head: TraceHead) -> tuple[dict[str, Any], dict[str, Any]]:
    """Empty columns, and membranes by name."""
    packed = {"dtype": np.int64, "compression": "gzip", "shuffle": True}
    columns = {
        key: file.create_dataset(key, shape=(0,), maxshape=(None,), chunks=(_CHUNK,), **packed)
        for key in EVENTS
    }
    group, membranes = file.create_group("membranes"), {}
    for index, name in enumerate(head.membranes):
        shape = head.membrane_shape(name)
        membranes[name] = group.create_dataset(f"{index:05d}", shape=shape, **packed)
        membranes[name].attrs["name"] = name
    return columns, membranes


def _put(dataset: Any, values: IntArray, part: Stretch, head: TraceHead) -> None:
    """Write the membranes of a stretch."""
    if len(values):
        at = part.first - head.ticks[0]
        rows: Any = slice(at, at + len(values))
        dataset[(part.sample - head.samples[0], rows) if head.several else rows] = values


@contextmanager
def _full_disk(path: Path) -> Iterator[None]:
    """HDF5 reports a full disk under several names, some without the system's number."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        found = [n for n in FULL if os.strerror(n) in str(error) or f"errno = {n}" in str(error)]
        if not found or isinstance(error, DiskFull):
            raise
        what = f"cannot write: {os.strerror(found[0])}"
        raise DiskFull(what, where=str(path), hint="free some space") from error


@contextmanager
def _csv(path: Path, head: TraceHead, force: bool) -> Iterator[Add]:
    names = np.array([_quoted(name) for name in head.names], dtype=object)
    with atomic_path(path, force=force) as temporary, temporary.open("w", encoding="utf-8") as out:
        out.write(("sample," if head.several else "") + ",".join(EVENTS) + "\n")

        def add(part: Stretch) -> None:
            own = f"{part.sample}," if head.several else ""
            columns = part.tick, names[part.population], part.neuron, part.payload
            out.writelines(f"{own}{t},{p},{n},{k}\n" for t, p, n, k in zip(*columns, strict=True))

        yield add


def _quoted(name: str) -> str:
    """A field of a .csv, as RFC 4180 has it."""
    if not set(name) & set(',"\r\n'):
        return name
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _nix(path: Path, head: TraceHead, force: bool) -> Iterator[Add]:
    with (
        atomic_path(path, force=force) as temporary,
        _full_disk(path),
        nix_file(temporary, head) as add,
    ):
        yield add


_WRITERS: dict[str, Writer] = {
    ".npz": _npz,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".csv": _csv,
    ".nix": _nix,
}
SUFFIXES = tuple(_WRITERS)
"""What a trace can be written as."""


def as_path(given: str | os.PathLike[str] | None) -> Path | None:
    """A path, or still None."""
    return None if given is None else Path(given)
