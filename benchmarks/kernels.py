"""Event kernels in synaptic events a second, beside what the machine can do, in one run.

    python benchmarks/kernels.py [--out benchmarks/results] [--seconds 0.02]

For each shape of layer and share of active neurons: scattering, gathering and what the engine
chooses. What is counted are synaptic events, events times fan-out; each event has a payload of 1
to 4, as bursts have frame by frame (in unit spikes the figures would be 2.5 times as high). Two
ceilings are measured beside them: the same loop on one row of weights (no memory but L1), and
reading as many bytes as the layer has weights: each synaptic event reads one byte. Where gcc is
there, a C kernel (kernels.c) runs the 3x3 convolutions. Writes kernels.json and kernels.md.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np

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
METHODS = ("scatter", "gather", "any")
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
        "conv 3x3 stride 2, 64 to 128, 28x28": _conv(64, 128, 28, stride=2),
        "conv 1x1, 64, 28x28": _conv(64, 64, 28, 1),
        "conv 1x1, 256, 16x16": _conv(256, 256, 16, 1),
        "depthwise 3x3, 64, 28x28": _conv(64, 64, 28, groups=64),
        "depthwise 3x3, 256, 14x14": _conv(256, 256, 14, groups=256),
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
def _one_row(acc, weights, index, payload, runs, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        gather_16(acc, 0, 128, weights, 128, index, payload, runs, 0, 1)


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


def roofline(limit: float) -> dict[str, Any]:
    """The two ceilings: 128 channels from one row, and bytes a second by how many are read."""
    n = 64
    acc, weights = np.zeros(144, np.int32), np.ones(128, np.int8)
    index, payload = np.zeros(n, np.uint32), np.ones(n, np.int64)
    runs = np.array([0, n, 0, 1])
    took = seconds(lambda times: _one_row(acc, weights, index, payload, runs, times), limit)
    read = {}
    for size in (2**14, 2**18, 2**22, 2**24, 2**28):
        values = np.ones(size // 8, np.uint64)
        read[size] = size / seconds(lambda times, v=values: _read(v, times), limit) / 1e9
    return {"gops_one_row": 128 * n / took / 1e9, "gbytes_by_size": read}


def c_kernel(folder: Path) -> Any:
    """The C reference, or None without a compiler."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    library = folder / "kernels.so"
    command = [compiler, "-O3", "-march=native", "-shared", "-fPIC"]
    subprocess.run(
        [*command, "-Wno-psabi", "-funroll-loops", HERE / "kernels.c", "-o", library], check=True
    )
    return ctypes.CDLL(str(library)).gather


def time_c(gather: Any, map_: LinearMap, session: Any, state: Any, limit: float) -> float | None:
    """Seconds of the C reference on the list that lies in `state`; None where it has no kernel."""
    if gather is None or not isinstance(map_, Conv) or map_.groups > 1 or map_.weight.shape[0] % 64:
        return None
    if map_.kernel != (3, 3) or map_.stride != (1, 1):
        return None
    room = session.compiled.program.rooms[session.compiled.program.projections[0]["list"]]
    lists, c_out = state.lists, map_.weight.shape[0]
    first, length = int(room["events"]), int(lists.length[room["number"]])
    neuron, payload = lists.neuron[first:][:length].copy(), lists.payload[first:][:length].copy()
    segments = lists.segments[room["segments"] :][: room["pixels"] + 1].copy()
    weights = np.ascontiguousarray(map_.weight.transpose(2, 3, 1, 0)).astype(np.int8)
    acc = np.zeros((*map_.out_shape[1:], c_out), np.int32)
    sizes = [ctypes.c_int64(n) for n in (*map_.in_shape[1:], map_.in_shape[0], c_out)]
    arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (neuron, payload, segments, weights, acc)]
    chunk = ctypes.c_int64(32767 // (int(abs(map_.weight).max()) * 4))

    def run(times: int) -> None:
        for _ in range(times):
            gather(*sizes, *arrays, chunk)

    run(1)
    expected = map_.apply(_dense(map_, neuron, payload)[0])[0]
    if (acc.transpose(2, 0, 1) != expected).any():
        raise SystemExit("the C kernel gives something else")
    return seconds(run, limit)


def _dense(map_: Conv, neuron: Any, payload: Any) -> Any:
    flat = np.zeros(map_.in_size, np.int64)
    flat[neuron] = payload
    c, h, w = map_.in_shape
    return flat.reshape(h, w, c).transpose(2, 0, 1)[None, None]


def measure(name: str, map_: LinearMap, gather: Any, limit: float) -> list[dict[str, Any]]:
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
            state, program = session._states[-1], session.compiled.program
            took = seconds(lambda n, p=program, s=state: _deliver(p, s, n), limit)
            row[method] = operations / took / 1e9
        took_c = time_c(gather, map_, sessions["any"], sessions["any"]._states[-1], limit)
        row["c"] = operations / took_c / 1e9 if took_c else None
        rows.append(row)
    return rows


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return {
        "cpu": names[0] if names else platform.processor(),
        "vectors": next((v for v in ("avx512bw", "avx2", "asimd") if v in flags), "?"),
        "threads": 1,
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "numba": numba.__version__,
    }


def markdown(found: dict[str, Any]) -> str:
    """The tables of kernels.md."""
    info = ", ".join(f"{k}: {v}" for k, v in found["machine"].items())
    roof = found["roofline"]
    read = ", ".join(f"{int(n) // 1024:,} KiB {g:.0f}" for n, g in roof["gbytes_by_size"].items())
    share = " | ".join(f"{a:.1%}" for a in ACTIVITIES)
    lines = [
        "# Event kernels",
        "",
        info,
        "",
        "10⁹ synaptic events a second (events × fan-out; payloads 1 … 4, 8-bit weights), one core,"
        " by share of neurons that are active: scatter / gather / **what the engine chooses**"
        " (/ C, where there is a C kernel).",
        "",
        f"Ceilings: {roof['gops_one_row']:.0f} with one row of weights (no memory but L1);"
        f" reading, in 10⁹ bytes a second, of {read}. Each synaptic event reads one byte.",
        "",
        f"| layer | {share} |",
        "|---" * (len(ACTIVITIES) + 1) + "|",
    ]
    for name in dict.fromkeys(r["shape"] for r in found["rows"]):
        cells = [
            f"{r['scatter']:.2g} / {r['gather']:.2g} / **{r['any']:.2g}**"
            + (f" / {r['c']:.2g}" if r["c"] else "")
            for r in found["rows"]
            if r["shape"] == name
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    better = [r["any"] >= 0.9 * max(r["scatter"], r["gather"]) for r in found["rows"]]
    lines += ["", f"The choice is within 10 % of the better way in {sum(better)} of {len(better)}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--seconds", type=float, default=0.02, help="for each timing")
    a = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "roofline": roofline(a.seconds), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        gather = c_kernel(Path(folder))
        for name, map_ in shapes().items():
            found["rows"] += measure(name, map_, gather, a.seconds)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "kernels.json").write_text(json.dumps(found, indent=1) + "\n")
    (a.out / "kernels.md").write_text(markdown(found))
    print(markdown(found))


if __name__ == "__main__":
    main()
