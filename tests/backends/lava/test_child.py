"""Subprocesses end with their call, whatever they do."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from snnc.backends.lava.child import clean_environment, run_child
from snnc.ir.errors import ChildFailed, TimeLimit


def python(code: str, time_limit: float = 30.0) -> tuple[int, str, str]:
    done = run_child([sys.executable, "-c", code], time_limit=time_limit, where="a test")
    return done.status, done.stdout, done.stderr


def test_status_and_both_streams() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    assert python(code) == (7, "out\n", "err\n")


def test_standard_input_stays_open() -> None:
    code = (
        "import os, select\n"
        "print(len(select.select([0], [], [], 0.3)[0]))"  # readable would mean: closed
    )
    assert python(code)[1] == "0\n"


def test_time_limit_ends_the_whole_group(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        f"open({str(note)!r}, 'w').write(str(grandchild.pid))\n"
        "time.sleep(99)"
    )
    with pytest.raises(TimeLimit, match=r"a test: ran past the time limit of 1\.5 s"):
        python(code, time_limit=1.5)
    assert not is_alive(int(note.read_text()))


def test_what_a_child_leaves_running_is_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, sys\n"
        "null = subprocess.DEVNULL\n"
        "grandchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'],\n"
        "                              stdout=null, stderr=null)\n"
        f"open({str(note)!r}, 'w').write(str(grandchild.pid))"
    )
    assert python(code)[0] == 0
    assert not is_alive(int(note.read_text()))


def test_child_that_ignores_the_polite_signal() -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"
    with pytest.raises(TimeLimit):
        python(code, time_limit=1.0)


def test_no_such_program(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="a test: cannot be started"):
        run_child([tmp_path / "none"], time_limit=1, where="a test")


def test_environment_leads_to_no_foreign_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    environment = clean_environment()
    assert "PYTHONPATH" not in environment
    assert "VIRTUAL_ENV" not in environment
    assert environment["PATH"] == os.environ["PATH"]


def is_alive(pid: int) -> bool:
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        if Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] == "Z":
            return False
        time.sleep(0.1)
    return True
