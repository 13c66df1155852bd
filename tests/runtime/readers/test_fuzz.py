"""Damaged files of every kind: read, or refused by a named error that says which file.

`SNNC_FUZZ_READERS=2000` tries so many of each; the test run takes a few.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.errors import SnncError
from snnc.runtime.data import load_data
from snnc.runtime.readers.hdf5_content import content
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import read_record
from tests import needs
from tests.runtime.readers import event_files as files

N = int(os.environ.get("SNNC_FUZZ_READERS", "60"))
HOW = Preparation.from_json(
    {
        "events": {"sensor": [30, 34], "frames": 4},
        "audio": {"rate": 8000, "length": 90, "features": "mfcc", "frame": 32, "hop": 16},
    }
)
EVENTS = files.some_events(60)
EVT3 = [0x8000, 0x6001, 0x0003, 0x2005, 0x3004, 0x4FFF, 0x5011, 0x8001, 0x6007, 0x2003] * 9
Write = Callable[[Path], object]


def sound(path: Path) -> None:
    with wave.open(str(path), "wb") as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(8000)
        f.writeframes(np.arange(100, dtype="<i2").tobytes())


def picture(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
    needs.module("PIL.Image").fromarray(pixels).save(path)


def hdf5(path: Path) -> None:
    with needs.module("h5py").File(path, "w") as f:
        f.create_dataset("x", data=np.arange(30.0).reshape(5, 3, 2), compression="gzip")
        f["y"] = np.arange(5)


def spikes(path: Path) -> None:
    h5py = needs.module("h5py")
    with h5py.File(path, "w") as f:
        for name, kind in (("times", np.float32), ("units", np.uint16)):
            rows = f.create_dataset(f"spikes/{name}", (3,), h5py.vlen_dtype(kind))
            for i in range(3):
                rows[i] = np.arange(9) / (10 if name == "times" else 1)


def table(path: Path) -> None:
    hf = needs.module("datasets")
    hf.disable_progress_bars()
    hf.Dataset.from_dict({"x": [[1, 2], [3, 4]], "label": [1, 0]}).to_parquet(path)


def listed(path: Path) -> None:
    sound(path.parent / "i.wav")
    path.write_text("path,label\n" + "i.wav,1\n" * 5)


KINDS: dict[str, Write] = {
    "a.npz": lambda p: np.savez_compressed(p, x=np.arange(24).reshape(6, 4), y=np.arange(6)),
    "a.npy": lambda p: np.save(p, np.arange(24.0).reshape(6, 4)),
    "a.h5": hdf5,
    "spikes.h5": spikes,
    "a.csv": listed,
    "a.wav": sound,
    "a.bin": lambda p: files.nmnist(p, EVENTS),
    "dvs.aedat": lambda p: files.aedat2(p, EVENTS, "DVS128"),
    "three.aedat": lambda p: files.aedat3(p, EVENTS),
    "four.aedat4": lambda p: files.aedat4(p, EVENTS),
    "a.dat": lambda p: files.dat(p, EVENTS),
    "two.raw": lambda p: files.evt2(p, EVENTS),
    "three.raw": lambda p: files.evt3_words(p, EVT3),
    "a.parquet": table,
    **{f"a.{kind}": picture for kind in ("png", "jpg", "gif", "bmp", "tiff", "webp", "ppm")},
}


def damaged(good: bytes, rng: np.random.Generator, *, cut_only: bool) -> bytes:
    """Cut, flipped, overwritten by the largest numbers, with bytes added or taken away."""
    found = bytearray(good)
    head = rng.random() < 0.5
    at = int(rng.integers(min(len(good), 64) if head else len(good)))
    n = int(rng.choice([1, 2, 4, 8]))
    way = rng.integers(6)
    if cut_only or way == 0:
        return good[:at]
    if way == 1:
        for i in rng.integers(0, len(good), n).tolist():
            found[i] ^= 1 << int(rng.integers(8))
    elif way in (2, 3):
        found[at : at + n] = (b"\xff" if way == 2 else b"\x7f") + b"\xff" * (n - 1)
    elif way == 4:
        found[at:at] = rng.bytes(n)
    else:
        del found[at : at + 5 * n]
    return bytes(found)


def read_all(path: Path) -> None:
    """Every sample; of HDF5 in this process, which is quicker than one for each file."""
    if path.suffix == ".h5":
        held = content(path, HOW, str(path))
        for i in range(held.n):
            read_record(held.read, lambda i: f"{path}, sample {i}", i)
        return
    data = load_data(path, preparation=HOW)
    np.asarray(data.x)
    np.asarray(data.y)


@pytest.mark.parametrize("name", list(KINDS))
def test_damaged_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    if name.endswith("parquet"):
        config = needs.module("datasets").config
        monkeypatch.setattr(config, "HF_DATASETS_CACHE", tmp_path / "cache")
    KINDS[name](path)
    good = path.read_bytes()
    assert len(load_data(path, preparation=HOW).x)
    rng = np.random.default_rng(len(name))
    # the HDF5 library does not come to an end at some damaged heaps of variable length: test_hdf5
    cut_only = name == "spikes.h5"
    refused: list[SnncError] = []
    for _ in range(N // 6 if name.endswith("parquet") else N):
        path.unlink()  # HDF5 gives a file that is open already from its cache
        path.write_bytes(damaged(good, rng, cut_only=cut_only))
        try:
            read_all(path)
        except SnncError as error:
            refused.append(error)
    assert [e for e in refused if str(tmp_path) not in str(e.where)] == []
    assert len(refused) >= N // 20  # every kind has bytes that mean nothing
