"""Event kernels in synaptic events a second, beside what the machine can do, in one run.

    python benchmarks/kernels.py [--out benchmarks/results] [--seconds 0.02] [--only WORD …]

For each shape of layer and share of active neurons: scattering, gathering, scattering into a plane
of narrow sums, and what the engine chooses. What is counted are synaptic events, events times
fan-out; each event has a payload of 1 to 4, as bursts have frame by frame (in unit spikes the
figures would be 2.5 times as high). Where gcc is there, a C kernel (kernels.c) runs
what it can of the layers on the same lists, checked.

The ceiling of a layer is the least of what bounds it, each measured in the same run: adding rows of
weights (the kernel's loop on one row: no memory but L1), or scattering nine sums of one neuron (for
depthwise layers and pools, where an event reaches no two neighbouring channels), and reading one
byte of weights for each synaptic event from wherever so many bytes lie. Writes kernels.json,
kernels.md and kernels.png.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kernels_c
import kernels_page
import numba
import numpy as np
from machine import machine, warn_if_busy

from snnc.backends.event import EventEngine
from snnc.backends.event.deliver import deliver
from snnc.backends.event.memory import Buffers
from snnc.backends.event.simd import gather_16
from snnc.backends.feeds import read_feeds
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, SumPool
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Output, Population

HERE = Path(__file__).resolve().parent
ACTIVITIES = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3)
METHODS = ("scatter", "gather", "plane", "any")
RNG = np.random.default_rng(0)


def _weights(*shape: int) -> Any:
    return RNG.integers(-127, 128, shape)


def _conv(c_in: int, c_out: int, side: int, k: int = 3, stride: int = 1, groups: int = 1) -> Conv:
    return Conv(
        weight=_weights(c_out, c_in // groups, k, k),
        in_shape=(c_in, side, side),
        stride=(stride, stride),
        padding=((k // 2, k // 2),) * 2,
        dilation=(1, 1),
        groups=groups,
    )


def _pool(side: int, k: int) -> SumPool:
    none = ((0, 0), (0, 0))
    return SumPool(in_shape=(64, side, side), kernel=(k, k), stride=(k, k), padding=none)


def shapes() -> dict[str, LinearMap]:
    """Layers by name."""
    return {
        "conv 3x3, 16, 28x28": _conv(16, 16, 28),
        "conv 3x3, 32, 28x28": _conv(32, 32, 28),
        "conv 3x3, 64, 28x28": _conv(64, 64, 28),
        "conv 3x3, 128, 16x16": _conv(128, 128, 16),
        "conv 3x3, 256, 16x16": _conv(256, 256, 16),
        "conv 3x3 16 to 32, stride 2, 28x28": _conv(16, 32, 28, stride=2),
        "conv 3x3 stride 2, 64 to 128, 28x28": _conv(64, 128, 28, stride=2),
        "conv 1x1, 64, 28x28": _conv(64, 64, 28, 1),
        "conv 1x1, 256, 16x16": _conv(256, 256, 16, 1),
        "depthwise 3x3, 32, 28x28": _conv(32, 32, 28, groups=32),
        "depthwise 3x3, 64, 28x28": _conv(64, 64, 28, groups=64),
        "depthwise 3x3, 256, 14x14": _conv(256, 256, 14, groups=256),
        "dense 784 to 128": Dense(weight=_weights(128, 784)),
        "dense 512 to 512": Dense(weight=_weights(512, 512)),
        "dense 4096 to 1000": Dense(weight=_weights(1000, 4096)),
        "dense 384 to 384, 196 tokens": Dense(weight=_weights(384, 384), lead=(196,)),
        "sum-pool 2x2, 64, 28x28": _pool(28, 2),
        "sum-pool 7x7, 64, 7x7": _pool(7, 7),
    }


@numba.njit(_nrt=False)
def _deliver(program, state, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        deliver(program, state, 0)


@numba.njit(_nrt=False)
def _one_row(acc, size, weights, index, payload, runs, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        gather_16(acc, 0, size, weights, size, index, payload, runs, 0, 1)


@numba.njit
def _read(values, times):  # type: ignore[no-untyped-def]
    total = np.uint64(0)
    for _ in range(times):
        for i in range(len(values)):
            total ^= values[i]
    return total


def seconds(run: Callable[[int], Any], limit: float) -> float:
    """The fastest of several timings, each at least 0.2 ms long."""
    run(1)
    best, times, until = float("inf"), 1, time.perf_counter() + limit
    while time.perf_counter() < until:
        start = time.perf_counter()
        run(times)
        took = (time.perf_counter() - start) / times
        best, times = min(best, took), max(1, int(2e-4 / took))
    return best


def graph_of(map_: LinearMap) -> Graph:
    """The layer alone: x -> map -> sums."""
    return Graph(
        [
            Input(name="x", shape=map_.in_shape, lo=0, hi=4),
            Population(name="y", shape=map_.out_shape, model=Accumulator(), bias=np.array(0)),
            Output(name="out", shape=map_.out_shape),
        ],
        [
            Projection(name="w", source="x", target="y", map=map_),
            Projection(name="r", source="y", target="out", map=Identity(shape=map_.out_shape)),
        ],
    )


def roofline(library: Any, limit: float) -> dict[str, Any]:
    """What bounds a layer: rows of weights by width, nine sums, bytes by how many there are."""
    n = 64
    index, payload = np.zeros(n, np.uint32), np.ones(n, np.int64)
    runs = np.array([0, n, 0, 1])
    rows = {}
    for width in (16, 32, 64, 128):
        acc, weights = np.zeros(width + 16, np.int32), np.ones(width, np.int8)
        arguments = (acc, width, weights, index, payload, runs)
        took = seconds(lambda times, a=arguments: _one_row(*a, times), limit)
        rows[width] = width * n / took / 1e9
    read = {}
    for size in (2**14, 2**18, 2**20, 2**22, 2**24, 2**28):
        values = np.ones(size // 8, np.uint64)
        read[size] = size / seconds(lambda times, v=values: _read(v, times), limit) / 1e9
    nine = None if library is None else 9 * 1024 / seconds(kernels_c.ceiling(library), limit) / 1e9
    return {"gops_by_row": rows, "gops_nine_sums": nine, "gbytes_by_size": read}


def ceiling(roof: dict[str, Any], map_: LinearMap, activity: float) -> float | None:
    """The most that a layer can reach, in 10^9 synaptic events a second.

    A neuron of a depthwise layer or a pool reaches one channel: either its sums are scattered one
    by one, or all channels are computed side by side, silent ones as well.
    """
    rows = roof["gops_by_row"]
    if isinstance(map_, SumPool) or (isinstance(map_, Conv) and map_.groups > 1):
        nine = roof["gops_nine_sums"]
        return None if nine is None else max(nine, activity * rows[128])
    width = map_.weight.shape[0]
    row = rows[max(w for w in rows if w <= width)]
    held = map_.weight.size
    bytes_ = next(g for size, g in roof["gbytes_by_size"].items() if held <= size)
    return float(min(row, bytes_))


def measure(
    name: str, map_: LinearMap, library: Any, roof: dict[str, Any], limit: float
) -> list[dict[str, Any]]:
    """One row for each activity."""
    graph = graph_of(map_)
    sessions = {m: EventEngine(1, method=m).prepare(graph, RunSettings("burst")) for m in METHODS}
    rows = []
    for activity in ACTIVITIES:
        shape = (1, 1, *map_.in_shape)
        x = np.where(RNG.random(shape) < activity, RNG.integers(1, 5, shape), 0)
        x.reshape(-1)[0] = 1  # never none
        buffers = Buffers(sessions["any"].compiled, read_feeds(graph, {"x": x}, 1), ())
        row: dict[str, Any] = {"shape": name, "activity": activity, "events": int((x > 0).sum())}
        operations = sessions["any"].run({"x": (x > 0).astype(int)}).counters["w"].synaptic_events
        row["synaptic_events"] = operations
        for method, session in sessions.items():
            session._run_chunk(buffers, 0, 1)
            state, program = session._workers[-1].state, session.compiled.program
            took = seconds(lambda n, p=program, s=state: _deliver(p, s, n), limit)
            row[method] = operations / took / 1e9
        session = sessions["any"]
        in_c = kernels_c.run_of(library, map_, session, session._workers[-1].state)
        row["c"] = None if in_c is None else operations / seconds(in_c, limit) / 1e9
        row["ceiling"] = ceiling(roof, map_, activity)
        rows.append(row)
    return rows


def vectors() -> dict[str, str]:
    """The widest vector unit, and the compiler of the kernels."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    found = next((v for v in ("avx512bw", "avx2", "asimd") if v in flags), "?")
    return {"vectors": found, "numba": numba.__version__}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--seconds", type=float, default=0.02, help="for each timing")
    parser.add_argument("--only", nargs="+", default=[""], help="layers whose name has a word")
    a = parser.parse_args()
    warn_if_busy()
    found: dict[str, Any] = {"machine": {**machine(), **vectors()}}
    with tempfile.TemporaryDirectory() as folder:
        library = kernels_c.compiled(Path(folder))
        found["roofline"], found["rows"] = roofline(library, 10 * a.seconds), []
        for name, map_ in shapes().items():
            if any(word in name for word in a.only):
                found["rows"] += measure(name, map_, library, found["roofline"], a.seconds)
                print(name, flush=True)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "kernels.json").write_text(json.dumps(found, indent=1) + "\n")
    (a.out / "kernels.md").write_text(kernels_page.markdown(found))
    kernels_page.plot(found, a.out / "kernels.png")
    print(kernels_page.markdown(found))


if __name__ == "__main__":
    main()
