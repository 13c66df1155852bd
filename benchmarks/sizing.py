"""What a data set through E-SpikeFormer at 224x224 needs: time and memory of an image, node-hours.

    python benchmarks/sizing.py --sizes m 83m 173m [--engines dense event]

Weights are random, batch norms calibrated (benchmarks/convert.py). Each figure is that of one
worker of `snnc run`, a process of its own with one thread: its start (imports, model, engine, first
image), which each worker needs once, then image after image. `node_hours` is all there is to the
node-hours, for shards do not speak to each other. Writes sizing.json and sizing.md; sizes and
engines that do not run keep their figures. 173 M needs about 10 GB for `convert`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import convert
import numpy as np

from snnc.backends.base import Counters

HERE = Path(__file__).resolve().parent
ENGINES = ("dense", "event")
AT_LEAST_SECONDS = 10.0
"""Of computing; one batch where that takes longer."""
DATA_SET = 10**6
COLUMNS = {
    "parameters": "n_parameters",
    "dense MACs": "dense_macs",
    "synaptic events": "synaptic_events",
    "start s": "start_seconds",
    "CPU s an image": "cpu_seconds",
    "wall s an image": "wall_seconds",
    "peak GB": "gb",
}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine of a cluster.

    Attributes:
        cores: that compute; hyperthreads of a core are one.
        memory_gb: of all of them.
        store_share: of the memory, for Ray's object store (Ray's own default is 0.3).
    """

    cores: int
    memory_gb: float
    store_share: float = 0.3

    def workers(self, worker_gb: float) -> int:
        """As many as have a core and find memory beside the object store."""
        return min(self.cores, math.floor(self.memory_gb * (1 - self.store_share) / worker_gb))


NODES = (Node(cores=16, memory_gb=64), Node(cores=16, memory_gb=256), Node(cores=64, memory_gb=512))


def node_hours(
    n_images: int, node: Node, *, cpu_seconds: float, start_seconds: float, gb: float, n_nodes: int
) -> float:
    """Hours of all nodes together; infinite where a node has no room for a worker.

    Args:
        n_images: of the data set.
        node: each of the machines.
        cpu_seconds: of one image on one core.
        start_seconds: of a worker, once.
        gb: largest memory of a worker.
        n_nodes: machines.
    """
    workers = node.workers(gb)
    if not workers:
        return math.inf
    images_of_a_worker = math.ceil(n_images / (workers * n_nodes))
    return n_nodes * (start_seconds + images_of_a_worker * cpu_seconds) / 3600


def worker(model: Path, engine: str) -> dict[str, Any]:
    """What a worker of `snnc run` does, in this process: start, then shard after shard."""
    from snnc.ir.codes import RunSettings
    from snnc.runtime.batches import batch_of
    from snnc.runtime.data import DataSet
    from snnc.runtime.model import load
    from snnc.runtime.scale.shards import Shard
    from snnc.runtime.scale.worker import Plan, Worker

    loaded = load(model)
    n = batch_of(loaded.integer_graph, 1)
    x = np.random.default_rng(0).standard_normal((n, 3, 224, 224)).astype(np.float32)
    plan = Plan(engine=engine, settings=RunSettings(), n_frames=1)
    made = Worker(loaded, DataSet(x=x, name="noise"), plan)
    made.run(Shard(0, 1))
    start, began, runs = time.process_time(), time.perf_counter(), 0
    while not runs or time.process_time() - start < AT_LEAST_SECONDS:
        result = made.run(Shard(0, n))
        runs += 1
    n_images = runs * n
    counters = sum(result.counters.values(), Counters()).to_json()
    return {
        "start_seconds": round(start, 1),
        "cpu_seconds": round((time.process_time() - start) / n_images, 3),
        "wall_seconds": round((time.perf_counter() - began) / n_images, 3),
        "batch": n,
        "n_images": n_images,
        **{name: counters[name] // n for name in ("dense_macs", "synaptic_events")},
    }


def image(model: Path, engine: str) -> dict[str, Any]:
    """Figures of one image on one engine, measured in a process of its own."""
    command = [sys.executable, str(Path(__file__)), "--worker", str(model), "--engines", engine]
    found, took = convert.measured(command, "run")
    return {**found, "gb": took["run_gb"], "machine": convert.machine()}


def one(size: str, engines: list[str], folder: Path) -> dict[str, Any]:
    """A size of E-SpikeFormer on every engine."""
    source, model = folder / "source.pt", folder / "model.snnc"
    made = [sys.executable, str(HERE / "convert.py"), "--make", size, "--out", str(folder)]
    known, _ = convert.measured(made)
    convert.measured(
        [sys.executable, "-m", "snnc", "convert", str(source), "-o", str(model), "--json"]
    )
    source.unlink()
    return {
        engine: {"n_parameters": known["n_parameters"], **image(model, engine)}
        for engine in engines
    }


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: figures of an image, and the node-hours that follow."""
    lines = ["| size | engine | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    hours = [
        "| size | engine | " + " | ".join(f"{n.cores} cores, {n.memory_gb:g} GB" for n in NODES),
        "|---" * (len(NODES) + 2) + "|",
    ]
    hours[0] += " |"
    for size, engines in results.items():
        for engine, found in engines.items():
            cells = [found[key] for key in COLUMNS.values()]
            shown = (f"{c:,}" if isinstance(c, int) else f"{c:g}" for c in cells)
            lines.append(f"| {size} | {engine} | " + " | ".join(shown) + " |")
            hours.append(
                f"| {size} | {engine} | " + " | ".join(hour(found, n) for n in NODES) + " |"
            )
    text = f"{DATA_SET:,} images on 4 nodes, node-hours (and workers of a node):"
    return "\n".join([*lines, "", text, "", *hours])


def hour(found: dict[str, Any], node: Node) -> str:
    """One cell: node-hours, and how many workers run on a node."""
    figures = {name: found[name] for name in ("cpu_seconds", "start_seconds", "gb")}
    hours = node_hours(DATA_SET, node, n_nodes=4, **figures)
    return "no room" if math.isinf(hours) else f"{hours:,.0f} ({node.workers(found['gb'])})"


def write(results: dict[str, dict[str, Any]], out: Path) -> None:
    """Write sizing.json and sizing.md."""
    out.mkdir(parents=True, exist_ok=True)
    held = {"results": results, "nodes": [asdict(node) for node in NODES]}
    (out / "sizing.json").write_text(json.dumps(held, indent=1) + "\n")
    machines = [
        f"- {size}, {engine}: {found['machine']}"
        for size, engines in results.items()
        for engine, found in engines.items()
    ]
    text = "# Sizing: E-SpikeFormer at 224x224, one image, one thread\n\n" + tables(results)
    (out / "sizing.md").write_text(text + "\n\nMeasured on\n\n" + "\n".join(machines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--sizes", nargs="*", choices=convert.SIZES, default=["m", "83m", "173m"])
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    a = parser.parse_args()
    if a.worker:
        print(json.dumps(worker(a.worker, *a.engines)))
        return
    file = a.out / "sizing.json"
    results = json.loads(file.read_text())["results"] if file.exists() else {}
    for size in a.sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = one(size, a.engines, Path(folder))
        results[size] = results.get(size, {}) | found
        print(f"{size}: {found}", flush=True)
        write({each: results[each] for each in convert.SIZES if each in results}, a.out)


if __name__ == "__main__":
    main()
