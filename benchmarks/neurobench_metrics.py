"""snnc's NeuroBench metrics against neurobench 2.3 itself.

    python benchmarks/neurobench_metrics.py [--python PYTHON] [--out benchmarks/results]

neurobench runs in an environment of its own: `--python` names its interpreter, otherwise one is
made in benchmarks/.neurobench. There a PyTorch twin computes each network anew from the same input
and neurobench's own hooks count; snnc runs the event graph and counts events. Three networks of
binary spikes: dense layers, an image through (depthwise, strided) convolutions, integrate-and-fire
neurons over frames. All metrics have to be equal; exits with 1 where one is not. neurobench sums in
float32, hence a relative tolerance of 1e-6. Writes neurobench.json and neurobench.md.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire
from snnc.ir.nodes import Input, Output, Population
from snnc.runtime.data import DataSet
from snnc.runtime.model import Model
from snnc.runtime.report import report

HERE = Path(__file__).resolve().parent
PACKAGES = (
    "neurobench==2.3.0", "snntorch==1.0.0", "torch==2.13.0", "tqdm", "numpy", "pandas", "scipy",
)  # fmt: skip
TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A weight layer and the binary neurons behind it; no threshold: sums."""

    weight: IntArray
    bias: IntArray
    threshold: IntArray | None = None
    stateful: bool = False
    stride: int = 1
    padding: int = 0
    groups: int = 1


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network and its samples (N, T, *shape)."""

    name: str
    layers: tuple[Layer, ...]
    x: IntArray


def cases() -> list[Case]:
    """Random weights on few levels, so that many are zero."""
    rng = np.random.default_rng(7)

    def dense(n: int, inputs: int, *, last: bool = False, stateful: bool = False) -> Layer:
        return Layer(
            weight=rng.integers(-3, 4, (n, inputs)),
            bias=rng.integers(-2, 3, n),
            threshold=None if last else rng.integers(1, 9, n),
            stateful=stateful,
        )

    def conv(n: int, inputs: int, stride: int, groups: int, threshold: int) -> Layer:
        return Layer(
            weight=rng.integers(-3, 4, (n, inputs, 3, 3)),
            bias=rng.integers(-2, 3, n),
            threshold=rng.integers(1, threshold, n),
            stride=stride,
            padding=1,
            groups=groups,
        )

    spikes = (rng.random((20, 1, 64)) < 0.3).astype(np.int64)
    images = rng.integers(0, 16, (12, 1, 1, 12, 12))
    frames = (rng.random((10, 8, 40)) < 0.2).astype(np.int64)
    return [
        Case(
            name="dense layers, binary input",
            layers=(dense(50, 64), dense(30, 50), dense(10, 30, last=True)),
            x=spikes,
        ),
        Case(
            name="convolutions, image of 16 levels",
            layers=(
                conv(8, 1, 1, 1, 60),
                conv(8, 1, 2, 8, 4),
                conv(16, 8, 2, 1, 9),
                dense(10, 144, last=True),
            ),
            x=images,
        ),
        Case(
            name="integrate and fire, 8 frames",
            layers=(
                dense(32, 40, stateful=True),
                dense(24, 32, stateful=True),
                dense(10, 24, last=True),
            ),
            x=frames,
        ),
    ]


def graph_of(case: Case) -> Graph:
    """The event graph, written down by hand."""
    shape = case.x.shape[2:]
    nodes: list[Any] = [Input(name="x", shape=shape, lo=0, hi=int(case.x.max()))]
    links = []
    for index, layer in enumerate(case.layers):
        linear = _map(layer, shape)
        shape = linear.out_shape
        name, source = f"p{index}", nodes[-1].name
        size = int(np.prod(nodes[-1].shape))
        flat = np.arange(size) if linear.in_shape != nodes[-1].shape else None
        nodes.append(Population(name=name, shape=shape, model=_neurons(layer), bias=layer.bias))
        links.append(
            Projection(name=f"w{index}", source=source, target=name, map=linear, gather=flat)
        )
    nodes.append(Output(name="out", shape=shape, reduction="sum"))
    read = Identity(shape=shape)
    links.append(Projection(name="read", source=nodes[-2].name, target="out", map=read))
    return Graph(nodes, links, name=case.name).validate()


def _map(layer: Layer, shape: tuple[int, ...]) -> Conv | Dense:
    if layer.weight.ndim == 2:
        return Dense(weight=layer.weight)
    return Conv(
        weight=layer.weight,
        in_shape=shape,
        stride=(layer.stride, layer.stride),
        padding=((layer.padding, layer.padding), (layer.padding, layer.padding)),
        dilation=(1, 1),
        groups=layer.groups,
    )


def _neurons(layer: Layer) -> Any:
    if layer.threshold is None:
        return Accumulator()
    if layer.stateful:
        return FixedIntegrateFire.binary(layer.threshold)
    return IntegerFire(lo=0, thresholds=layer.threshold[:, None])


def ours(case: Case) -> dict[str, Any]:
    """`snnc report --json`, its part `neurobench`."""
    graph = graph_of(case)
    file = SnncFile(float_graph=graph, integer_graph=graph, manifest={"written_by": "benchmark"})
    model = Model(path=None, file=file, bundle=None, target="sim", settings=file.settings)
    data = DataSet(name=case.name, x=case.x.astype(np.float32))
    found = report(model, data, code="graded", codes=["own"], statistics=0).to_json()
    metrics: dict[str, Any] = found["neurobench"]
    return metrics


def theirs(case: Case, python: Path) -> dict[str, Any]:
    """The same from neurobench."""
    arrays: dict[str, Any] = {"x": case.x}
    spec = []
    for index, layer in enumerate(case.layers):
        arrays |= {f"weight{index}": layer.weight, f"bias{index}": layer.bias}
        if layer.threshold is not None:
            arrays[f"threshold{index}"] = layer.threshold
        kind = "conv" if layer.weight.ndim == 4 else "dense"
        keys = ("stride", "padding", "groups", "stateful")
        spec.append({"kind": kind, **{key: getattr(layer, key) for key in keys}})
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "net.npz"
        np.savez(given, spec=json.dumps(spec), **arrays)
        script = HERE / "peers" / "run_neurobench.py"
        done = subprocess.run(
            [python, script, given], check=True, stdout=subprocess.PIPE, text=True
        )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def flat(metrics: dict[str, Any]) -> dict[str, float]:
    """One level of names."""
    inner = metrics["SynapticOperations"]
    names = ("Footprint", "ConnectionSparsity", "ActivationSparsity")
    return {name: float(metrics[name]) for name in names} | {k: float(v) for k, v in inner.items()}


def make_environment(folder: Path) -> Path:
    """The interpreter of neurobench's environment; made where it is not there yet."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "-q"]
        subprocess.run([*install, *PACKAGES[1:]], check=True)
        # without what it imports for data sets: torchaudio does not load beside a CPU build
        subprocess.run([*install, "--no-deps", PACKAGES[0]], check=True)
    return python


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """The two files of results."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "neurobench.json").write_text(json.dumps(rows, indent=1) + "\n")
    lines = [
        "# NeuroBench's metrics: snnc and neurobench 2.3.0",
        "",
        "Made by `python benchmarks/neurobench_metrics.py`. Footprint: bytes of integer tensors.",
        "",
        "| network | metric | snnc | neurobench | equal |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        for name, value in row["snnc"].items():
            their = row["neurobench"][name]
            same = "yes" if name not in row["different"] else "**no**"
            lines.append(f"| {row['network']} | {name} | {value:.7g} | {their:.7g} | {same} |")
    (out / "neurobench.md").write_text("\n".join(lines) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    options = parser.parse_args()
    python = options.python or make_environment(HERE / ".neurobench")
    rows = []
    for case in cases():
        mine, their = flat(ours(case)), flat(theirs(case, python))
        wrong = [k for k in mine if not math.isclose(mine[k], their[k], rel_tol=TOLERANCE)]
        rows.append({"network": case.name, "snnc": mine, "neurobench": their, "different": wrong})
        print(f"{case.name}: {'equal' if not wrong else 'DIFFERENT: ' + ', '.join(wrong)}")
    write(rows, options.out)
    return 1 if any(row["different"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
