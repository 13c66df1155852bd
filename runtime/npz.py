"""Writing `.npz` files, all or nothing."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from snnc.ir.arrays import Array, Shape
from snnc.ir.errors import WrongUsage
from snnc.ir.file import atomic_path


def write_npz(path: Path, arrays: Mapping[str, Array], *, force: bool) -> None:
    """Write `arrays` as one `.npz`, all or nothing.

    Raises:
        OutputExists: the file is there and `force` is false.
        WrongUsage: `path` does not end in .npz.
    """
    check_suffix(path, (".npz",))
    with atomic_path(path, force=force) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **dict(arrays))  # type: ignore[arg-type]


class GrowingNpz:
    """Arrays of an `.npz` that grow along their first axis, or by whole rows of several.

    Until it is complete each lies in a file of its own, so memory holds what is added at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[str, int] = {}
        self._dtypes: dict[str, np.dtype] = {}
        self._shapes: dict[str, Shape] = {}

    def add(self, name: str, array: Array) -> None:
        """Append to an array."""
        number = self._numbers.setdefault(name, len(self._numbers))
        self._dtypes.setdefault(name, array.dtype)
        with (self._folder / str(number)).open("ab") as stream:
            stream.write(np.ascontiguousarray(array, self._dtypes[name]).data)

    def shape(self, name: str, shape: Shape) -> None:
        """Say what shape an array has in the end; without this it has one axis."""
        self._shapes[name] = shape

    def write(self, archive: zipfile.ZipFile) -> None:
        """Put all arrays into an archive, as numpy reads them."""
        for name, number in self._numbers.items():
            part, dtype = self._folder / str(number), self._dtypes[name]
            shape = self._shapes.get(name, (part.stat().st_size // dtype.itemsize,))
            head = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": shape,
            }
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, head)
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, member, 1 << 20)
            part.unlink()


@contextmanager
def growing_npz(path: Path, *, force: bool) -> Iterator[GrowingNpz]:
    """An `.npz` that grows within the block and is there after it, all or nothing.

    Raises:
        OutputExists: the file is there and `force` is false.
        DiskFull: there is no space for it.
    """
    with (
        atomic_path(path, force=force) as temporary,
        TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder,
    ):
        growing = GrowingNpz(Path(folder))
        yield growing
        with zipfile.ZipFile(temporary, "w") as archive:
            growing.write(archive)


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raise `WrongUsage` unless `path` ends in one of `known`."""
    if path.suffix not in known:
        raise WrongUsage(
            f"cannot write `{path.name}`", hint=f"name a file that ends in {' or '.join(known)}"
        )
