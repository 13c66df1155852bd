"""Peak memory and time against samples, frames and ticks: each figure from a process of its own."""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from .common import ROOT, Part, Setting, alone, table

SIZES = {
    "samples": (100, 1000, 10_000),
    "traces": (10, 100, 300),
    "frames": (100, 1000, 10_000),
    "ticks": (100, 1000, 10_000),
}
KINDS = {
    "samples": "images of one data set through the MNIST net, `snnc run` in burst",
    "traces": "the same, every event of all of them traced to a file",
    "frames": "frames of one stream, `snnc.stream` of the MNIST net in delta",
    "ticks": "frames of one sample of 1,024 LIF neurons whose membranes live on",
}


def peak_mb() -> float:
    """Of this process; on Linux not by getrusage, whose peak begins with the parent's."""
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def images(n: int, folder: Path) -> Path:
    """A file of images whose left half is black."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (min(n, 1000), 1, 28, 28), dtype=np.uint8)
    x[:, :, :, :14] = 0
    file = np.lib.format.open_memmap(
        folder / "x.npy", mode="w+", dtype=np.uint8, shape=(n, 1, 28, 28)
    )
    for at in range(0, n, len(x)):
        file[at : at + len(x)] = x
    file.flush()
    return folder / "x.npy"


def samples(n: int, folder: Path) -> None:
    """A data set from disk, sample by sample."""
    import snnc

    data = images(n, folder)
    snnc.run(folder / "model.snnc", data, engine="event", code="burst")


def traces(n: int, folder: Path) -> None:
    """Every event of many samples, to a file."""
    from snnc.runtime.trace import trace_to

    data = images(n, folder)
    trace_to(folder / "model.snnc", data, folder / "trace.npz", code="burst", force=True)


def frames(n: int, folder: Path) -> None:
    """One stream, frame by frame."""
    import snnc

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 1, 28, 28)).astype(np.float32)
    with snnc.stream(folder / "model.snnc", code="delta") as stream:
        for at in range(n):
            image[0, 0, at % 28, (at // 28) % 28] = at % 256
            stream.step(image)


def ticks(n: int, folder: Path) -> None:
    """One run over many frames, recording nothing."""
    from snnc.backends.event import EventEngine
    from snnc.ir.codes import RunSettings

    graph = recurrent()
    session = EventEngine(1).prepare(graph, RunSettings(), n_frames=n)
    rng = np.random.default_rng(0)
    feed = (rng.random((1, n, 64)) < 0.1).astype(np.int64)
    session.run({"x": feed}, record=())


def recurrent() -> Any:
    """64 inputs, 1,024 leaky neurons that reach one another a frame later."""
    from snnc.ir.graph import Graph, Projection
    from snnc.ir.maps import Dense, Identity
    from snnc.ir.neurons import FixedIntegrateFire
    from snnc.ir.nodes import Input, Output, Population

    rng, n = np.random.default_rng(0), 1024
    model = FixedIntegrateFire.binary(400, leak_multiplier=np.array(15), leak_shift=4)
    nodes = [
        Input(name="x", shape=(64,), lo=0, hi=1),
        Population(name="y", shape=(n,), model=model, bias=np.array(0)),
        Output(name="out", shape=(n,)),
    ]
    links = [
        Projection(
            name="w", source="x", target="y", map=Dense(weight=rng.integers(-127, 128, (n, 64)))
        ),
        Projection(
            name="r",
            source="y",
            target="y",
            map=Dense(weight=rng.integers(-20, 20, (n, n))),
            frames=1,
        ),
        Projection(name="o", source="y", target="out", map=Identity(shape=(n,))),
    ]
    return Graph(nodes, links)


RUN = {"samples": samples, "traces": traces, "frames": frames, "ticks": ticks}


def one(kind: str, n: int, folder: Path) -> dict[str, Any]:
    """Peak memory and seconds at one size, in a process of its own."""
    return alone("memory", kind, str(n), str(folder))


def measure(setting: Setting) -> dict[str, Any]:
    """Every kind at every size."""
    import snnc

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snnc.convert(ROOT / "examples" / "mnist" / "model.pt", output=folder / "model.snnc")
        for kind, sizes in SIZES.items():
            for n in sizes[:2] if setting.quick else sizes:
                rows.append({"kind": kind, "n": n, **one(kind, n, folder)})
                print(rows[-1], flush=True)
    return {"rows": rows}


def page(found: dict[str, Any]) -> str:
    """Peak memory of the whole process, and what each more costs."""
    rows = [
        [KINDS[r["kind"]], f"{r['n']:,}", f"{r['mb']:.0f}", f"{r['seconds']:.2f}"]
        for r in found["rows"]
    ]
    return (
        "Peak memory of the whole process (Python, the compiled kernels and the network are in "
        "it). A run over frames holds its input, 512 bytes a frame here; a stream does not.\n\n"
        + table(["what grows", "n", "peak, MB", "seconds"], rows)
    )


def plot(figure: Any, found: dict[str, Any]) -> None:
    """Megabytes against n."""
    axes = figure.subplots()
    for kind in KINDS:
        some = [r for r in found["rows"] if r["kind"] == kind]
        axes.semilogx([r["n"] for r in some], [r["mb"] for r in some], marker="o", label=kind)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("samples, traced samples, frames of a stream, frames of a sample")
    axes.set_ylabel("peak memory of the process, MB")
    axes.grid(alpha=0.3)
    axes.legend()


PART = Part(title="Memory against samples, frames and ticks", measure=measure, page=page, plot=plot)


def main() -> None:
    """Run one kind in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=RUN)
    parser.add_argument("n", type=int)
    parser.add_argument("folder", type=Path)
    a = parser.parse_args()
    start = time.perf_counter()
    RUN[a.kind](a.n, a.folder)
    print(json.dumps({"mb": peak_mb(), "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
