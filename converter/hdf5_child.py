"""An HDF5 file read for nothing: `python -m snnc.converter.hdf5_child FILE SECONDS`.

At some damaged files the library crashes, or comes to no end and hears no signal of Python's. Here
it is this process that ends, by the system's hand after so many seconds of computing (waiting for
a slow disk is no computing). What else is wrong with the file is said by who reads it next.
"""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
from pathlib import Path

from snnc.converter.hdf5 import read_opened


def main() -> None:
    """Read everything that `read_tree` will read."""
    path, seconds = Path(sys.argv[1]), int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    _allow(seconds)
    with path.open("rb") as file, contextlib.suppress(Exception):
        read_opened(file, str(path), path.stat().st_size)


def _allow(seconds: int) -> None:
    """Let this process compute for so long from now on; then the system ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    unlimited = most == resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_CPU, (until if unlimited else min(until, most), most))


if __name__ == "__main__":
    main()
