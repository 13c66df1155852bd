"""Files of compiled kernels: each one under its own name, old ones removed."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest

from snnc.backends.event import jit
from snnc.backends.event.cache import _OLD, KernelFiles, remove_old, stamped
from snnc.backends.event.late import _compiled
from snnc.ir.maps import Dense
from tests.backends.event.nets import one_layer

STAMP = "0123456789abcdef" * 4
ROOT = Path(__file__).resolve().parents[3]


def files(folder: Path) -> Any:
    made: Any = KernelFiles
    return made(
        cache_path=str(folder), filename_base=stamped("a.b-1.py311", STAMP), source_stamp=STAMP
    )


def test_two_that_save_at_once_do_not_share_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = files(tmp_path), files(tmp_path)
    monkeypatch.setattr(second, "_load_index", dict)  # it looked before the first one wrote
    write = first._save_data

    def beside(name: str, data: Any) -> None:
        second.save("wide", "of wide")
        write(name, data)

    monkeypatch.setattr(first, "_save_data", beside)
    first.save("narrow", "of narrow")
    assert files(tmp_path).load("narrow") == "of narrow"
    assert files(tmp_path).load("wide") in ("of wide", None)
    second.save("wide", "of wide")  # alone in its index now
    assert files(tmp_path).load("wide") == "of wide"


def double(to: Any) -> None:
    to[0] *= 2


def test_a_kernel_under_anothers_name_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def made() -> Any:
        compiled: Any = jit.kernel(double)
        compiled._cache._cache_file = files(tmp_path)
        return compiled

    narrow, wide = (numba.void(each[::1]) for each in (numba.int16, numba.int64))
    for wanted in (narrow, wide):
        _compiled(made(), wanted)
    names = {key[0].args: name for key, name in files(tmp_path)._load_index().items()}
    of_narrow, of_wide = (tmp_path / names[each.args] for each in (narrow, wide))
    of_wide.write_bytes(of_narrow.read_bytes())
    with caplog.at_level(logging.WARNING, logger="snnc"):
        assert _compiled(made(), wide).signature.args == wide.args
    assert "double" in caplog.text
    again = made()
    assert _compiled(again, wide).signature.args == wide.args
    assert sum(again.stats.cache_hits.values()) == 1


def test_files_of_other_sources_are_removed_in_time(tmp_path: Path) -> None:
    base, old = "ticks.run_ticks-83.py311", "f" * 16
    gone = [f"{base}-{old}.nbi", f"{base}-{old}.1.nbc", f"{base}-{old}.{'a' * 16}.nbc"]
    kept = [f"{base}-{STAMP[:16]}.nbi", f"{base}.nbi", "costs-1.json", "ticks.cpython-311.pyc"]
    for name in (*gone, *kept):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, time.time() - _OLD - 60))
    fresh = f"{base}-{'e' * 16}.nbi"
    (tmp_path / fresh).touch()
    remove_old(str(tmp_path), STAMP)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*kept, fresh])
    remove_old(str(tmp_path / "no such folder"), STAMP)


_STARTED = """
import sys
import numpy as np
from snnc.backends.event.frames import run_frames
from snnc.backends.event.jit import entry
from tests.backends.event.test_cache import run_once

print(*run_once(), sum(run_frames.stats.cache_hits.values()), "numba.np.arraymath" in sys.modules)
print(entry(lambda x: 2 * x)(21), "numba.np.arraymath" in sys.modules)
"""


def run_once() -> tuple[int, int]:
    """The output of a small graph, and its synaptic events."""
    session = one_layer(Dense(weight=np.array([[2, -1]])), lo=0, hi=3)
    result = session.run({"x": np.array([[[3, 1]]])})
    return result.counts["y"].item(), result.counters["w"].synaptic_events


def test_the_second_start_makes_nothing_ready_to_compile() -> None:
    """And what is not in the cache still compiles after all."""
    assert run_once() == (5, 2)  # 2 · 3 - 1; now its kernels are in the cache
    command = [sys.executable, "-W", "ignore", "-c", _STARTED]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["5", "2", "1", "False", "42", "True"]


_ANNEALED = """
import numpy as np
from snnc.backends.mapping.anneal import anneal

neighbours = np.array([0, 1, 2]), np.array([1, 0]), np.array([5.0, 5.0])
slots, position = np.arange(9, dtype=np.int32).reshape(3, 3), np.array([[0, 0], [2, 2]], np.int32)
slot, core_at = np.array([0, 8], np.int32), np.array([0, *[-1] * 7, 1], np.int32)
rng = np.random.default_rng(0)
anneal(neighbours, slots, 1, position, slot, core_at, 500, 0.1, 2, rng)
print(abs(position[0] - position[1]).sum(), sum(anneal.stats.cache_hits.values()))
"""


def test_what_takes_more_than_arrays_loads_numbas_runtime() -> None:
    """Annealing takes a random generator; two cores that talk end side by side."""
    command = [sys.executable, "-W", "ignore", "-c", _ANNEALED]
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1", "1"]
