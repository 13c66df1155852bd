"""Whole networks in every party, one thread, one run.

    python benchmarks/networks.py --data FOLDER [--only mnist vgg …] [--parties WORD…]
        [--peers PYTHON] [--seconds 2] [--samples N] [--out FOLDER]

FOLDER holds mnist_t10k.npz. The peers live in an environment of their own: `--peers` names its
interpreter, otherwise one is made in benchmarks/.peers. Each party (parties.py) runs the same
weights on the same samples, one at a time and in batches, and stops after `--seconds` each; what it
has run by then counts. Compile time and a warm-up batch stay outside of the clock. A party that
fails gives its reason instead of figures. Results go into networks.json as soon as they are there
(what does not run this time keeps its own), and networks.md and networks.png are made of all of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine import load, machine, warn_if_busy
from parties import DENSE, PARTIES, PYTORCH, REFERENCES, Party
from peers_environment import HERE, SCRIPTS, make_peers, run_script

sys.path.insert(0, str(SCRIPTS))
from nets import NETS, samples

STARTING, COMPILING = 150.0, 600.0
"""Seconds that a party may take beyond its clock, to load; and one of ours, whose kernels are
compiled where nobody ran them before."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and how long a network runs.

    Attributes:
        net: its name.
        folder: what `make_net.py` wrote, and model.snnc.
        peers: interpreter of the peers.
        seconds: of every party and batch size.
    """

    net: str
    folder: Path
    peers: Path
    seconds: float


def prepare(place: Place, data: Path, n_samples: int | None) -> None:
    """Write a network's weights, samples and its converted form.

    Raises:
        SystemExit: something of it failed.
    """
    here, folder, limit = Path(sys.executable), place.folder, []
    if n_samples is not None:
        limit = ["--samples", str(n_samples)]
    _, reason = run_script(here, "make_net.py", place.net, str(folder), "--data", str(data), *limit)
    if reason:
        raise SystemExit(f"{place.net} could not be made: {reason}")
    source = next(folder.glob("source.*"))
    convert = [here, "-m", "snnc", "convert", source, "-o", folder / "model.snnc", "--json"]
    convert += NETS[place.net].convert
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)


def run_party(party: Party, place: Place) -> tuple[list[dict[str, Any]], str]:
    """A party's results, one for each batch size, and why some are missing."""
    refusal = party.refusal(place.net)
    if refusal is not None:
        return [], f"cannot express it: {refusal}"
    script, *options = party.script(place.net)
    batches = [1, NETS[place.net].batch] if party.batched else [1]
    return run_script(
        Path(sys.executable) if party.ours else place.peers,
        script,
        *(place.net, str(place.folder), *options, "--seconds", f"{place.seconds:g}"),
        *("--batches", *map(str, dict.fromkeys(batches))),
        limit=(COMPILING if party.ours else STARTING) + 4 * place.seconds * len(batches),
    )


def row(party: Party, found: list[dict[str, Any]], reason: str, known: Known) -> dict[str, Any]:
    """A party's figures, its outputs replaced by how they compare with the references'."""
    given: dict[str, Any] = {"load": load(), "reason": reason, "note": party.note}
    if not found:
        return given
    outputs = {len(f["outputs"]): np.array(f.pop("outputs")) for f in found}[
        max(f["n_samples"] for f in found)
    ]
    one = found[0]
    many = found[1] if len(found) > 1 else None
    extra = {k: v for k, v in found[-1].items() if k not in ("batch", "ms", "n_samples")}
    return (
        given
        | extra
        | {
            "ms": one["ms"],
            "n_samples": len(outputs),
            "batch": many and many["batch"],
            "ms_batched": many and many["ms"],
        }
        | known.compared(party, outputs, one["ms"], many and many["ms"])
    )


@dataclass
class Known:
    """What parties of a network are compared with.

    Attributes:
        y: labels, where there are any.
        outputs: of the references, by name.
        ms: of PyTorch: one at a time, batched.
    """

    y: np.ndarray | None
    outputs: dict[str, np.ndarray]
    ms: tuple[float, float] | None = None

    def compared(
        self, party: Party, outputs: np.ndarray, ms: float, batched: float | None
    ) -> dict[str, Any]:
        """Accuracy, agreement with both references, times as PyTorch's."""
        n = len(outputs)
        if party.name in REFERENCES:
            self.outputs[party.name] = outputs
        if party.name == PYTORCH:
            self.ms = (ms, ms if batched is None else batched)
        base, dense = self.outputs.get(PYTORCH), self.outputs.get(DENSE)
        given: dict[str, Any] = {}
        if self.y is not None:
            given["accuracy"] = float((outputs.argmax(1) == self.y[:n]).mean())
        if self.ms is not None:
            given["ratio"] = ms / self.ms[0]
            given["ratio_batched"] = None if batched is None else batched / self.ms[1]
        if base is not None and n <= len(base):
            base = base[:n]
            classes = outputs.argmax(1) == base.argmax(1)
            given["same"] = float(classes.mean()) if base.shape[1] > 1 else None
            given["largest_difference"] = float(np.abs(outputs - base).max() / np.abs(base).max())
        if dense is not None and n <= len(dense):
            given["equal_to_dense"] = float((outputs == dense[:n]).all(1).mean())
            if party.exact and given["equal_to_dense"] < 1:
                given["reason"] = "DIFFERS from snnc's dense engine, which it must not"
        return given


def run_network(name: str, a: argparse.Namespace, peers: Path, keep: Results) -> None:
    """All parties; each result is kept at once."""
    known = Known(samples(name, a.data, a.samples)[1], {})
    with tempfile.TemporaryDirectory() as folder:
        place = Place(net=name, folder=Path(folder), peers=peers, seconds=a.seconds)
        prepare(place, a.data, a.samples)
        for party in PARTIES:
            wanted = not a.parties or any(w.lower() in party.name.lower() for w in a.parties)
            if not wanted and party.name not in REFERENCES:
                continue
            known_row = row(party, *run_party(party, place), known)
            keep.add(name, party.name, known_row)
            print(f"{name}, {party.name}: {said(known_row)}", flush=True)


def said(row: dict[str, Any]) -> str:
    """A result in a line."""
    if "ms" not in row:
        return row["reason"]
    many = "" if row["ms_batched"] is None else f", {row['ms_batched']:.3f} in batches"
    return f"{row['ms']:.3f} ms a sample{many} {row['reason']}"


class Results:
    """networks.json and what is made of it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / "networks.json"
        self.found = json.loads(self.file.read_text()) if self.file.exists() else {}

    def add(self, net: str, party: str, row: dict[str, Any]) -> None:
        """Keep a party's result."""
        here = self.found.setdefault(net, {"parties": {}})
        here["machine"] = machine()
        here["parties"][party] = row
        text = json.dumps(self.found, indent=1) + "\n"
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.replace(self.file)

    def write(self) -> None:
        """The page and the picture."""
        from network_page import page, plot

        (self.folder / "networks.md").write_text(page(self.found))
        plot(self.found, self.folder / "networks.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run some networks and merge what they gave into what is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist_t10k.npz")
    parser.add_argument("--only", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument(
        "--parties", nargs="+", metavar="WORD", help="whose names hold one of these"
    )
    parser.add_argument("--peers", type=Path, help="interpreter of an environment with the peers")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each party and batch size")
    parser.add_argument("--samples", type=int, help="of each network, for a short try")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    a = parser.parse_args(arguments)
    peers = a.peers or make_peers(HERE / ".peers")
    results = Results(a.out)
    warn_if_busy()
    try:
        for name in a.only:
            run_network(name, a, peers, results)
    finally:
        if results.found:
            results.write()
    differ = [
        f"{net}, {party}"
        for net in a.only
        for party, r in results.found[net]["parties"].items()
        if r["reason"].startswith("DIFFERS")
    ]
    for each in differ:
        print(f"{each}: outputs differ from snnc's dense engine", file=sys.stderr)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
