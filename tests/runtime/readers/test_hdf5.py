"""HDF5 files at which the library itself crashes or comes to no end: a named error."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.ir.errors import BadInputFile, DataError
from snnc.runtime.data import load_data
from snnc.runtime.readers import hdf5
from snnc.runtime.readers.hdf5_process import Process
from snnc.runtime.readers.preparation import Preparation
from snnc.runtime.run import run
from tests import needs
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


def endless(path: Path, n_spikes: int = 9, heaps: tuple[int, ...] = (0,)) -> Path:
    """The same with the head of some heaps' first objects overwritten."""
    data = bytearray(spikes(path, n_spikes).read_bytes())
    starts = [m.start() for m in re.finditer(b"GCOL", data)]
    for start in (starts[heap] for heap in heaps):
        data[start + FIRST.start : start + FIRST.stop] = bytes(16)
    path.write_bytes(data)
    return path


def process_of(samples: Any) -> subprocess.Popen[bytes]:
    """The library's, which has the file of these open."""
    return samples.read.__self__._reader().process._process


def test_a_file_without_an_end_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5, "_MOST_SECONDS", 0.3)
    path = endless(tmp_path / "d.h5")
    with pytest.raises(BadInputFile, match="at 3 samples, the last is 2: .* come to an end") as e:
        load_data(path, preparation=HOW)
    assert e.value.where == str(path)


def test_bad_samples_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two, each met in a batch and alone: the library is at each but once."""
    monkeypatch.setattr(hdf5, "_MOST_SECONDS", 0.3)
    starts: list[object] = []

    class Counted(Process):
        def __init__(self, *order: Any) -> None:
            starts.append(order)
            super().__init__(*order)

    monkeypatch.setattr(hdf5, "Process", Counted)
    model = save_model(tmp_path, shape=(1, 2, 3), manifest={"preparation": EVENTS})
    whole = run(model, spikes(tmp_path / "whole.h5", 9000), engine="oracle")
    starts.clear()
    path = endless(tmp_path / "d.h5", 9000, heaps=(1, 2))
    found = run(model, path, engine="oracle", on_bad_sample="skip")
    assert len(starts) == 3
    assert found.samples is not None
    kept = found.samples.tolist()
    assert kept == [0, 3]
    assert found.n_skipped == 2
    assert whole.outputs_int is not None
    assert found.outputs_int is not None
    assert found.outputs_int.tolist() == whole.outputs_int[kept].tolist()
    with pytest.raises(DataError, match="cannot be read: the HDF5 library did not come") as e:
        run(model, path, engine="oracle")
    assert e.value.where == f"{path}, sample 1"


def test_a_crash_of_the_library_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load_data(spikes(tmp_path / "d.h5"), preparation=HOW)
    whole = np.asarray(found.x)
    own = process_of(found.x)
    os.kill(own.pid, signal.SIGSTOP)  # it does not come to answer
    hear = Process.hear

    def crash(process: Process) -> bytes:
        os.kill(own.pid, signal.SIGSEGV)
        os.kill(own.pid, signal.SIGCONT)
        return hear(process)

    with monkeypatch.context() as patch:
        patch.setattr(Process, "hear", crash)
        with pytest.raises(DataError, match="cannot be read: .* SIGSEGV") as e:
            found.x[1]
    assert e.value.where == f"{tmp_path / 'd.h5'}, sample 1"
    np.testing.assert_array_equal(found.x[1], whole[1])  # a new process has opened it again
    assert found.y is not None
    assert found.y.tolist() == [0, 1, 2, 3]


def test_no_sample_is_at_fault_where_the_process_ends_between_two(tmp_path: Path) -> None:
    found = load_data(spikes(tmp_path / "d.h5"), preparation=HOW)
    whole = np.asarray(found.x)
    which: Any
    for which in (1, slice(1, 4), 2, slice(0, 2)):
        own = process_of(found.x)
        own.kill()
        own.wait()
        np.testing.assert_array_equal(found.x[which], whole[which])


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    for name, more in (("text", {"y": ["a", "b"]}), ("pairs", {"x": np.zeros((2, 2), "i4,f4")})):
        path = tmp_path / f"{name}.h5"
        with h5py.File(path, "w") as f:
            for key, value in {"x": np.zeros((2, 3)), **more}.items():
                f[key] = value
        with pytest.raises(DataError, match=r"holds .*, not (class )?numbers") as e:
            load_data(path)
        assert str(path) in str(e.value.where)
