"""HDF5 from strangers: plain groups and arrays, within limits, nothing from other files.

HDF5 can point to other files, load filters from shared libraries and share groups in circles.
None of that is followed: a file that asks for it is refused.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np

from snnc.converter.hdf5_trial import survive
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


def read_tree(path: Path, data: bytes) -> Tree:
    """Everything in an HDF5 file.

    Args:
        path: of the file.
        data: its content.

    Raises:
        MissingExtra: h5py is not installed.
        DamagedFile: truncated, damaged, too large, or it reaches out of the file.
        ChildFailed: it could not be tried in another process before.
    """
    _h5py(str(path))
    survive(path, len(data))
    return read_opened(io.BytesIO(data), str(path), len(data))


def read_opened(opened: IO[bytes], where: str, n_bytes: int) -> Tree:
    """Everything in an HDF5 file that is open; at a damaged one the library may not come back.

    Raises:
        DamagedFile: as `read_tree`.
    """
    h5py = _h5py(where)
    reader = _Reader(where, n_bytes)
    try:
        with h5py.File(opened, "r") as file:
            return reader.group(file, "", 0)
    except DamagedFile:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise DamagedFile(f"the HDF5 file is damaged ({error})", where=where) from None


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
