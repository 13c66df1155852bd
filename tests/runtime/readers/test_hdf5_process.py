"""The process that reads an HDF5 file: how it starts, who hears Ctrl-C, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from snnc.ir.errors import ChildFailed
from snnc.runtime.readers.hdf5 import open_hdf5
from snnc.runtime.readers.preparation import Preparation
from tests import needs
from tests.cli.helpers import command_line
from tests.runtime.models import save_model
from tests.runtime.readers.test_hdf5 import EVENTS, endless, process_of

h5py = needs.module("h5py")
NO_EVENTS = Preparation()
X = np.arange(12.0).reshape(4, 3)
START = """
    import os, signal, sys
    from pathlib import Path
    from snnc.cli.errors import report_error
    from snnc.runtime.readers import hdf5
    from snnc.runtime.readers.preparation import Preparation
    def opened():
        return hdf5.open_hdf5(Path(sys.argv[1]), Preparation.from_json({how}))
    def process_of(x):
        return x.read.__self__._reader().process._process.pid
"""


def own(path: Path, code: str, how: object = None) -> subprocess.Popen[str]:
    """Python at some lines, with `opened()` and `process_of(x)`."""
    lines = textwrap.dedent(START).format(how=how or {}) + textwrap.dedent(code)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", lines, path],
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "d.h5"
    with h5py.File(found, "w") as f:
        f["x"] = X
    return found


def wait_for_the_hang(parent: int, path: Path) -> None:
    """Until a child of a process has had `path` open while computing for a good while."""
    begun: dict[Path, int] = {}
    for _ in range(6000):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                state = (process / "stat").read_text().rpartition(")")[2].split()
                if int(state[1]) != parent:
                    continue
                if path not in [link.readlink() for link in (process / "fd").iterdir()]:
                    continue
            except OSError:
                continue  # it has just ended
            ticks = int(state[11]) + int(state[12])
            if ticks - begun.setdefault(process, ticks) > 0.4 * os.sysconf("SC_CLK_TCK"):
                return
        time.sleep(0.01)
    raise AssertionError("the library did not hang")


def test_ctrl_c_while_the_library_hangs(tmp_path: Path) -> None:
    model = save_model(tmp_path, shape=(1, 2, 3), manifest={"preparation": EVENTS})
    path = endless(tmp_path / "d.h5")
    args = command_line("run", model, "--data", path, "--engine", "oracle")
    with subprocess.Popen(args, stderr=subprocess.PIPE, text=True, start_new_session=True) as own:
        wait_for_the_hang(own.pid, path)
        os.killpg(own.pid, signal.SIGINT)
        _, said = own.communicate(timeout=8)  # the child has stderr open: it has ended as well
    assert own.returncode == 130
    assert said.split() == ["interrupted"]


def test_a_hanging_library_does_not_outlive_a_killed_run(tmp_path: Path) -> None:
    path = endless(tmp_path / "d.h5")
    with own(path, "hdf5._MOST_SECONDS = 1; opened()", EVENTS) as run:
        wait_for_the_hang(run.pid, path)
        run.kill()
        run.communicate(timeout=10)  # ends when the child has closed stderr


def test_an_idle_process_does_not_outlive_a_killed_run(path: Path) -> None:
    with own(path, "x = opened().x; print('go', flush=True); signal.pause()") as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "go\n"
        run.kill()
        run.communicate(timeout=10)


def test_ctrl_c_while_a_file_opens(path: Path, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    code = "import sys, time; print('go', file=sys.stderr, flush=True); time.sleep(60)"
    slow.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}"\n')
    slow.chmod(0o755)
    code = f"""
    sys.executable = {str(slow)!r}
    try:
        opened()
    except BaseException as error:
        sys.exit(report_error(error, as_json=False))
    """
    with own(path, code) as run:
        assert run.stderr is not None
        assert run.stderr.readline() == "go\n"
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=8)
    assert run.returncode == 130
    assert said.split() == ["interrupted"]


def test_ctrl_c_that_the_run_ignores_leaves_the_process(path: Path) -> None:
    code = """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    x = opened().x
    before = process_of(x)
    os.killpg(0, signal.SIGINT)
    print(x[0:3].tolist(), process_of(x) == before)
    """
    with own(path, code) as run:
        out, said = run.communicate(timeout=20)
    assert said == ""
    assert out == f"{X[0:3].tolist()} True\n"


def test_after_a_fork_both_read(path: Path) -> None:
    code = """
    x = opened().x
    whole, before = x[:].tolist(), process_of(x)
    forked = os.fork()
    right = all(x[i % 4].tolist() == whole[i % 4] for i in range(300))
    if not forked:
        sys.exit(not right or process_of(x) == before)
    _, status = os.waitpid(forked, 0)
    idle = os.fork()  # reads nothing, and ends
    if not idle:
        sys.exit()
    os.waitpid(idle, 0)
    print(status, right, x[:].tolist() == whole, process_of(x) == before)
    """
    with own(path, code) as run:
        out, said = run.communicate(timeout=20)
    assert said == ""
    assert out == "0 True True True\n"


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("exit 3", r"ended before it was ready \(exit status 3\)"),
        ("kill -9 $$", r"ended before it was ready \(signal 9, SIGKILL\)"),
        ("printf '\\1\\0\\0\\0\\0\\0\\0\\0='; cat >/dev/null", "finds another version of snnc"),
        (None, "cannot be started: No such file"),
    ],
)
def test_a_process_that_does_not_start_is_no_damaged_file(
    script: str | None, what: str, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    if script is not None:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ChildFailed, match=what) as e:
        open_hdf5(path, NO_EVENTS)
    assert e.value.where == str(python)


@pytest.mark.parametrize("nothing", ["", None])
def test_no_interpreter_is_a_named_error(
    nothing: str | None, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", nothing)
    with pytest.raises(ChildFailed, match=r"`sys.executable` is empty"):
        open_hdf5(path, NO_EVENTS)


def test_the_folder_may_change_and_be_removed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x = open_hdf5(Path("d.h5"), NO_EVENTS).x
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    process = process_of(x)
    process.kill()
    process.wait()
    np.testing.assert_array_equal(x[0:4], X)  # opened again, from where it lies
    np.testing.assert_array_equal(open_hdf5(path, NO_EVENTS).x[2], X[2])
