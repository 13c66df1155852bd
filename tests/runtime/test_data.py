"""Data sets: what is taken, what is refused, and by which name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import BadInputFile, DataError, SnncError
from snnc.runtime.data import DataSet, load_data
from tests import needs


def test_npz_with_labels(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x=np.arange(12).reshape(4, 3), y=np.array([[0], [1], [2], [0]], np.uint8))
    data = load_data(path)
    assert data.name == str(path)
    assert data.x.shape == (4, 3)
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 2, 0]
    assert len(data.limit(2)) == 2
    assert data.limit(2).y is not None
    assert len(data.limit(None)) == len(data.limit(9)) == 4


def test_npy_is_mapped_and_comes_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "d.npy"
    np.save(path, np.arange(10).reshape(5, 2))
    data = load_data(path)
    assert isinstance(data.x, np.memmap)
    assert data.y is None
    batches = [np.asarray(b).tolist() for b in data.batches(2)]
    assert batches == [[[0, 1], [2, 3]], [[4, 5], [6, 7]], [[8, 9]]]


def test_arrays_and_data_sets_pass() -> None:
    data = load_data(np.zeros((2, 3)))
    assert isinstance(data, DataSet)
    assert load_data(data) is data


def test_digits() -> None:
    needs.module("sklearn")
    whole, train, test = (load_data(n) for n in ("digits", "digits-train", "digits-test"))
    assert whole.x.shape == (1797, 1, 8, 8)
    assert (len(train), len(test)) == (1437, 360)
    assert load_data("digits", (64,)).x.shape == (1797, 64)
    assert whole.x.min() == 0
    assert whole.x.max() == 16
    rows = {r.tobytes() for r in train.x} & {r.tobytes() for r in test.x}
    assert not rows


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.zeros((0, 3)), "empty"),
        (np.zeros(3), "samples first"),
        (np.zeros((2, 2), complex), "not numbers"),
        (np.array([[None]]), "not numbers"),
    ],
)
def test_unusable_arrays(x: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load_data(x)


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04 broken", "truncated"),
        (b"\x93NUMPY broken", ""),
        (b"hello", "it holds something else"),
        (b"\x89PNG\r\n\x1a\n", "it holds something else"),
    ],
)
def test_unreadable_files(tmp_path: Path, content: bytes, said: str, suffix: str) -> None:
    path = tmp_path / f"d{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadInputFile, match=rf"not a readable .*{said}"):
        load_data(path)


@pytest.mark.parametrize("member", ["x", "x.npy"])
def test_a_member_that_is_no_array(tmp_path: Path, member: str) -> None:
    path = tmp_path / "d.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, bytes(100))
    with pytest.raises(BadInputFile, match=f"its member {member} is no array"):
        load_data(path)


def test_an_empty_folder_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file of a known kind"):
        load_data(tmp_path)


def test_pickles_inside_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SnncError, match="not a readable"):
        load_data(path)


def test_npz_without_x(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, images=np.zeros((2, 2)))
    with pytest.raises(DataError, match="no array `x`, only images"):
        load_data(path)
