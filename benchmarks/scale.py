"""Speed-up and overhead of `--jobs` and of Ray on this machine, with the MNIST network.

    make test-cluster                       # once: brings Ray into the environment
    .venv/bin/python benchmarks/scale.py --data FOLDER [--images 10000]

FOLDER holds `mnist_t10k.npz`. Every run is `snnc run` with one thread to each worker, engine
dense, as a process of its own: one process, `--jobs 2`, Ray with one and with two workers, Ray with
two nodes (two raylets) of one worker each. All outputs have to be equal to the last integer. The
ceiling is what two processes of plain arithmetic gain on this machine: 2 where they have a core
each, little more than 1 where they are hyperthreads of one. What a shard costs beside its samples
is the slope between runs of the same samples in few shards and in many, with one worker each. How
often the model travels: its copies in Ray's object store after a run with two nodes of two workers.
Writes scale.json, scale.md and scale.png.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import convert
import numpy as np

import snnc
from snnc.ir.codes import RunSettings
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.model import Model, load
from snnc.runtime.scale.local import LocalExecutor
from snnc.runtime.scale.order import ordered
from snnc.runtime.scale.processes import ProcessExecutor
from snnc.runtime.scale.ray import RayExecutor
from snnc.runtime.scale.shards import Shard, ShardResult
from snnc.runtime.scale.work import Executor
from snnc.runtime.scale.worker import Plan

HERE = Path(__file__).resolve().parent
PLAN = Plan(engine="dense", settings=RunSettings(), n_frames=1)
RUNS: dict[str, tuple[list[str], list[int]]] = {
    "one process": ([], []),
    "--jobs 2": (["--jobs", "2"], []),
    "Ray, 1 worker": ([], [1]),
    "Ray, 2 workers": ([], [2]),
    "Ray, 2 nodes of 1 worker": ([], [1, 1]),
}
"""By name: what is said to `snnc run`, and the workers of each node of a Ray cluster."""
SHARD_SIZES = (50, 5)
"""Few and many: samples of a shard."""


@contextlib.contextmanager
def cluster(nodes: Sequence[int]) -> Iterator[Any]:
    """A Ray cluster of raylets on this machine, by their numbers of workers."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": nodes[0], "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for cpus in nodes[1:]:
            made.add_node(num_cpus=cpus)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


def digest(path: Path) -> str:
    """Of all arrays of an output."""
    with np.load(path) as held:
        parts = [name.encode() + held[name].tobytes() for name in held.files if name != "run"]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def whole_run(name: str, model: Path, data: Path, folder: Path) -> dict[str, Any]:
    """Seconds of one `snnc run`, and a digest of what it wrote."""
    words, nodes = RUNS[name]
    out = folder / "out.npz"
    command = [sys.executable, "-m", "snnc", "run", str(model), "--data", str(data)]
    command += ["--engine", "dense", "-o", str(out), "--force", "--json", *words]
    with cluster(nodes) if nodes else contextlib.nullcontext() as made:
        where = ["--distributed", made.address] if made else []
        said, took = convert.measured([*command, *where], "run")
    return {
        "whole_seconds": took["run_seconds"],
        "seconds": round(said["seconds"], 2),
        "worker_seconds": round(said["worker_seconds"], 2),
        "images_a_second": round(said["n_samples"] / said["seconds"], 1),
        "workers": said["jobs"],
        "digest": digest(out),
    }


def first_and_rest(results: Iterator[ShardResult]) -> tuple[float, float]:
    """Seconds to the first result, and from there to the last."""
    began = time.perf_counter()
    next(results)
    first = time.perf_counter()
    for _ in results:
        pass
    return first - began, time.perf_counter() - first


def overhead(open_executor: Callable[[], Executor], n_images: int) -> dict[str, float]:
    """Of one worker: seconds until its first result, and what a shard costs beside its samples.

    A first shard of the same size stands in front of both ways of dividing, so that the clock
    covers the same samples behind it.
    """
    few, many = SHARD_SIZES
    rest, counts = {}, {}
    for size in SHARD_SIZES:
        shards = [Shard(0, few)]
        shards += [Shard(at, min(size, n_images - at)) for at in range(few, n_images, size)]
        executor = open_executor()
        try:
            start, rest[size] = first_and_rest(executor.run(shards, lambda: None))
        finally:
            executor.close()
        counts[size] = len(shards) - 1
    slope = (rest[many] - rest[few]) / (counts[many] - counts[few])
    return {"start_seconds": round(start, 2), "shard_ms": round(1e3 * slope, 2)}


def overheads(model: Model, data: DataSet) -> dict[str, dict[str, float]]:
    """Of every kind of worker."""
    n = len(data)
    found = {"this process": overhead(lambda: LocalExecutor(model, data, PLAN), n)}
    with ordered(model, data, PLAN) as order:
        found["a process of --jobs"] = overhead(lambda: ProcessExecutor(order, 1), n)
    with cluster([1]) as made:
        address = str(made.address)
        found["a Ray worker"] = overhead(lambda: RayExecutor(model, data, PLAN, address), n)
    return found


def shipped(model: Model, data: DataSet) -> dict[str, int]:
    """Copies of the model in the object stores of two nodes with two workers each."""
    import ray

    with cluster([2, 2]) as made:
        executor = RayExecutor(model, data, PLAN, made.address)
        try:
            for _ in executor.run([Shard(i, 1) for i in range(len(data))], lambda: None):
                pass
            (place,) = ray.experimental.get_object_locations(executor.shipped[:1]).values()
            return {
                "workers": executor.n_workers,
                "nodes": len(ray.nodes()),
                "copies": len(set(place["node_ids"])),
                "bytes": place["object_size"],
            }
        finally:
            executor.close()


def tables(found: dict[str, Any]) -> str:
    """Markdown."""
    alone = found["runs"]["one process"]
    lines = [
        f"{found['n_images']:,} MNIST images, engine dense, one thread to a worker. "
        f"{found['machine']['cpu']}, {os.cpu_count()} logical processors, load "
        f"{found['machine']['load']}; two processes of plain arithmetic are {found['ceiling']} "
        f"times as fast as one. All outputs equal: {'yes' if found['equal'] else 'NO'}.",
        "",
        "| run | whole command s | computing s | images a second | speed-up |",
        "|---|---|---|---|---|",
    ]
    for name, run in found["runs"].items():
        cells = (run["whole_seconds"], run["seconds"], run["images_a_second"])
        speed_up = alone["seconds"] / run["seconds"]
        lines.append(f"| {name} | {' | '.join(map(str, cells))} | {speed_up:.2f} |")
    lines += [
        "",
        "| worker | to its first result s | a shard beside its samples ms |",
        "|---|---|---|",
    ]
    for name, part in found["overheads"].items():
        lines.append(f"| {name} | {part['start_seconds']} | {part['shard_ms']} |")
    sent = found["shipped"]
    lines += [
        "",
        f"The model ({sent['bytes']:,} bytes) after a run with {sent['workers']} workers on "
        f"{sent['nodes']} nodes: {sent['copies']} copies in Ray's object store, one to a node.",
    ]
    return "\n".join(lines) + "\n"


def ceiling() -> float:
    """How much faster two processes that only calculate are than one."""
    work = "import numpy as np; a = np.ones((250, 250)); [a @ a / 250 for _ in range(600)]"

    def seconds(n: int) -> float:
        began = time.perf_counter()
        processes = [subprocess.Popen([sys.executable, "-c", work]) for _ in range(n)]
        for process in processes:
            process.wait()
        return time.perf_counter() - began

    return round(2 * min(seconds(1) for _ in range(3)) / min(seconds(2) for _ in range(3)), 2)


def picture(found: dict[str, Any], path: Path) -> None:
    """Images a second of every run."""
    from matplotlib.figure import Figure

    names = list(found["runs"])
    speeds = [run["images_a_second"] for run in found["runs"].values()]
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(names[::-1], speeds[::-1], color="#4c72b0")
    axes.bar_label(bars, fmt="{:,.0f}", padding=3)
    axes.set_xlabel("images a second")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    a = parser.parse_args()
    if a.images < 2 * SHARD_SIZES[0]:
        parser.error(f"--images: {2 * SHARD_SIZES[0]} or more")
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = str(HERE.parent / "src")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, data = folder / "mnist.snnc", folder / "images.npz"
        snnc.convert(HERE.parent / "examples" / "mnist" / "model.pt", output=path)
        with np.load(a.data / "mnist_t10k.npz") as held:
            x, y = held["x"][: a.images].reshape(-1, 1, 28, 28), held["y"][: a.images]
            np.savez(data, x=x, y=y)
        runs = {}
        for each in RUNS:
            runs[each] = whole_run(each, path, data, folder)
            print(each, runs[each], flush=True)
        model, few = load(path), load_data(str(data), (1, 28, 28)).limit(min(1000, len(x)))
        found: dict[str, Any] = {
            "n_images": len(x),
            "machine": convert.machine(),
            "ceiling": ceiling(),
            "equal": len({run["digest"] for run in runs.values()}) == 1,
            "runs": runs,
            "overheads": overheads(model, few),
            "shipped": shipped(model, few.limit(min(200, len(x)))),
        }
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "scale.json").write_text(json.dumps(found, indent=1) + "\n")
    text = "# Cores and machines\n\n" + tables(found)
    (a.out / "scale.md").write_text(text)
    picture(found, a.out / "scale.png")
    print(text)
    if not found["equal"]:
        raise SystemExit("the runs gave different outputs")


if __name__ == "__main__":
    main()
