"""Subprocesses that cannot outlive us, hang or lose their errors."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snnc.ir.errors import ChildFailed, TimeLimit

GRACE = 2.0
"""Seconds between the polite and the final signal: Python's resource tracker uses them to give
shared memory back, which a killed process cannot."""


@dataclass(frozen=True)
class Finished:
    """A subprocess that has ended by itself."""

    status: int
    stdout: str
    stderr: str


def run_child(
    command: Sequence[str | os.PathLike[str]],
    *,
    time_limit: float,
    where: str,
    folder: Path | None = None,
    scratch: Path | None = None,
) -> Finished:
    """Run a command in a process group of its own; the group never survives this call.

    Its standard input stays open until it ends, so that it can notice our own death.

    Args:
        command: program and arguments.
        time_limit: seconds.
        where: what runs, in the user's words, for messages.
        folder: working directory.
        scratch: where it puts temporary files; None: where we do.

    Raises:
        TimeLimit: it ran longer.
        ChildFailed: it cannot be started.
    """
    try:
        process = subprocess.Popen(
            [os.fspath(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=clean_environment() | ({"TMPDIR": str(scratch)} if scratch else {}),
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ChildFailed(f"cannot be started: {error.strerror}", where=where) from error
    try:
        stdout, stderr = _communicate(process, time_limit)
    except subprocess.TimeoutExpired:
        raise TimeLimit(
            f"ran past the time limit of {time_limit:g} s and was stopped",
            where=where,
            hint="give more time with --time-limit, or fewer samples with --limit",
        ) from None
    finally:
        end_group(process)
    return Finished(process.returncode, stdout, stderr)


def clean_environment() -> dict[str, str]:
    """Our environment without what would send another Python to our packages."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    # one BLAS thread for each of some forty processes is enough
    return kept | {"PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def end_group(process: subprocess.Popen[str]) -> None:
    """Stop everything in the group that `process` leads."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _alive(process.pid):
            break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        _wait_for_group(process)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()


def _communicate(process: subprocess.Popen[str], time_limit: float) -> tuple[str, str]:
    """`Popen.communicate` without closing standard input."""
    stdin, process.stdin = process.stdin, None
    try:
        return process.communicate(timeout=time_limit)
    finally:
        process.stdin = stdin


def _wait_for_group(process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and _alive(process.pid):
        process.poll()
        time.sleep(0.02)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
