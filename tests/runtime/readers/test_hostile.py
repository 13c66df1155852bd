"""Files that name other files, hold more than one sample, or more than the memory."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import DataError
from snnc.runtime.data import load_data
from snnc.runtime.readers.preparation import Preparation
from tests import needs

HOW = Preparation.from_json({"events": {"sensor": [1, 9], "frames": 4, "window_us": 100_000}})


def secret(folder: Path, h5py: Any) -> Path:
    path = folder / "secret.h5"
    with h5py.File(path, "w") as f:
        f["x"], f["y"] = np.arange(6).reshape(3, 2), np.arange(3)
        for name in ("times", "units"):
            spikes = f.create_dataset(f"spikes/{name}", (3,), h5py.vlen_dtype(np.float64))
            for i in range(3):
                spikes[i] = np.zeros(2)
    return path


@pytest.mark.parametrize("way", ["external link", "soft link", "virtual", "raw", "label", "spikes"])
def test_arrays_of_other_files_are_refused(way: str, tmp_path: Path) -> None:
    h5py = needs.module("h5py")
    other = secret(tmp_path, h5py)
    with h5py.File(tmp_path / "d.h5", "w") as f:
        own = np.zeros((3, 2))
        if way == "external link":
            f["x"] = h5py.ExternalLink(str(other), "/x")
        elif way == "soft link":
            f["there"] = h5py.ExternalLink(str(other), "/")
            f["x"] = h5py.SoftLink("/there/x")
        elif way == "virtual":
            layout = h5py.VirtualLayout((3, 2), np.int64)
            layout[:] = h5py.VirtualSource(str(other), "x", shape=(3, 2))
            f.create_virtual_dataset("x", layout)
        elif way == "raw":
            f.create_dataset("x", (3, 2), np.uint8, external=[(str(other), 0, 6)])
        elif way == "label":
            f["x"], f["y"] = own, h5py.ExternalLink(str(other), "/y")
        else:
            f["spikes/times"] = h5py.ExternalLink(str(other), "/spikes/times")
            f["spikes/units"] = h5py.ExternalLink(str(other), "/spikes/units")
    with pytest.raises(DataError, match="only what a file holds itself is read"):
        load_data(tmp_path / "d.h5", preparation=HOW)
    load_data(other, preparation=HOW)


def test_sizes_of_hdf5_are_bounded(tmp_path: Path) -> None:
    h5py = needs.module("h5py")
    with h5py.File(tmp_path / "d.h5", "w") as f:  # space is allocated where something is written
        f.create_dataset("x", (3, 10**6, 10**6), np.uint8, chunks=(1, 100, 100))
    with pytest.raises(DataError, match="a sample of `x` has 1000000000000 values"):
        load_data(tmp_path / "d.h5")
    with h5py.File(tmp_path / "y.h5", "w") as f:
        f["x"] = np.zeros((3, 2))
        f.create_dataset("y", (10**12,), np.uint8, chunks=(100,))
    with pytest.raises(DataError, match=r"`y` has shape \(1000000000000,\)"):
        load_data(tmp_path / "y.h5")


@pytest.mark.parametrize("name", ["a.gif", "a.tiff", "a.png", "a.webp"])
def test_several_images_in_a_file_are_not_one(name: str, tmp_path: Path) -> None:
    image = needs.module("PIL.Image")
    rng = np.random.default_rng(0)
    frames = [image.fromarray(rng.integers(0, 256, (8, 9, 3), np.uint8)) for _ in range(3)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=f"{name}: it holds 3 images"):
        load_data(tmp_path / name)
    frames[0].save(tmp_path / name)
    assert load_data(tmp_path / name).x.shape == (1, 3, 8, 9)


def test_more_than_the_memory(tmp_path: Path) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (99, 1000000000000), }\n"
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"few"
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as z:
        z.writestr("x.npy", array)
    with pytest.raises(DataError, match="does not fit in memory"):
        load_data(tmp_path / "d.npz")
