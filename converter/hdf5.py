"""HDF5 from strangers: plain groups and arrays, within limits, nothing from other files.

HDF5 can point to other files, load filters from shared libraries and share groups in circles.
None of that is followed: a file that asks for it is refused.
"""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import DamagedFile, MissingExtra

if TYPE_CHECKING:
    import h5py

Tree: TypeAlias = dict[str, Any]
"""Groups as dicts; leaves are arrays, strings or lists of pairs of strings."""

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 200_000
MAX_DEPTH = 32
MAX_TOTAL_BYTES = 8 * 2**30
MAX_RATIO = 1100
"""Deflate does not shrink anything further; an array that claims to is a bomb."""
RATIO_FLOOR_BYTES = 64 * 2**20
FILTERS = frozenset({1, 2, 3, 4, 32000})
"""deflate, shuffle, fletcher32, szip, lzf: what comes with h5py itself."""

_LENGTH = struct.Struct("<Q")
_HEAP_OBJECT = struct.Struct("<H6xQ")
_HEAP_HEAD = _HEAP_OBJECT.size
_BACK = 1 << 63
"""Steps of 64 bits that are as large go back."""


def read_tree(data: bytes, where: str) -> Tree:
    """Everything in an HDF5 file.

    Raises:
        MissingExtra: h5py is not installed.
        DamagedFile: truncated, damaged, too large, or it reaches out of the file.
    """
    h5py = _h5py(where)
    _check_heaps(data, where)
    reader = _Reader(where, len(data))
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return reader.group(file, "", 0)
    except DamagedFile:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise DamagedFile(f"the HDF5 file is damaged ({error})", where=where) from None


def _check_heaps(data: bytes, where: str) -> None:
    """Refuse a heap of texts in which the library (2.0.0) would stand still for ever.

    HDF5 file format 3.0, III.E: "GCOL", version 1, three zeros, the collection's size; then objects
    of a number, references, four zeros, a size, and the content up to the next eighth byte. Number
    0 is free space, whose size holds its head: of size 0, the walk comes to no end.
    """
    for found in re.finditer(rb"GCOL\x01\0\0\0", data):
        (size,) = _LENGTH.unpack_from(data.ljust(found.end() + 8, b"\0"), found.end())
        at, end = found.end() + 8, min(found.start() + size, len(data))
        while at + _HEAP_HEAD <= end:
            number, content = _HEAP_OBJECT.unpack_from(data, at)
            step = content if number == 0 else _HEAP_HEAD + -(-content // 8) * 8
            if step == 0 or step >= _BACK:
                raise DamagedFile("the HDF5 file is damaged (a heap without an end)", where=where)
            at += step


def _h5py(where: str) -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtra(
            "HDF5 files (NIR, lava-dl) need h5py", where=where, hint="pip install 'snnc[nir]'"
        ) from None
    return h5py


@dataclass
class _Reader:
    """What has been read so far, against the limits."""

    where: str
    file_bytes: int
    n_objects: int = field(default=0)
    n_bytes: int = field(default=0)

    def group(self, group: h5py.Group, path: str, depth: int) -> Tree:
        """A group as a dict."""
        if depth > MAX_DEPTH:
            raise self._refused(f"groups are nested more than {MAX_DEPTH} deep")
        return {name: self._member(group, name, f"{path}/{name}", depth) for name in group}

    def _member(self, group: h5py.Group, name: str, path: str, depth: int) -> Any:
        h5py = _h5py(self.where)
        self.n_objects += 1
        if self.n_objects > MAX_OBJECTS:
            raise self._refused(f"it holds more than {MAX_OBJECTS} objects")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise self._refused(f"`{path}` is a link, not data of its own")
        member = group[name]
        if isinstance(member, h5py.Group):
            return self.group(member, path, depth + 1)
        if isinstance(member, h5py.Dataset):
            return self._dataset(member, path)
        raise self._refused(f"`{path}` is neither a group nor an array")

    def _dataset(self, dataset: h5py.Dataset, path: str) -> Any:
        h5py = _h5py(self.where)
        if dataset.is_virtual or dataset.external:
            raise self._refused(f"`{path}` keeps its data in another file")
        properties = dataset.id.get_create_plist()
        for i in range(properties.get_nfilters()):
            if properties.get_filter(i)[0] not in FILTERS:
                raise self._refused(f"`{path}` needs a compression filter from elsewhere")
        text = h5py.check_string_dtype(dataset.dtype) is not None
        if dataset.shape is None or (dataset.dtype.kind not in "biuf" and not text):
            raise self._refused(f"`{path}` holds {dataset.dtype}, neither numbers nor text")
        self.n_bytes += dataset.size * dataset.dtype.itemsize
        bomb = self.n_bytes > max(RATIO_FLOOR_BYTES, MAX_RATIO * self.file_bytes)
        if self.n_bytes > MAX_TOTAL_BYTES or bomb:
            raise self._refused(f"its arrays would grow to {self.n_bytes / 2**20:.0f} MiB")
        return _text(dataset) if text else np.asarray(dataset[()])

    def _refused(self, what: str) -> DamagedFile:
        return DamagedFile(f"the HDF5 file is not safe to read: {what}", where=self.where)


def _text(dataset: h5py.Dataset) -> str | Array:
    """A string, or an array of them."""
    value = dataset.asstr("utf-8")[()]
    return value if isinstance(value, str) else np.asarray(value, dtype=object)
