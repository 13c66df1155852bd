"""The MNIST net of examples/ in every party, one thread, one run.

    python benchmarks/mnist.py --data FOLDER [--peers PYTHON] [--out benchmarks/results]

FOLDER holds mnist_t10k.npz. The peers (SpikingJelly 2.0, sinabs 3.1) live in an environment of
their own: `--peers` names its interpreter, otherwise one is made in benchmarks/.peers. Each party
runs the same weights on the same 1,000 images at batch 1, 10 and 100; its best batch counts.
Compile time and a warm-up batch stay outside of the clock. Writes mnist.json and mnist.md.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS_REQUIRED = "numpy scipy matplotlib tqdm einops pandas h5py loguru requests torchinfo"
PEERS_REQUIRED += " tensorboard pbr onnx samna nir<=1.0.4 nirtorch networkx"
BATCHES = (1, 10, 100)
PARTIES: dict[str, list[str]] = {
    "PyTorch float": ["run_torch.py"],
    "snnc dense": ["run_snnc.py", "--engine", "dense"],
    "snnc event, burst": ["run_snnc.py", "--engine", "event"],
    "snnc event, burst, with trace": ["run_snnc.py", "--engine", "event", "--trace"],
    "snnc event, graded": ["run_snnc.py", "--engine", "event", "--code", "graded"],
    "SpikingJelly 2.0, T = 4": ["run_spikingjelly.py"],
    "sinabs 3.1, T = 4": ["run_sinabs.py"],
}


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
    subprocess.run([*pip, "--no-deps", "spikingjelly==2.0.0", "sinabs==3.1.3"], check=True)
    subprocess.run([*pip, *PEERS_REQUIRED.split()], check=True)
    return python


def state_dict(model: Path, out: Path) -> None:
    """The trained weights out of the file that snnc.save_model wrote."""
    import torch

    with zipfile.ZipFile(model) as archive:
        program = torch.export.load(io.BytesIO(archive.read("program.pt2")))
    torch.save(dict(program.state_dict), out)


def run_party(python: Path, command: list[str], batch: int) -> dict[str, Any]:
    """The JSON object that a party prints last."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    script = HERE / "peers" / command[0]
    done = subprocess.run(
        [python, "-W", "ignore", script, *command[1:], "--batch", str(batch)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{script.name} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def table(results: dict[str, dict[str, Any]], reference: str = "PyTorch float") -> str:
    """Markdown: one row a party, ratios to the reference."""
    rows = [
        "| party | ms a sample | × PyTorch | best batch | accuracy | predictions as PyTorch |",
        "|---|---|---|---|---|---|",
    ]
    base = results[reference]
    for name, r in results.items():
        same = sum(a == b for a, b in zip(r["predictions"], base["predictions"], strict=True))
        n = len(base["predictions"])
        rows.append(
            f"| {name} | {1000 * r['seconds'] / n:.3f} | {r['seconds'] / base['seconds']:.2f} "
            f"| {r['batch']} | {r['accuracy']:.2%} | {same} of {n} |"
        )
    return "\n".join(rows)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {"cpu": cpu, "threads": 1, "python": platform.python_version(), "os": platform.system()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist_t10k.npz")
    parser.add_argument("--model", type=Path, default=ROOT / "examples" / "mnist" / "model.pt")
    parser.add_argument("--peers", type=Path, help="interpreter of an environment with the peers")
    parser.add_argument("--limit", type=int, default=1000, help="images")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    a = parser.parse_args()
    peers = a.peers or make_peers(HERE / ".peers")
    images = ["--data", str(a.data / "mnist_t10k.npz"), "--limit", str(a.limit)]
    results: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights, converted = Path(folder) / "weights.pt", Path(folder) / "mnist.snnc"
        state_dict(a.model, weights)
        convert = [sys.executable, "-m", "snnc", "convert", str(a.model), "-o", str(converted)]
        subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)
        for name, command in PARTIES.items():
            ours = command[0] == "run_snnc.py"
            python = Path(sys.executable) if ours else peers
            model = ["--model", str(converted)] if ours else ["--weights", str(weights)]
            # a trace is made sample by sample: the batch does not matter to it
            batches = BATCHES[-1:] if "--trace" in command else BATCHES
            tried = [run_party(python, [*command, *model, *images], b) for b in batches]
            results[name] = min(tried, key=lambda r: r["seconds"])
            print(
                f"{name}: {1000 * results[name]['seconds'] / a.limit:.3f} ms a sample", flush=True
            )
    a.out.mkdir(parents=True, exist_ok=True)
    text = table(results)
    counts = results["snnc event, burst"]["mean_count"]
    layers = "\n".join(f"| {name} | {value:.3f} |" for name, value in counts.items())
    info = ", ".join(f"{k}: {v}" for k, v in machine().items())
    (a.out / "mnist.md").write_text(
        f"# The MNIST net, {a.limit} images\n\n{info}\n\n{text}\n\n"
        f"Mean count of a neuron (of 0 … 4):\n\n| layer | mean count |\n|---|---|\n{layers}\n"
    )
    (a.out / "mnist.json").write_text(json.dumps({"machine": machine(), "results": results}))
    print(text)


if __name__ == "__main__":
    main()
