"""Whole networks in every party, one thread, one run.

    python benchmarks/networks.py --data FOLDER [--only mnist vgg …] [--peers PYTHON] [--out FOLDER]

FOLDER holds mnist_t10k.npz. The peers (SpikingJelly, sinabs, snnTorch) live in an environment of
their own: `--peers` names its interpreter, otherwise one is made in benchmarks/.peers. Each party
runs the same weights on the same samples; its best batch counts. Compile time and a warm-up batch
stay outside of the clock. Results go into networks.json, where networks that did not run this time
keep theirs, and networks.md and networks.png are made of all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE / "peers"))
PINNED = "spikingjelly==2.0.0 sinabs==3.1.3 snntorch==1.0.0"
PEERS_REQUIRED = "numpy scipy matplotlib tqdm einops pandas h5py loguru requests torchinfo"
PEERS_REQUIRED += " tensorboard pbr onnx samna nir<=1.0.4 nirtorch networkx safetensors"
REFERENCE = "PyTorch float"
PARTIES: dict[str, list[str]] = {
    REFERENCE: ["run_torch.py"],
    "ONNX Runtime int8": ["run_ort.py"],
    "snnc dense": ["run_snnc.py", "--engine", "dense"],
    "snnc event, burst": ["run_snnc.py", "--engine", "event"],
    "snnc event, burst, with trace": ["run_snnc.py", "--engine", "event", "--trace"],
    "snnc event, graded": ["run_snnc.py", "--engine", "event", "--code", "graded"],
    "snnc event, graded, with trace": [
        *("run_snnc.py", "--engine", "event", "--code", "graded", "--trace"),
    ],
    "SpikingJelly 2.0, T = 4": ["run_spikingjelly.py"],
    "snnTorch 1.0, T = 4": ["run_snntorch.py"],
    "sinabs 3.1, T = 4": ["run_sinabs.py"],
}
"""Script and arguments; `run_snnc.py` and `run_ort.py` run in snnc's own environment."""
OURS = ("run_snnc.py", "run_ort.py")


def make_peers(folder: Path) -> Path:
    """The interpreter of the peers' environment; made where it is not there yet."""
    python = folder / "bin" / "python"
    if python.exists():
        return python
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("torch==2.13.0\n")
    pip = [python, "-m", "pip", "install", "-q", "-c", constraints]
    subprocess.run([*pip, "torch"], check=True)
    subprocess.run([*pip, "--no-deps", *PINNED.split()], check=True)
    subprocess.run([*pip, *PEERS_REQUIRED.split()], check=True)
    return python


def called(python: Path, script: str, *arguments: str) -> str:
    """What a script of peers/ prints, on one thread."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    done = subprocess.run(
        [python, "-W", "ignore", HERE / "peers" / script, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script} {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def run_network(name: str, data: Path, peers: Path) -> dict[str, dict[str, Any]]:
    """Every party's best batch."""
    from nets import NETS

    net, here = NETS[name], Path(sys.executable)
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        called(here, "make_net.py", name, folder, "--data", str(data))
        convert = [here, "-m", "snnc", "convert", f"{folder}/source.pt", "-o"]
        subprocess.run(
            [*convert, f"{folder}/model.snnc", "--json"], check=True, stdout=subprocess.DEVNULL
        )
        for party, (script, *options) in PARTIES.items():
            if not net.peers and script not in (*OURS, "run_torch.py"):
                continue
            python = here if script in OURS else peers
            # a trace is made sample by sample: the batch does not matter to it
            batches = net.batches[-1:] if "--trace" in options else net.batches
            tried = [
                called(python, script, name, folder, *options, "--batch", str(batch))
                for batch in batches
            ]
            found = [json.loads(out.strip().splitlines()[-1]) for out in tried]
            by_batch = {str(r["batch"]): r["seconds"] for r in found}
            best = min(found, key=lambda r: r["seconds"])
            results[party] = {**best, "seconds_by_batch": by_batch}
            took = 1000 * best["seconds"] / len(best["outputs"])
            print(f"{name}, {party}: {took:.3f} ms a sample", flush=True)
    return summary(results, labels(name, data))


def labels(name: str, data: Path) -> np.ndarray | None:
    """The classes of a network's samples, where they are known."""
    from nets import samples

    return samples(name, data)[1]


def summary(results: dict[str, dict[str, Any]], y: np.ndarray | None) -> dict[str, dict[str, Any]]:
    """Each party's figures, its outputs replaced by how they compare with PyTorch's."""
    base = np.array(results[REFERENCE]["outputs"])
    spread = float(np.abs(base).max())
    exact = [np.array(r["outputs"]) for party, r in results.items() if party.startswith("snnc")]
    if any((each != exact[0]).any() for each in exact):
        raise SystemExit("snnc's engines and codes differ in their outputs")
    rows = {}
    for party, result in results.items():
        outputs = np.array(result.pop("outputs"))
        same = float((outputs.argmax(1) == base.argmax(1)).mean())
        rows[party] = {
            **result,
            "ms": 1000 * result["seconds"] / len(base),
            "ratio": result["seconds"] / results[REFERENCE]["seconds"],
            "accuracy": None if y is None else float((outputs.argmax(1) == y).mean()),
            "same": same if base.shape[1] > 1 else None,
            "largest_difference": float(np.abs(outputs - base).max()) / spread,
        }
    return rows


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu, info = platform.processor(), Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "cpu": cpu,
        "threads": 1,
        "python": platform.python_version(),
        "os": platform.system(),
        "load": round(os.getloadavg()[0], 1),
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Markdown: one row a party."""
    lines = [
        "| party | ms a sample | × PyTorch | best batch | accuracy | predictions as PyTorch "
        "| largest difference of an output, of the largest output |",
        "|---|---|---|---|---|---|---|",
    ]
    for party, r in rows.items():
        accuracy, same = ("" if r[k] is None else f"{r[k]:.2%}" for k in ("accuracy", "same"))
        lines.append(
            f"| {party} | {r['ms']:.3f} | {r['ratio']:.2f} | {r['batch']} | {accuracy} | {same} "
            f"| {r['largest_difference']:.2g} |"
        )
    return "\n".join(lines)


def page(found: dict[str, Any]) -> str:
    """Markdown of all networks."""
    from nets import NETS

    parts = ["# Whole networks", ""]
    for name in (n for n in NETS if n in found):
        info = ", ".join(f"{k}: {v}" for k, v in found[name]["machine"].items())
        rows = found[name]["parties"]
        counts = rows["snnc event, burst"]["mean_count"].values()
        title = " ".join((NETS[name].make.__doc__ or "").splitlines()[:1])
        parts += [f"## {name}", "", f"{title} {info}", "", table(rows), ""]
        parts += [
            f"Mean count of a layer's neurons: {min(counts):.3f} … {max(counts):.3f}, of all "
            f"layers {sum(counts) / len(counts):.3f}; unit-spike operations a sample: "
            f"{rows['snnc event, burst']['unit_spike_operations']:,.0f}.",
            "",
        ]
    return "\n".join(parts)


def plot(found: dict[str, Any], path: Path) -> None:
    """Time of every party, in PyTorch forwards, by network."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 5))
    names = list(found)
    width = 0.8 / len(PARTIES)
    for n, party in enumerate(PARTIES):
        at = [i for i, name in enumerate(names) if party in found[name]["parties"]]
        ratios = [found[names[i]]["parties"][party]["ratio"] for i in at]
        axes.bar([i + n * width for i in at], ratios, width, label=party)
    axes.set_xticks([i + 0.4 for i in range(len(names))], names)
    axes.set_yscale("log")
    axes.axhline(1, color="black", linewidth=0.5)
    axes.set_ylabel("time of a sample, in PyTorch float forwards")
    axes.legend(fontsize=7, ncols=2)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run some networks and merge what they gave into what is known."""
    from nets import NETS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist_t10k.npz")
    parser.add_argument("--only", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--peers", type=Path, help="interpreter of an environment with the peers")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    a = parser.parse_args()
    peers = a.peers or make_peers(HERE / ".peers")
    a.out.mkdir(parents=True, exist_ok=True)
    results = a.out / "networks.json"
    found = json.loads(results.read_text()) if results.exists() else {}
    for name in a.only:
        found[name] = {"machine": machine(), "parties": run_network(name, a.data, peers)}
        results.write_text(json.dumps(found, indent=1))
        (a.out / "networks.md").write_text(page(found))
        plot(found, a.out / "networks.png")
        print(table(found[name]["parties"]))


if __name__ == "__main__":
    main()
