"""An HDF5 file is tried in a process of its own before the library reads it in this one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from snnc.ir.errors import ChildFailed, DamagedFile

MOST_SECONDS = 20
"""Of computing, for a small file."""
_MORE_SECONDS = 5
"""For each MiB: 2,800 objects fit into it, which took 1.4 s where this was measured; a gigabyte of
zeros that deflate brings into one took 6 s."""
_MOST_MORE = 300
"""By these figures the most objects that are read take 100 s, and the most bytes 50 s."""
_CHILD = "snnc.converter.hdf5_child"
_FROM_OUTSIDE = frozenset({"SIGHUP", "SIGINT", "SIGKILL", "SIGTERM"})
"""Who sends them is a user or a system without memory, not a file."""
_NO_END = "SIGXCPU"


def survive(path: Path, n_bytes: int) -> None:
    """Return if the library comes through the file; whether it likes it, the real read says.

    Args:
        path: of the file, which is not changed meanwhile.
        n_bytes: its size.

    Raises:
        DamagedFile: it crashes, or comes to no end.
        ChildFailed: the process could not start, or somebody ended it.
    """
    seconds = MOST_SECONDS + min(_MORE_SECONDS * n_bytes // 2**20, _MOST_MORE)
    status, said = _run(path, seconds)
    if status > 0:
        raise _untried(path, said or f"exit status {status}")
    if status == 0:
        return
    name = signal.Signals(-status).name
    if name in _FROM_OUTSIDE:
        raise _untried(path, f"it ended with {name}")
    how = f"came to no end in {seconds} s of computing" if name == _NO_END else f"ended with {name}"
    raise DamagedFile(f"the HDF5 file is damaged (the library {how})", where=str(path))


def _run(path: Path, seconds: int) -> tuple[int, str]:
    """How the process ended, and the last line that it said."""
    if not sys.executable:
        raise _untried(path, "Python does not know its own program, sys.executable is empty")
    # -P: what lies in the current folder is data, no modules
    command = [sys.executable, "-P", "-m", _CHILD, str(path), str(seconds)]
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for this process, which ends that one
        ) as process:
            try:
                _, said = process.communicate()
            finally:
                process.kill()
    except OSError as error:
        raise _untried(path, str(error)) from error
    lines = said.decode(errors="replace").strip().splitlines()
    return process.returncode, lines[-1] if lines else ""


def _untried(path: Path, why: str) -> ChildFailed:
    return ChildFailed(
        f"the HDF5 file could not be tried in a process of its own: {why}",
        where=str(path),
        hint=f"`{sys.executable or 'python'} -P -m snnc doctor` has to work (PYTHONPATH can say "
        "where snnc is), and memory for the file to be free",
    )
