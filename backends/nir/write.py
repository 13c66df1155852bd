"""Write NIR's HDF5 form."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.ir.errors import MissingExtra
from snnc.ir.file import atomic_path

if TYPE_CHECKING:
    from snnc.backends.nir.build import NirFile

NIR_VERSION = "1.0.8"
"""Whose nodes and parameter names the files have."""


def write(path: Path, file: NirFile, *, force: bool = False) -> None:
    """Write a file, in one piece or not at all.

    Raises:
        OutputExists: it is there already.
        MissingExtra: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtra(
            "NIR files need h5py", where=str(path), hint="pip install 'snnc[nir]'"
        ) from None
    buffer = io.BytesIO()
    text = h5py.string_dtype()
    with h5py.File(buffer, "w", track_order=True) as target:
        target.create_dataset("version", data=NIR_VERSION, dtype=text)
        root = target.create_group("node")
        root.create_dataset("type", data="NIRGraph", dtype=text)
        edges = np.array(file.edges, dtype=object).reshape(-1, 2)
        root.create_dataset("edges", data=edges, dtype=text)
        _fill(root.create_group("metadata"), file.metadata, text)
        nodes = root.create_group("nodes")
        for name, fields in file.nodes.items():
            _fill(nodes.create_group(name), fields, text)
    with atomic_path(path, force=force) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _fill(group: Any, fields: Any, text: Any) -> None:
    for key, value in fields.items():
        if isinstance(value, str):
            group.create_dataset(key, data=value, dtype=text)
        elif isinstance(value, np.ndarray) and value.ndim:
            group.create_dataset(key, data=value, compression="gzip")
        else:
            group.create_dataset(key, data=value)
