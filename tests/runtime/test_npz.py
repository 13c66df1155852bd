"""Arrays that grow on disk, and files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.ir.errors import OutputExists, WrongUsage
from snnc.runtime.npz import npz_rows, write_npz


def test_rows_become_one_file(tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    with npz_rows(path, 5, force=False) as rows:
        rows.append({"a": np.arange(3), "b/c": np.ones((3, 2))})
        rows.append({"a": np.arange(2), "b/c": np.zeros((2, 2))})
        assert not path.exists()
    with np.load(path) as written:
        assert written["a"].tolist() == [0, 1, 2, 0, 1]
        assert written["b/c"].sum() == 6
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), npz_rows(tmp_path / "o.npz", 2, force=False) as rows:
        rows.append({"a": np.arange(1)})
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_existing_files_stay(tmp_path: Path) -> None:
    path = tmp_path / "o.npz"
    write_npz(path, {"a": np.arange(3)}, force=False)
    with pytest.raises(OutputExists):
        write_npz(path, {"a": np.arange(4)}, force=False)
    write_npz(path, {"a": np.arange(4)}, force=True)
    assert len(np.load(path)["a"]) == 4


def test_other_endings(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=r"cannot write `o.txt`"):
        write_npz(tmp_path / "o.txt", {}, force=False)
