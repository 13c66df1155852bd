"""What converting E-SpikeFormer at 224x224 takes: seconds, memory, file size.

Weights are random, batch norms calibrated. Each conversion is `snnc convert` as a process of its
own, so that what is measured holds imports, PyTorch's export and the writing of the file; so is
each `snnc run` of one image, which holds reading the file and preparing the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine

HERE = Path(__file__).parent
ROOT = HERE.parent
SIZES = {"t": 1.2, "s": 1.2, "m": 1.2, "l": 1.2, "83m": 0.7, "173m": 0.7}
"""Sizes of E-SpikeFormer, each with how far queries and keys are lowered (see `calibrate`)."""
COLUMNS = {
    "parameters": "n_parameters",
    "mean count": "mean_count",
    "neurons": "n_neurons",
    "synapses": "n_synapses",
    "convert s": "convert_seconds",
    "CPU s": "convert_cpu_seconds",
    "peak GB": "convert_gb",
    "file MB": "file_mb",
    "verify s": "verify_seconds",
    "verify CPU s": "verify_cpu_seconds",
    "verify peak GB": "verify_gb",
    "mismatches": "n_mismatches",
    "dense s": "dense_seconds",
    "dense CPU s": "dense_cpu_seconds",
    "dense peak GB": "dense_gb",
    "event s": "event_seconds",
    "event CPU s": "event_cpu_seconds",
    "event peak GB": "event_gb",
}


def make(size: str, out: Path) -> None:
    """Save a source and two images; prints what is known of it."""
    sys.path.insert(0, str(ROOT))
    import numpy as np
    import torch

    import snnc
    from tests.systems.espikeformer import BASE, base, calibrate, large, mean_counts

    torch.manual_seed(0)
    model = base(size) if size in BASE else large(size)
    x = torch.randn(3, 3, 224, 224)
    counts = mean_counts(calibrate(model, x[:2], lower=SIZES[size]), x[2:])
    snnc.save_model(model, x[:1], out / "source.pt")
    np.savez(out / "images.npz", x=x[2:].numpy())
    known = {
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "mean_count": round(sum(counts.values()) / len(counts), 2),
    }
    print(json.dumps(known))


def measured(command: list[str], name: str = "") -> tuple[dict[str, Any], dict[str, float]]:
    """What a command prints as JSON; its seconds, CPU seconds and peak memory by name."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed")
        out.seek(0)
        printed: dict[str, Any] = json.loads(out.read())
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return printed, {
        f"{name}_seconds": round(seconds, 1),
        f"{name}_cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        f"{name}_gb": round(usage.ru_maxrss / unit, 2),
    }


def one(size: str, *, verify: bool, engines: list[str]) -> dict[str, Any]:
    """All figures of one size."""
    snnc = [sys.executable, "-m", "snnc"]
    with tempfile.TemporaryDirectory() as folder:
        source, model = Path(folder) / "source.pt", Path(folder) / "model.snnc"
        known, _ = measured([sys.executable, __file__, "--make", size, "--out", folder])
        done, took = measured(
            [*snnc, "convert", str(source), "-o", str(model), "--json"], "convert"
        )
        known |= took | {
            "n_neurons": done["n_neurons"],
            "n_synapses": done["n_synapses"],
            "file_mb": round(model.stat().st_size / 1e6, 1),
        }
        data = str(Path(folder) / "images.npz")
        for engine in engines:
            options = ["--engine", engine, "--limit", "1", "--json"]
            known |= measured([*snnc, "run", str(model), "--data", data, *options], engine)[1]
        if verify:
            done, took = measured(
                [*snnc, "verify", str(source), str(model), "--data", data, "--json"], "verify"
            )
            known |= took | {"n_mismatches": done["n_mismatches"]}
    return known


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown, one row a size."""
    head = "| size | " + " | ".join(COLUMNS) + " |"
    rows = [head, "|---" * (len(COLUMNS) + 1) + "|"]
    for size, known in results.items():
        cells = [known.get(key, "") for key in COLUMNS.values()]
        shown = (f"{c:,}" if isinstance(c, int) else str(c) for c in cells)
        rows.append(f"| {size} | " + " | ".join(shown) + " |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=["t", "m", "173m"])
    parser.add_argument("--verify", nargs="*", choices=SIZES, default=[], help="one image each")
    parser.add_argument("--run", nargs="*", choices=SIZES, default=[], help="one image each")
    parser.add_argument("--engines", nargs="+", default=["dense", "event"], help="that run it")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--make", choices=SIZES, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.make:
        make(a.make, a.out)
        return
    file = a.out / "convert.json"
    results = json.loads(file.read_text())["results"] if file.exists() else {}
    for size in a.sizes:
        # what is not measured again stays: a verification takes longer than a conversion
        engines = a.engines if size in a.run else []
        found = one(size, verify=size in a.verify, engines=engines) | {"machine": machine()}
        results[size] = results.get(size, {}) | found
        print(f"{size}: {results[size]}", flush=True)
        ordered = {each: results[each] for each in SIZES if each in results}
        a.out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"results": ordered}, indent=1) + "\n")
        on = "\n".join(f"- {each}: {r['machine']}" for each, r in ordered.items())
        text = f"{table(ordered)}\n\nMeasured on\n\n{on}\n"
        (a.out / "convert.md").write_text(f"# Converting E-SpikeFormer at 224x224\n\n{text}")


if __name__ == "__main__":
    main()
