"""Traces of many samples and of long ones: into files, in memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.backends.event import session, simulate
from snnc.ir.errors import DataError, DiskFull
from snnc.runtime.trace import trace, trace_to
from tests import needs
from tests.runtime.models import N_IN, D, samples, save_model

KEYS = ("tick", "population", "neuron", "payload")
KINDS = ("npz", "h5", "csv")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array of a trace, membranes by name, with plain numpy or h5py."""
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return dict(archive)
    h5py = needs.module("h5py")
    with h5py.File(path) as file:
        found = {key: d[:] for key, d in file.items() if key != "membranes"}
        found["names"] = np.array([name.decode() for name in found["names"]])
        named = {f"membranes/{d.attrs['name']}": d[:] for d in file["membranes"].values()}
        return {**found, **named}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("membranes", [False, True])
def test_a_file_of_one_sample_is_that_of_the_trace_in_memory(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, membranes: bool
) -> None:
    if kind == "h5":
        needs.module("h5py")
    x, _ = samples()
    asked = {"sample": 3, "code": "burst", "membranes": membranes}
    trace(model, x, output=tmp_path / f"whole.{kind}", **asked)  # type: ignore[arg-type]
    monkeypatch.setattr(simulate, "_ROOM", 1)  # many stretches
    monkeypatch.setattr(session, "LOG_ROOM", 1)
    trace_to(model, x, tmp_path / f"parts.{kind}", **asked)  # type: ignore[arg-type]
    whole, parts = (tmp_path / f"{name}.{kind}" for name in ("whole", "parts"))
    if kind == "csv":
        assert whole.read_text() == parts.read_text()
        return
    arrays, streamed = read(whole), read(parts)
    assert list(arrays) == list(streamed)
    for key, array in arrays.items():
        assert array.dtype == streamed[key].dtype
        assert (array == streamed[key]).all()
    assert ("membranes/hidden" in arrays) == membranes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("membranes", [False, True])
def test_a_file_of_several_samples_holds_the_trace_of_each(
    model: Path, tmp_path: Path, kind: str, membranes: bool
) -> None:
    if kind == "h5":
        needs.module("h5py")
    x, _ = samples()
    x[6] = 0  # it feeds nothing
    path = tmp_path / f"some.{kind}"
    made = trace_to(model, x, path, samples=(4, 9), code="burst", membranes=membranes)
    alone = {i: trace(model, x, sample=i, code="burst", membranes=membranes) for i in range(4, 9)}
    json = made.to_json()
    assert (json["sample"], json["samples"]) == (None, [4, 9])
    assert json["n_events"] == sum(len(one.tick) for one in alone.values())
    assert json["n_spikes"] == sum(one.n_spikes for one in alone.values())
    sums = [one.by_population["hidden"]["n_events"] or 0 for one in alone.values()]
    assert json["by_population"]["hidden"]["n_events"] == sum(sums)
    if kind == "csv":
        lines = path.read_text().splitlines()
        assert lines[0] == "sample,tick,population,neuron,payload"
        rows = [
            f"{i},{t},{one.names[p]},{n},{k}"
            for i, one in alone.items()
            for t, p, n, k in zip(one.tick, one.population, one.neuron, one.payload, strict=True)
        ]
        assert lines[1:] == rows
        return
    found = read(path)
    assert found["samples"].tolist() == [4, 5, 6, 7, 8]
    assert found["first_event"][-1] == len(found["tick"])
    for i, number in enumerate(found["samples"].tolist()):
        own = slice(*found["first_event"][i : i + 2])
        for key in KEYS:
            assert (found[key][own] == getattr(alone[number], key)).all()
        if membranes:
            expected = alone[number].membranes
            assert expected is not None
            assert (found["membranes/hidden"][i] == expected["hidden"]).all()


def test_a_part_of_several_samples(model: Path, tmp_path: Path) -> None:
    x, _ = samples()
    asked = {"code": "burst", "populations": ["hidden"], "ticks": (D, D + 2), "membranes": True}
    trace_to(model, x, tmp_path / "p.npz", samples=(None, 3), **asked)  # type: ignore[arg-type]
    found = read(tmp_path / "p.npz")
    assert found["names"].tolist() == ["hidden"]
    assert found["ticks"].tolist() == [D, D + 2]
    assert found["membranes/hidden"].shape == (3, 2, 5)
    for i in range(3):
        one = trace(model, x, sample=i, **asked)  # type: ignore[arg-type]
        own = slice(*found["first_event"][i : i + 2])
        assert (found["tick"][own] == one.tick).all()
        assert (found["neuron"][own] == one.neuron).all()


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("code", ["burst", "graded", "delta", "rate"])
def test_frames_that_overlap_on_the_clock(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, schedule: str
) -> None:
    x = np.random.default_rng(5).integers(0, D + 1, (2, 7, N_IN)).astype(np.uint8)
    asked = {"code": code, "schedule": schedule, "rate_ticks": 5 if code == "rate" else None}
    whole = [trace(model, x, sample=i, **asked) for i in range(2)]  # type: ignore[arg-type]
    monkeypatch.setattr(session, "LOG_ROOM", 1)  # a frame at a time
    trace_to(model, x, tmp_path / "f.npz", **asked)  # type: ignore[arg-type]
    found = read(tmp_path / "f.npz")
    for i, one in enumerate(whole):
        own = slice(*found["first_event"][i : i + 2])
        for key in KEYS:
            assert (found[key][own] == getattr(one, key)).all()


def test_no_such_samples(model: Path, tmp_path: Path) -> None:
    for wrong in ((3, 3), (0, 21), (20, None)):
        with pytest.raises(DataError, match="only 0 to 19"):
            trace_to(model, samples()[0], tmp_path / "t.npz", samples=wrong)
    assert list(tmp_path.iterdir()) == [model]


FULL = """
import resource, signal, sys
import numpy as np
import snnc
model, path, membranes = sys.argv[1:]
x = np.full((4000, 6), 4, np.uint8)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    snnc.trace_to(model, x, path, code="burst", membranes=bool(membranes))
except snnc.SnncError as error:
    print(type(error).__name__, error.where == path)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_has_a_name_and_leaves_nothing(model: Path, tmp_path: Path, kind: str) -> None:
    if kind == "h5":
        needs.module("h5py")
    path = tmp_path / f"t.{kind}"
    command = [sys.executable, "-c", FULL, str(model), str(path), "1" if kind == "h5" else ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"{DiskFull.__name__} True\n", done.stderr
    assert list(tmp_path.iterdir()) == [model]


PEAK = r"""
import re, sys
import numpy as np
import snnc
model, path, n, t = sys.argv[1:]
found = []
for factor in 1, 4:
    x = np.full((factor * int(n), 1, 6) if n != "1" else (1, factor * int(t), 6), 4, np.uint8)
    made = snnc.trace_to(model, x, path, code="burst", samples=(None, None), force=True)
    # not getrusage's, which begins with the peak of the process that started this one
    peak = 1024 * int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
    found += [made.tally.n_events, peak]
print(*found)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux gives it")
@pytest.mark.parametrize("kind", ["npz", "h5"])
@pytest.mark.parametrize("shape", [(15_000, 1), (1, 15_000)])
def test_memory_does_not_grow_with_what_is_traced(
    model: Path, tmp_path: Path, kind: str, shape: tuple[int, int]
) -> None:
    if kind == "h5":
        needs.module("h5py")
    path = tmp_path / f"t.{kind}"
    command = [sys.executable, "-c", PEAK, str(model), str(path), *map(str, shape)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    few, peak, many, later = map(int, done.stdout.split())
    more_events = (many - few) * 4 * 8
    assert more_events > 50e6
    # feeds of a sample are in memory, 48 bytes a frame; a trace would be 30 times that
    assert later - peak < 0.2 * more_events


def test_it_is_a_function_of_the_package() -> None:
    assert snnc.trace_to is trace_to
