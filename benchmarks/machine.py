"""The machine that figures were measured on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

THREADS = 1
"""Of every computation in the benchmarks."""


def machine() -> dict[str, Any]:
    """What stands beside every table: `load` is the average of the last minute."""
    cpu, info = platform.processor(), Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "cpus": os.cpu_count(),
        "threads": THREADS,
        "python": platform.python_version(),
        "os": platform.system(),
        "load": load(),
    }


def load() -> float:
    """Processes that wanted to run, on average over the last minute."""
    return round(os.getloadavg()[0], 1)


def warn_if_busy(limit: float = 0.7) -> bool:
    """Say so on stderr where something else computes: the figures will be too large."""
    busy = load() > limit
    if busy:
        print(f"warning: the load is {load()}: other programs slow down what is measured",
              file=sys.stderr)  # fmt: skip
    return busy


def one_thread() -> dict[str, str]:
    """The environment variables that keep a program's libraries on one thread."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return dict.fromkeys(names, str(THREADS))
