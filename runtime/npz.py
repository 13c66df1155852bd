"""Writing `.npz` files that need not fit into memory, all or nothing."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array
from snnc.ir.errors import WrongUsage
from snnc.ir.file import atomic_path


class NpzRows:
    """Arrays that grow batch by batch along their first axis, on disk.

    Args:
        folder: where the growing arrays live.
        n_rows: final length of the first axis.
    """

    def __init__(self, folder: Path, n_rows: int) -> None:
        self._folder = folder
        self._n_rows = n_rows
        self._open: dict[str, np.memmap[tuple[int, ...], np.dtype[np.generic]]] = {}
        self._filled: dict[str, int] = {}

    def append(self, arrays: Mapping[str, Array]) -> None:
        """Add the next rows of each array."""
        for name, rows in arrays.items():
            if name not in self._open:
                self._open[name] = np.lib.format.open_memmap(
                    self._folder / f"{len(self._open)}.npy",
                    mode="w+",
                    dtype=rows.dtype,
                    shape=(self._n_rows, *rows.shape[1:]),
                )
                self._filled[name] = 0
            first = self._filled[name]
            self._open[name][first : first + len(rows)] = rows
            self._filled[name] = first + len(rows)

    def pack(self, path: Path) -> None:
        """Write everything into one `.npz`."""
        with zipfile.ZipFile(path, "w") as archive:
            for index, (name, array) in enumerate(self._open.items()):
                array.flush()
                archive.write(self._folder / f"{index}.npy", f"{name}.npy")


@contextlib.contextmanager
def npz_rows(path: Path, n_rows: int, *, force: bool) -> Iterator[NpzRows]:
    """Rows that become the file `path` when the block ends without an error.

    Raises:
        OutputExists: the file is there and `force` is false.
        WrongUsage: `path` does not end in .npz.
    """
    check_suffix(path, (".npz",))
    with (
        atomic_path(path, force=force) as temporary,
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".snnc-rows-") as folder,
    ):
        rows = NpzRows(Path(folder), n_rows)
        yield rows
        rows.pack(temporary)


def write_npz(path: Path, arrays: Mapping[str, Array], *, force: bool) -> None:
    """Write `arrays` as one `.npz`, all or nothing.

    Raises:
        OutputExists: the file is there and `force` is false.
        WrongUsage: `path` does not end in .npz.
    """
    check_suffix(path, (".npz",))
    with atomic_path(path, force=force) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **dict(arrays))  # type: ignore[arg-type]


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raise `WrongUsage` unless `path` ends in one of `known`."""
    if path.suffix not in known:
        raise WrongUsage(
            f"cannot write `{path.name}`", hint=f"name a file that ends in {' or '.join(known)}"
        )
