"""HDF5 files at which the library itself crashes or comes to no end: a named error, and Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import BadInputFile, DataError
from snnc.runtime.data import load_data
from snnc.runtime.readers import hdf5
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.run import run
from tests import needs
from tests.cli.helpers import command_line
from tests.runtime.models import save_model

h5py = needs.module("h5py")
EVENTS = {"events": {"sensor": [2, 3], "polarity": "merged", "clip": 4, "frames": 15}}
HOW = Preparation.from_json(EVENTS)
FIRST = slice(16, 32)
"""Of a heap, from "GCOL" on: number, references and size of its first object. All zero they say
that here is free space of no bytes, over which the library (2.0.0) steps for ever."""


def spikes(path: Path, n_spikes: int = 9) -> Path:
    """Four samples of an SHD-like file; long ones have a heap each."""
    with h5py.File(path, "w") as f:
        for name, kind in (("times", np.float32), ("units", np.uint16)):
            rows = f.create_dataset(f"spikes/{name}", (4,), h5py.vlen_dtype(kind))
            for i in range(4):
                events = np.arange(n_spikes)
                rows[i] = events / 10 + i if name == "times" else (events * (i + 1)) % 3
        f["labels"] = np.arange(4)
    return path


def endless(path: Path, n_spikes: int = 9, heap: int = 0) -> Path:
    """The same with the head of one heap's first object overwritten."""
    data = bytearray(spikes(path, n_spikes).read_bytes())
    start = [m.start() for m in re.finditer(b"GCOL", data)][heap]
    data[start + FIRST.start : start + FIRST.stop] = bytes(16)
    path.write_bytes(data)
    return path


def test_a_file_without_an_end_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "_MOST_SECONDS", 0)  # a second at most
    path = endless(tmp_path / "d.h5")
    with pytest.raises(BadInputFile, match="at 3 samples, the last is 2: .* come to an end") as e:
        load_data(path, preparation=HOW)
    assert e.value.where == str(path)


def test_a_bad_sample_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "_MOST_SECONDS", 0)
    model = save_model(tmp_path, shape=(1, 2, 3), manifest={"preparation": EVENTS})
    whole = run(model, spikes(tmp_path / "whole.h5", 9000), engine="oracle")
    path = endless(tmp_path / "d.h5", 9000, heap=2)
    found = run(model, path, engine="oracle", on_bad_sample="skip")
    assert found.samples is not None
    kept = found.samples.tolist()
    assert kept == [0, 1, 3]
    assert found.n_skipped == 1
    assert whole.outputs_int is not None
    assert found.outputs_int is not None
    assert found.outputs_int.tolist() == whole.outputs_int[kept].tolist()
    with pytest.raises(DataError, match="cannot be read: the HDF5 library did not come") as e:
        run(model, path, engine="oracle")
    assert e.value.where == f"{path}, sample 2"


def test_a_crash_of_the_library_is_a_named_error(tmp_path: Path) -> None:
    found = load_data(spikes(tmp_path / "d.h5"), preparation=HOW)
    whole = np.asarray(found.x)
    lazy: Any = found.x
    os.kill(lazy.read.__self__._process._process.pid, signal.SIGSEGV)
    with pytest.raises(DataError, match="cannot be read: .* SIGSEGV"):
        found.x[1]
    np.testing.assert_array_equal(found.x[1], whole[1])  # a new process has opened it again
    assert found.y is not None
    assert found.y.tolist() == [0, 1, 2, 3]


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    for name, more in (("text", {"y": ["a", "b"]}), ("pairs", {"x": np.zeros((2, 2), "i4,f4")})):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as f:
            for key, value in {"x": np.zeros((2, 3)), **more}.items():
                f[key] = value
        with pytest.raises(DataError, match=r"holds .*, not (class )?numbers") as e:
            load_data(path)
        assert str(path) in str(e.value.where)


def test_ctrl_c_while_the_library_hangs(tmp_path: Path) -> None:
    model = save_model(tmp_path, shape=(1, 2, 3), manifest={"preparation": EVENTS})
    args = command_line("run", model, "--data", endless(tmp_path / "d.h5"), "--engine", "oracle")
    with subprocess.Popen(args, stderr=subprocess.PIPE, text=True, start_new_session=True) as own:
        time.sleep(3)
        assert own.poll() is None
        os.killpg(own.pid, signal.SIGINT)
        _, said = own.communicate(timeout=5)
    assert own.returncode == 130
    assert said.split() == ["interrupted"]
