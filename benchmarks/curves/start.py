"""How long it takes until something happens: help, inspect, the first and the second run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .common import ROOT, Part, Setting, table

REPEATS = 11
BYTECODE = (
    "import snnc.backends.event.session, snnc.backends.event.constants\n"
    "from numba.core.registry import cpu_target\n"
    "cpu_target.target_context.refresh()"
)
"""Imports what the event engine imports, so that no run is charged with making bytecode of it."""


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """Of a process, from its start to its end."""
    # a package that is installed has its bytecode, whatever is set here
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**inherited, "PYTHONPATH": str(ROOT / "src"), **environment},
    )
    return time.perf_counter() - start


def repeated(command: list[str], environment: dict[str, str], times: int) -> dict[str, float]:
    """Median and smallest of several, after one to fill the file cache."""
    seconds(command, environment)
    took = [seconds(command, environment) for _ in range(times)]
    return {"median": statistics.median(took), "least": min(took), "repeats": times}


def measure(setting: Setting) -> dict[str, Any]:
    """All figures; the model is that of examples/mnist."""
    times = 3 if setting.quick else REPEATS
    python = [sys.executable, "-W", "ignore"]
    snnc = [*python, "-m", "snnc"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, data = folder / "model.snnc", folder / "x.npz"
        rng = np.random.default_rng(0)
        np.savez(data, x=rng.integers(0, 256, (1, 1, 28, 28)).astype(np.float32))
        cache = {
            "NUMBA_CACHE_DIR": str(folder / "cache"),
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        }
        convert = [*snnc, "convert", str(ROOT / "examples" / "mnist" / "model.pt"), "-o"]
        found: dict[str, Any] = {"convert": {"median": seconds([*convert, str(model)], cache)}}
        found["python"] = repeated([*python, "-c", "pass"], cache, times)
        found["help"] = repeated([*snnc, "--help"], cache, times)
        found["inspect"] = repeated([*snnc, "inspect", str(model)], cache, times)
        seconds([*python, "-c", BYTECODE], cache)
        run = [*snnc, "run", str(model), "--data", str(data), "-o", str(folder / "out.npz")]
        for engine in ("event", "dense"):
            command = [*run, "--engine", engine, "--force"]
            found[f"first run, {engine}"] = {"median": seconds(command, cache)}
            took = [seconds(command, cache) for _ in range(3)]
            found[f"next run, {engine}"] = {"median": statistics.median(took), "repeats": 3}
    return found


WORDS = {
    "python": "an empty Python program",
    "help": "`snnc --help`",
    "inspect": "`snnc inspect model.snnc`",
    "convert": "`snnc convert model.pt` (imports of PyTorch and ONNX are in it)",
    "first run, event": "`snnc run` of one image, event engine, empty cache of kernels",
    "next run, event": "the same again",
    "first run, dense": "`snnc run` of one image, dense engine",
    "next run, dense": "the same again",
}
TARGETS = {"help": "0.2", "inspect": "0.5"}


def page(found: dict[str, Any]) -> str:
    """Seconds of whole processes."""
    rows = []
    for key, words in WORDS.items():
        f = found[key]
        least = f"{f['least']:.3f}" if "least" in f else ""
        target = TARGETS.get(key, "")
        rows.append([words, f"{f['median']:.3f}", least, f.get("repeats", 1), target])
    head = ["process", "median, s", "least, s", "repeats", "target, s"]
    return (
        "Seconds from the start of a process to its end. The model is that of examples/mnist.\n\n"
        + table(head, rows)
    )


PART = Part(title="Start-up", measure=measure, page=page)
