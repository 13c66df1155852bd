"""Whole networks in every party, one thread, one run.

    python benchmarks/networks.py --data FOLDER [--only mnist vgg …] [--parties WORD…]
        [--peers PYTHON] [--seconds 2] [--samples N] [--out FOLDER]

FOLDER holds mnist_t10k.npz. The peers live in an environment of their own: `--peers` names its
interpreter, otherwise one is made in benchmarks/.peers. Each party (parties.py) runs the same
weights on the same samples, one at a time and in batches, and stops after `--seconds` each; what it
has run by then counts. Compile time and a warm-up batch stay outside of the clock. A party that
fails gives its reason instead of figures. Results go into networks.json as soon as they are there
(what does not run this time keeps its own, marked on the page), and networks.md and networks.png
are made of all of it. The script ends with 1 where outputs of this run that must be equal are not,
or could not be compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine, warn_if_busy
from parties import DENSE, PARTIES, PYTORCH, REFERENCES, Party
from peers_environment import HERE, SCRIPTS, make_peers, run_script

sys.path.insert(0, str(SCRIPTS))
from nets import NETS, samples

Row = dict[str, Any]
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
        return [], f"does not run it: {refusal}"
    script, *options = party.script(place.net)
    batches = [1, NETS[place.net].batch] if party.batched else [1]
    return run_script(
        Path(sys.executable) if party.ours else place.peers,
        script,
        *(place.net, str(place.folder), *options, "--seconds", f"{place.seconds:g}"),
        *("--batches", *map(str, dict.fromkeys(batches))),
        limit=(COMPILING if party.ours else STARTING) + 4 * place.seconds * len(batches),
    )


def row(party: Party, net: str, found: list[dict[str, Any]], reason: str, known: Known) -> Row:
    """A party's figures, its outputs replaced by how they compare with the references'."""
    given: Row = {"reason": reason, "note": party.note, "failures": []}
    if not found:
        if party.name in REFERENCES:
            given["failures"] = ["FAILED: nothing can be compared with it"]
        return given
    outputs = [
        (f.get("schedule", f"batch {f['batch']}"), np.array(f.pop("outputs"))) for f in found
    ]
    one = found[0]
    many = found[1] if len(found) > 1 else None
    extra = {k: v for k, v in found[-1].items() if k not in ("batch", "ms", "n_samples", "way")}
    ms, batched = one["ms"], many and many["ms"]
    return (
        given
        | extra
        | {
            "ms": ms,
            "n_samples": max(f["n_samples"] for f in found),
            "batch": many and many["batch"],
            "ms_batched": batched,
            "way": [f["way"] for f in found if "way" in f],
        }
        | known.times(party, ms, batched)
        | (known.compared(party, net, outputs) if party.gives_outputs else {})
    )


def must_equal(party: Party, net: str) -> list[str]:
    """The references whose outputs a party's must equal, to the last bit, in a network."""
    exact = party.exact or NETS[net].exact
    if party.name == DENSE and NETS[net].exact:
        return [DENSE, PYTORCH]  # and by DENSE all others
    if party.name in REFERENCES:
        return [party.name] if exact else []  # one at a time as in batches
    return [DENSE] if exact else []


@dataclass
class Known:
    """What parties of a network are compared with.

    Attributes:
        y: labels, where there are any.
        outputs: of the references, by name: the run of most samples.
        ms: of PyTorch: one at a time, batched.
    """

    y: np.ndarray | None
    outputs: dict[str, np.ndarray]
    ms: tuple[float, float | None] | None = None

    def times(self, party: Party, ms: float, batched: float | None) -> Row:
        """Times as PyTorch's, of this run."""
        if party.name == PYTORCH:
            self.ms = (ms, batched)
        if self.ms is None:
            return {}
        both = batched is not None and self.ms[1] is not None
        return {"ratio": ms / self.ms[0], "ratio_batched": batched / self.ms[1] if both else None}  # type: ignore[operator]

    def compared(self, party: Party, net: str, outputs: list[tuple[str, np.ndarray]]) -> Row:
        """Accuracy and agreement with both references.

        Args:
            party: whose.
            net: the network's name.
            outputs: of every run, with a word on it: of the first samples, as many as were run.
        """
        longest = max((each for _, each in outputs), key=len)
        if party.name in REFERENCES:
            self.outputs[party.name] = longest
        base, dense = self.outputs.get(PYTORCH), self.outputs.get(DENSE)
        failures = [
            failure
            for reference in must_equal(party, net)
            for how, some in outputs
            if (failure := self._difference(reference, some, how))
        ]
        given: Row = {"failures": failures}
        if self.y is not None:
            given["accuracy"] = float((longest.argmax(1) == self.y[: len(longest)]).mean())
        if base is not None:
            n = min(len(longest), len(base))
            some, base = longest[:n], base[:n]
            classes = some.argmax(1) == base.argmax(1)
            given["same"] = float(classes.mean()) if base.shape[1] > 1 else None
            given["largest_difference"] = float(np.abs(some - base).max() / np.abs(base).max())
        if dense is not None:
            equal = [equal_rows(each, dense) for _, each in outputs]
            given["equal_to_dense"] = min(float(each.mean()) for each in equal)
            given["compared"] = max(map(len, equal))
        return given

    def _difference(self, reference: str, outputs: np.ndarray, how: str) -> str:
        if reference not in self.outputs:
            return f"NOT COMPARED: {reference} gave no outputs"
        if equal_rows(outputs, self.outputs[reference]).all():
            return ""
        return f"DIFFERS from {reference} ({how}), which it must not"


def equal_rows(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Which of the samples that both have, at least one, are equal in every output."""
    n = min(len(one), len(other))
    if n == 0 or one.shape[1:] != other.shape[1:] or one.shape[1] == 0:
        return np.zeros(max(n, 1), bool)
    equal: np.ndarray = (one[:n] == other[:n]).all(1)
    return equal


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
            known_row = row(party, name, *run_party(party, place), known)
            keep.add(name, party.name, known_row)
            print(f"{name}, {party.name}: {said(known_row)}", flush=True)


def said(row: Row) -> str:
    """A result in a line."""
    why = "; ".join(t for t in (*row["failures"], row["reason"]) if t)
    if "ms" not in row:
        return why
    many = "" if row["ms_batched"] is None else f", {row['ms_batched']:.3f} in batches"
    return f"{row['ms']:.3f} ms a sample{many} {why}"


def with_runs(found: dict[str, Any]) -> dict[str, Any]:
    """Results as they are now, of those whose networks, not rows, have a machine, in place."""
    for known in found.values():
        on = known.pop("machine", None)
        for row in known["parties"].values() if on else ():
            wrong = row["reason"].startswith("DIFFERS")
            failures = [row.pop("reason")] if wrong else []
            load = row.pop("load")
            row |= {"reason": row.get("reason", ""), "failures": failures, "run": ""}
            row["machine"] = on | {"load": load}
    return found


class Results:
    """networks.json and what is made of it.

    Attributes:
        run: when this run began, in UTC: the name that its rows carry.
        failures: what went wrong in this run, a line each.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / "networks.json"
        self.found = with_runs(json.loads(self.file.read_text())) if self.file.exists() else {}
        self.run = datetime.now(UTC).isoformat(" ", "milliseconds")
        self.failures: list[str] = []

    def add(self, net: str, party: str, row: Row) -> None:
        """Keep a party's result, with the machine as it is now."""
        self.failures += [f"{net}, {party}: {failure}" for failure in row["failures"]]
        here = self.found.setdefault(net, {"parties": {}})
        here["parties"][party] = row | {"run": self.run, "machine": machine()}
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
    for each in results.failures:
        print(each, file=sys.stderr)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
