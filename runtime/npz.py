"""Writing `.npz` files, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array
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


def check_suffix(path: Path, known: tuple[str, ...]) -> None:
    """Raise `WrongUsage` unless `path` ends in one of `known`."""
    if path.suffix not in known:
        raise WrongUsage(
            f"cannot write `{path.name}`", hint=f"name a file that ends in {' or '.join(known)}"
        )
