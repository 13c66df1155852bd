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


def seconds(command: list[str], environment: dict[str, str] | None = None) -> float:
    """Of a process, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
    )
    return time.perf_counter() - start


def repeated(command: list[str], times: int) -> dict[str, float]:
    """Median and smallest of several, after one to fill the file cache."""
    seconds(command)
    took = [seconds(command) for _ in range(times)]
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
        convert = [*snnc, "convert", str(ROOT / "examples" / "mnist" / "model.pt"), "-o"]
        found: dict[str, Any] = {"convert": {"median": seconds([*convert, str(model)])}}
        found["python"] = repeated([*python, "-c", "pass"], times)
        found["help"] = repeated([*snnc, "--help"], times)
        found["inspect"] = repeated([*snnc, "inspect", str(model)], times)
        run = [*snnc, "run", str(model), "--data", str(data), "-o", str(folder / "out.npz")]
        for engine in ("event", "dense"):
            cache = {"NUMBA_CACHE_DIR": str(folder / "cache")}
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
