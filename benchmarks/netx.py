"""Files that snnc writes, run by lava-dl 0.6.0's own netx: do they spike alike?

    python benchmarks/netx.py [NET…] [--python PYTHON3.10] [--env FOLDER] [--steps T] [--out FOLDER]

Each NET, and small networks of everything that the format can say (`net_files.py`), is read,
exported by snnc, and the exported file runs in lava-dl's netx (Lava's
bit-accurate simulation) and in snnc's oracle with `--net-timing lava`, on the same random data.
What the last layer gives has to be equal in every step. lava-dl needs Python 3.10 and PyTorch:
`--python` names an interpreter, from which an environment of its own is made in FOLDER (5 GB, some
minutes) where there is none. snnc neither imports nor contains lava-dl. Exits with 1 where anything
differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from net_files import small_nets, write_net

from snnc.backends.netx import build, write
from snnc.backends.registry import get_engine
from snnc.converter.sources import GraphSource, SourceOptions, open_source
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.neurons import Delta
from snnc.ir.nodes import Population

HERE = Path(__file__).resolve().parent
CHILD = HERE / "peers" / "run_netx.py"
PACKAGES = (
    "torch==2.3.1",
    "lava-nc==0.10.0",
    "numpy<2",
    "h5py",
    "matplotlib",
    "opencv-python-headless==4.10.0.84",
    "pyyaml",
    "tqdm",
    "requests",
)
BARE = ("lava-dl==0.6.0", "torchvision==0.18.1")
"""Installed without what they ask for: lava-dl asks for another OpenCV."""


@dataclass(frozen=True)
class Compared:
    """One network.

    Attributes:
        net: its file.
        steps: of the run.
        n_values: of the last layer, over all steps.
        n_events: of them not 0 in lava-dl.
        n_differences: between lava-dl and snnc.
    """

    net: str
    steps: int
    n_values: int
    n_events: int
    n_differences: int


def environment(python: str, folder: Path) -> Path:
    """The interpreter of lava-dl's environment, made where it is missing."""
    found = folder / "bin" / "python"
    if not found.exists():
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        for packages in (PACKAGES, ("--no-deps", *BARE)):
            subprocess.run([str(found), "-m", "pip", "install", "-q", *packages], check=True)
    return found


def data(graph: Graph, steps: int, seed: int) -> IntArray:
    """Random counts in the input's range, spikes sparse, shape (T, *shape)."""
    rng = np.random.default_rng(seed)
    (entering,) = graph.inputs
    shape = (steps, *entering.shape)
    if (entering.lo, entering.hi) == (0, 1):
        return (rng.random(shape) < 0.05).astype(np.int64)
    counts = rng.integers(entering.lo, entering.hi + 1, shape)
    (behind,) = {p.target for p in graph.outgoing(entering.name)}
    node = graph.nodes[behind]
    if isinstance(node, Population) and isinstance(node.model, Delta):
        return counts
    return np.broadcast_to(counts[0], shape).copy()  # netx takes such data as a bias


def ours(graph: Graph, x: IntArray) -> IntArray:
    """What the last layer gives in the oracle, shape (T, *shape)."""
    session = get_engine("oracle").prepare(graph, RunSettings(), n_frames=len(x))
    last = graph.incoming(graph.outputs[0].name)[0].source
    return session.run({graph.inputs[0].name: x[None]}).counts[last][0]


def compare(python: Path, net: Path, steps: int) -> Compared:
    """Export, run both, count differences."""
    source = open_source(net, SourceOptions(net_timing="lava"))
    assert isinstance(source, GraphSource)
    x = data(source.graph, steps, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / net.name
        write(exported, build(source.graph, timing="lava"))
        np.savez(Path(folder) / "x.npz", x=x)
        arguments = [str(python), str(CHILD), str(exported), f"{folder}/x.npz", f"{folder}/out.npz"]
        subprocess.run(arguments, check=True, stdout=sys.stderr)
        with np.load(f"{folder}/out.npz") as z:
            theirs = z["out"]
    found = ours(source.graph, x).reshape(theirs.shape)
    return Compared(
        net=net.name,
        steps=steps,
        n_values=theirs.size,
        n_events=int(np.count_nonzero(theirs)),
        n_differences=int(np.count_nonzero(found != theirs)),
    )


def main() -> int:
    """Compare every network; 0 where all are equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("nets", nargs="*", type=Path, metavar="NET")
    parser.add_argument("--python", default="python3.10")
    parser.add_argument("--env", type=Path, default=HERE / ".lava-dl")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--out", type=Path, help="writes netx.json there")
    options = parser.parse_args()
    python = environment(options.python, options.env)
    with tempfile.TemporaryDirectory() as folder:
        made = small_nets().items()
        small = [write_net(Path(folder) / f"{name}.net", *layers) for name, layers in made]
        found = []
        for net in (*options.nets, *small):
            row = compare(python, net, options.steps)
            found.append(row)
            of = f"{row.n_differences} of {row.n_values} differ"
            print(f"{row.net}: {of}, {row.n_events} events", flush=True)
    if options.out is not None:
        text = json.dumps([asdict(row) for row in found], indent=1)
        (options.out / "netx.json").write_text(text + "\n")
    return int(any(row.n_differences for row in found))


if __name__ == "__main__":
    sys.exit(main())
