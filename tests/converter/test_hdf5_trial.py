"""HDF5 files that the library does not come through, and those that only look so."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from snnc.converter import hdf5_trial
from snnc.ir.errors import ChildFailed, DamagedFile
from tests.converter.test_hdf5 import made, tree

PATTERN = struct.pack("<H6xQ", 1, 16) + b"GCOL\x01\0\0\0" + struct.pack("<Q", 1 << 40)
"""In an array: the head of a heap of texts, behind it an object whose size leads to the next."""


def texts(file: h5py.File) -> None:
    file["text"] = ["one", "two"]


def endless(tmp_path: Path, size: int) -> Path:
    """A file in whose heap of texts the library (2.0.0) would walk for ever, deaf to signals.

    HDF5 file format 3.0, III.E: an object's number, references and size; number 0 is free space.
    """
    path = made(tmp_path, texts)
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 32] = struct.pack("<HHIQ", int(size != 0), 1, 0, size)
    path.write_bytes(data)
    return path


def test_a_heap_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_trial, "MOST_SECONDS", 0)
    path = endless(tmp_path, 0)
    with pytest.raises(DamagedFile, match="came to no end in 0 s of computing") as e:
        tree(path)
    assert e.value.where == str(path)


@pytest.mark.parametrize("between", [b"", bytes(64)], ids=["dense", "zeros"])
def test_numbers_that_look_like_a_heap_are_read(between: bytes, tmp_path: Path) -> None:
    """However many: what was searched for them byte by byte took half a minute."""
    values = np.frombuffer((PATTERN + between) * 16_000, np.uint8)

    def fill(file: h5py.File) -> None:
        file["a"] = values
        texts(file)

    start = time.process_time()
    found = tree(made(tmp_path, fill))
    assert time.process_time() - start < 2
    np.testing.assert_array_equal(found["a"], values)
    assert found["text"].tolist() == ["one", "two"]


def test_how_the_library_ends_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process that ends so (which file makes which library crash changes with both)."""
    path = made(tmp_path, texts)
    child = tmp_path / "ends.py"
    child.write_text("import os, sys, time\nos.kill(os.getpid(), int(os.environ['ENDS']))\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(hdf5_trial, "_CHILD", "ends")
    monkeypatch.setenv("ENDS", str(int(signal.SIGUSR1)))
    with pytest.raises(DamagedFile, match=r"is damaged \(the library ended with SIGUSR1\)"):
        tree(path)
    monkeypatch.setenv("ENDS", str(int(signal.SIGKILL)))
    with pytest.raises(ChildFailed, match="could not be tried .*: it ended with SIGKILL"):
        tree(path)
    monkeypatch.setenv("ENDS", "none")
    with pytest.raises(ChildFailed, match="ValueError: invalid literal"):
        tree(path)


def test_where_no_process_can_try_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, texts)
    for program, said in (
        (None, "sys.executable is empty"),
        ("", "sys.executable is empty"),
        (str(tmp_path / "none"), "No such file or directory"),
    ):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(ChildFailed, match=f"could not be tried .*: .*{said}") as e:
            tree(path)
        assert e.value.where == str(path)
    monkeypatch.undo()
    monkeypatch.setattr(hdf5_trial, "_CHILD", "snnc.that_is_not_there")
    with pytest.raises(ChildFailed, match="No module named snnc.that_is_not_there"):
        tree(path)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes as Linux shows them")
def test_ctrl_c_ends_the_trial(tmp_path: Path) -> None:
    path = endless(tmp_path, 2**64 - 24)
    code = "import sys\nfrom snnc.converter.sources import open_source\nopen_source(sys.argv[1])"

    def trials() -> list[str]:
        found = []
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it has just ended
                found.append(place.read_bytes().decode(errors="replace"))
        return [line for line in found if "hdf5_child" in line and str(path) in line]

    with subprocess.Popen(
        [sys.executable, "-c", code, path], stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        while not trials():
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=10)
    assert said.endswith(b"KeyboardInterrupt\n")
    assert not trials()
