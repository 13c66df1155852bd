"""How the time of `snnc convert` grows with the graph: residual networks of more and more blocks.

    python benchmarks/scaling.py [--nodes 100 300 1000 3000 10000] [--out benchmarks/results]

Layers are small (4 channels of 4 x 4), so that what is measured is work on the graph and not on
weights. Each conversion is a process of its own, in which a small one went before: seconds are CPU
seconds, without imports and compilation. Writes scaling.json, scaling.md and scaling.png.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
STAGES = ("load", "lower", "integer form", "write", "read", "prepare dense", "prepare event")
NODES_OF_A_BLOCK = 9
"""Of the ONNX: 2 x (Clip, Round, Mul), 2 convolutions, an addition."""


def residual(n_blocks: int, path: Path) -> int:
    """Write the ONNX of a residual network; returns its number of nodes."""
    sys.path.insert(0, str(ROOT))
    import onnx

    from tests.converter.residual import residual_onnx

    model = residual_onnx(n_blocks)
    onnx.save(model, path)
    return len(model.graph.node)


def measure(path: Path) -> dict[str, Any]:
    """CPU seconds of every stage of one conversion."""
    from snnc.backends.registry import get_engine
    from snnc.converter.chip import for_chip
    from snnc.converter.integer import integer_form
    from snnc.converter.lower import lower
    from snnc.converter.sources import SourceOptions, load_source
    from snnc.ir import file as snnc_file
    from snnc.ir.codes import RunSettings
    from snnc.ir.limits import SIM

    seconds, at = {}, time.process_time()

    def done(stage: str) -> None:
        nonlocal at
        seconds[stage] = time.process_time() - at
        at = time.process_time()

    source = load_source(str(path), SourceOptions(input_range=(0.0, 4.0), input_bits=8))
    done("load")
    lowered = lower(source)
    done("lower")
    form = integer_form(lowered.graph)
    graph, _ = for_chip(form.graph, SIM, RunSettings())
    done("integer form")
    content = snnc_file.SnncFile(
        float_graph=lowered.graph, integer_graph=graph, onnx=dict(lowered.onnx)
    )
    snnc_file.save(path.with_suffix(".snnc"), content)
    done("write")
    graph = snnc_file.load(path.with_suffix(".snnc")).integer_graph
    done("read")
    for engine in ("dense", "event"):
        session = get_engine(engine).prepare(graph, RunSettings(code="burst"))
        feed = {n.name: np.zeros((1, 1, *n.shape), dtype=np.int64) for n in graph.sources}
        session.run(feed, record=())
        done(f"prepare {engine}")
    return {"graph_nodes": len(graph.nodes), "seconds": seconds}


def one(n_blocks: int) -> dict[str, Any]:
    """One size, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        nodes = residual(n_blocks, path)
        command = [sys.executable, "-W", "ignore", __file__, "--measure", str(path)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {"onnx_nodes": nodes, **json.loads(out.strip().splitlines()[-1])}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: seconds by stage, and how steep the last step is."""
    lines = ["| ONNX nodes | graph nodes | " + " | ".join(f"{s}, s" for s in STAGES) + " |"]
    lines.append("|---" * (len(STAGES) + 2) + "|")
    for row in rows:
        cells = " | ".join(f"{row['seconds'][stage]:.2f}" for stage in STAGES)
        lines.append(f"| {row['onnx_nodes']:,} | {row['graph_nodes']:,} | {cells} |")
    if len(rows) > 1:
        before, last = rows[-2:]
        growth = np.log(last["onnx_nodes"] / before["onnx_nodes"])
        steep = [np.log(last["seconds"][s] / before["seconds"][s]) / growth for s in STAGES]
        lines.append("| exponent of the last step | | " + " | ".join(f"{e:.2f}" for e in steep))
    return "\n".join(lines)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Seconds by stage against nodes, both logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 5))
    nodes = [row["onnx_nodes"] for row in rows]
    for stage in STAGES:
        axes.loglog(nodes, [row["seconds"][stage] for row in rows], marker="o", label=stage)
    axes.set_xlabel("nodes of the ONNX")
    axes.set_ylabel("CPU seconds")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure all sizes and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", nargs="+", type=int, default=[100, 300, 1000, 3000, 10000])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.measure:
        warm = a.measure.with_name("small.onnx")
        residual(1, warm)
        measure(warm)
        print(json.dumps(measure(a.measure)))
        return
    rows = []
    a.out.mkdir(parents=True, exist_ok=True)
    for nodes in a.nodes:
        rows.append(one(nodes // NODES_OF_A_BLOCK))
        (a.out / "scaling.json").write_text(json.dumps(rows, indent=1))
        (a.out / "scaling.md").write_text(
            f"# Converting: CPU seconds against size\n\n{table(rows)}\n"
        )
        plot(rows, a.out / "scaling.png")
        print(table(rows), flush=True)


if __name__ == "__main__":
    main()
