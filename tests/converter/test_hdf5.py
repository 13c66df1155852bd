"""HDF5 files that reach out, loop, blow up or break off."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snnc.converter import hdf5
from snnc.converter.hdf5 import Tree, read_tree
from snnc.ir.errors import CannotLoad, DamagedFile, SnncError
from tests.converter.nir.files import chain, read, write


def made(tmp_path: Path, fill: Any) -> Path:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def tree(path: Path) -> Tree:
    return read_tree(path, path.read_bytes())


def external_link(file: Any) -> None:
    file["a"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: Any) -> None:
    file["b"] = 1
    file["a"] = h5py.SoftLink("/b")


def external_storage(file: Any) -> None:
    file.create_dataset("a", (4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
    file.create_virtual_dataset("a", layout)


def circle(file: Any) -> None:
    group = file.create_group("a")
    group["again"] = group


def deep(file: Any) -> None:
    group = file
    for _ in range(hdf5.MAX_DEPTH + 2):
        group = group.create_group("g")


def bomb(file: Any) -> None:
    file.create_dataset("a", (2**29,), dtype="u1", chunks=(2**20,), compression="gzip")


def compound(file: Any) -> None:
    file["a"] = np.zeros(3, dtype=[("x", "f4"), ("y", "i4")])


def reference(file: Any) -> None:
    file.create_group("g")
    file.create_dataset("a", data=file["g"].ref, dtype=h5py.ref_dtype)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (external_link, "`/a` is a link"),
        (soft_link, "`/a` is a link"),
        (external_storage, "data in another file"),
        (virtual, "data in another file"),
        (circle, "nested more than"),
        (deep, "nested more than"),
        (bomb, "would grow to 512 MiB"),
        (compound, "neither numbers nor text"),
        (reference, "neither numbers nor text"),
    ],
)
def test_what_is_not_followed(tmp_path: Path, fill: Any, message: str) -> None:
    with pytest.raises(DamagedFile, match=message):
        tree(made(tmp_path, fill))


def test_too_many_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "MAX_OBJECTS", 3)
    path = made(tmp_path, lambda file: [file.create_group(f"g{i}") for i in range(5)])
    with pytest.raises(DamagedFile, match="more than 3 objects"):
        tree(path)


def test_a_file_that_breaks_off_or_is_scrambled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # these do the library no harm: seventy processes would find nothing and take twenty seconds
    monkeypatch.setattr(hdf5, "survive", lambda path, n_bytes: None)
    path = write(tmp_path / "x.nir", *chain((2,), {"type": "Linear", "weight": np.ones((2, 2))}))
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in range(8, len(whole), len(whole) // 12):
        path.write_bytes(whole[:cut])
        with pytest.raises(SnncError):
            read(path)
    for _ in range(60):
        broken = bytearray(whole)
        for at in rng.integers(8, len(whole), 8):
            broken[at] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(broken))
        with contextlib.suppress(SnncError):  # or a change that harms nothing
            read(path)


def test_other_hdf5_files_are_named(tmp_path: Path) -> None:
    path = made(tmp_path, lambda file: file.create_group("model_weights"))
    with pytest.raises(CannotLoad, match="holds no NIR graph"):
        read(path)
    made(tmp_path, lambda file: file.create_group("node").create_dataset("type", data="LIF"))
    with pytest.raises(CannotLoad, match="a single LIF"):
        read(path)
