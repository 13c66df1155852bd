"""Python processes of our own: started by a run, asked on their stdin, ended by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import IO

from snnc.ir.errors import ChildFailed


def start(module: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start an interpreter at `module`; it ends with its stdin.

    It has a process group of its own: Ctrl-C is for the run alone, which ends it, or goes on.

    Raises:
        ChildFailed: there is no interpreter to start.
    """
    if not sys.executable:
        raise ChildFailed(
            "Python does not know its own interpreter (`sys.executable` is empty), so that none "
            "can be started",
            where=module,
        )
    try:
        return subprocess.Popen(
            # -P: what lies in the current folder is data, no modules
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=env,
            process_group=0,
        )
    except OSError as error:
        what = f"the interpreter cannot be started: {error.strerror}"
        raise ChildFailed(what, where=sys.executable) from error


def answers() -> IO[bytes]:
    """In such a process: where it writes; whatever libraries print goes to stderr from here on."""
    found = os.fdopen(os.dup(1), "wb", 1 << 16)
    os.dup2(2, 1)
    return found


def how_ended(status: int) -> str:
    """An exit status, or the signal that a negative one stands for, in words."""
    if status < 0:
        return f"signal {-status}, {signal.Signals(-status).name}"
    return f"exit status {status}"
