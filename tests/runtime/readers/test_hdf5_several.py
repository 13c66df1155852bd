"""Many samples of an HDF5 file at once: as one by one, asked for in one question."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.arrays import Array
from snnc.ir.errors import DataError
from snnc.runtime.readers.hdf5 import open_hdf5
from snnc.runtime.readers.hdf5_process import Process
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.readers.records import Records
from tests import needs

h5py = needs.module("h5py")
RNG = np.random.default_rng(0)
ARRAYS = {
    "float32": RNG.random((7, 2, 3)).astype(np.float32),
    "big-endian": RNG.integers(-9, 9, (7, 5)).astype(">i2"),
    "bool": RNG.random((7, 3)) < 0.5,
    "float16 scalars": RNG.random(7).astype(np.float16),
    "no values": np.zeros((7, 0, 2)),
}
EVENTS = {"events": {"sensor": [1, 2], "polarity": "merged"}}


def opened(path: Path, x: Array) -> Records:
    with h5py.File(path, "w") as f:
        f["x"] = x
    found = open_hdf5(path, Preparation()).x
    assert isinstance(found, Records)
    return found


@pytest.mark.parametrize("name", ARRAYS)
def test_all_ways_of_asking_give_what_is_in_the_file(name: str, tmp_path: Path) -> None:
    x = ARRAYS[name]
    found = opened(tmp_path / "d.h5", x=x)
    which: Any
    for which in (slice(None), slice(2, 5), slice(None, None, -2), slice(3, 3), [4, 0, 4, -1]):
        np.testing.assert_array_equal(found[which], x[which])
    assert found[:].dtype == x.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found[-2], x[-2])
    np.testing.assert_array_equal(found.part(slice(1, 6))[1:3], x[2:4])


def test_a_slice_is_one_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = RNG.integers(0, 9, (3000, 4))
    found = opened(tmp_path / "d.h5", x=x)
    questions: list[bytes] = []
    tell = Process.tell

    def count(process: Process, message: bytes) -> None:
        questions.append(message)
        tell(process, message)

    monkeypatch.setattr(Process, "tell", count)
    np.testing.assert_array_equal(found[:], x)
    assert len(questions) == 1


def test_a_large_sample_is_in_memory_once(tmp_path: Path) -> None:
    found = opened(tmp_path / "d.h5", x=RNG.random((2, 1 << 20)))
    tracemalloc.start()
    try:
        size = found[0:1].nbytes
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 8 << 20
    assert most < 1.2 * size


def test_one_of_another_shape_is_its_own_error(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    with h5py.File(path, "w") as f:
        rows = f.create_dataset("x", (5,), h5py.vlen_dtype(np.float32))
        for i, n in enumerate((2, 2, 3, 2, 2)):
            rows[i] = np.arange(n) + i
    found = open_hdf5(path, Preparation()).x
    with pytest.raises(DataError, match=r"it has shape \(3,\), the first sample \(2,\)") as e:
        found[:]
    assert e.value.where == f"{path}, sample 2"
    assert found[3:].tolist() == [[3, 4], [4, 5]]


def test_one_that_cannot_be_read_is_its_own_error(tmp_path: Path) -> None:
    path = tmp_path / "d.h5"
    with h5py.File(path, "w") as f:
        for name, kind in (("times", np.float32), ("units", np.uint16)):
            rows = f.create_dataset(f"spikes/{name}", (4,), h5py.vlen_dtype(kind))
            for i in range(4):
                rows[i] = np.arange(3 if (name, i) == ("units", 2) else 4) % 2
    found = open_hdf5(path, Preparation.from_json(EVENTS)).x
    with pytest.raises(DataError, match="4 times, but 3 units") as e:
        found[:]
    assert e.value.where == f"{path}, sample 2"
    assert found[[3, 1]].reshape(2, 2).tolist() == [[2, 2]] * 2
