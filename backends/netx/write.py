"""Write a `.net` file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.ir.errors import MissingExtra
from snnc.ir.file import atomic_path

if TYPE_CHECKING:
    from snnc.backends.netx.build import NetFile


def write(path: Path, file: NetFile, *, force: bool = False) -> None:
    """Write a file, in one piece or not at all.

    Raises:
        OutputExists: it is there already.
        MissingExtra: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtra(
            ".net files need h5py", where=str(path), hint="pip install 'snnc[nir]'"
        ) from None
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as target:
        for i, layer in enumerate(file.layers):
            _fill(target.create_group(f"layer/{i}"), layer)
        if file.frames is not None:
            _fill(target.create_group("simulation"), {"Ts": 1, "tSample": file.frames})
    with atomic_path(path, force=force) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _fill(group: Any, fields: Mapping[str, Any]) -> None:
    for key, value in fields.items():
        if isinstance(value, Mapping):
            _fill(group.create_group(key), value)
        elif isinstance(value, str):  # as lava-dl writes them
            text = np.array([value.encode("ascii")], dtype="S10")
            group.create_dataset(key, data=text if key == "type" else text[0])
        elif np.ndim(value):
            group.create_dataset(key, data=value, compression="gzip")
        else:
            group.create_dataset(key, data=value)
