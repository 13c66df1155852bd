"""Arrays that grow on disk, and files that are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.ir.errors import OutputExists, WrongUsage
from snnc.runtime.npz import write_npz


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
