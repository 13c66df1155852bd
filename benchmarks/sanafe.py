"""snnc's spikes and synaptic events against SANA-FE's, an independent chip simulator.

    python benchmarks/sanafe.py [--python PYTHON] [--out benchmarks/results]

SANA-FE 2.2.9 (GPL, Boyle et al., IEEE TCAD 44(8):3165-3178, 2025) runs in an environment of its
own: `--python` names its interpreter, otherwise one is made in benchmarks/.sanafe. snnc neither
imports nor contains it. Its neurons integrate and fire in the same step, so that it can say
networks of binary neurons (D = 1), with or without state across frames, and accumulators; the two
phases of a count above 1 it cannot. One frame is one step (schedule `pipelined`).

Every spike has to come from the same neuron at the same step, and the synaptic events have to be
as many. Exits with 1 where anything differs. Writes sanafe.json and sanafe.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from networks import machine

import snnc
from snnc.backends.event import EventEngine
from snnc.ir.arrays import Array, IntArray, along
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire, NeuronModel
from snnc.ir.nodes import Input, Output, Population
from snnc.ir.schedule import make_schedule

HERE = Path(__file__).resolve().parent
VERSION = "2.2.9"
SETTINGS = RunSettings("burst", "pipelined")
FINEST = 6
"""Fraction bits of SANA-FE's potential: what it leaks it cuts to 1/64."""
SILENCE = -(2.0**20)
"""Sent after a sample's last frame: no neuron fires any more."""
NEVER = 2.0**40
FAR = 2**40


@dataclass(frozen=True)
class Case:
    """A network, its frames (N, T, *shape) and what SANA-FE calls its neurons."""

    name: str
    graph: Graph
    x: IntArray


def random_net(soma: str, seed: int, n_frames: int = 40) -> Case:
    """Dense layers of 40, 60, 50 and 10 neurons, random weights, thresholds and biases."""
    rng = np.random.default_rng(seed)
    sizes = (40, 60, 50, 10)
    nodes: list[Any] = [Input(name="x", shape=(sizes[0],), lo=0, hi=1)]
    edges = []
    for i, n in enumerate(sizes[1:]):
        bias = rng.integers(-3, 4, n)
        nodes.append(Population(name=f"p{i}", shape=(n,), model=neurons(soma, n, rng), bias=bias))
        weight = rng.integers(-60, 90, (n, sizes[i]))
        source = nodes[-2].name
        into = Dense(weight=weight)
        edges.append(Projection(name=f"w{i}", source=source, target=f"p{i}", map=into))
    if soma == "LIF":
        weight = rng.integers(-40, 41, (sizes[1], sizes[1]))
        edges.append(
            Projection(name="back", source="p0", target="p0", map=Dense(weight=weight), frames=1)
        )
    nodes.append(Output(name="out", shape=(sizes[-1],)))
    last = nodes[-2]
    edges.append(
        Projection(name="read", source=last.name, target="out", map=Identity(shape=last.shape))
    )
    x = (rng.random((5, n_frames, sizes[0])) < 0.3).astype(np.int64)
    return Case(f"random {soma}" + (", recurrent" * (soma == "LIF")), Graph(nodes, edges), x)


def neurons(soma: str, n: int, rng: np.random.Generator) -> NeuronModel:
    """Integrate and fire with a soft reset, or leaky with a hard one, a threshold each."""
    if soma == "IF":
        return FixedIntegrateFire.binary(rng.integers(300, 500, n))
    level = rng.integers(200, 400, n) << FINEST
    return FixedIntegrateFire(
        thresholds=level[:, None],
        reset_step=level,
        reset="zero",
        leak_multiplier=rng.integers(3300, 4096, n),
        leak_shift=12,
        fraction_bits=FINEST,
    )


def digits(n_images: int = 100) -> Case:
    """A small network of binary activations trained on digits and converted; images are frames."""
    import torch
    from sklearn.datasets import load_digits
    from torch import nn

    from snnc.nn import IntegerActivation

    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x = torch.from_numpy((images > 7).astype(np.float32)).reshape(-1, 1, 8, 8)
    y = torch.from_numpy(labels)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), IntegerActivation(1),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16),
        IntegerActivation(1), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(10):
        for batch in torch.randperm(len(x) - n_images).split(64):
            loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    held_out = x[-n_images:]
    done = snnc.convert(net, held_out[:1], input_range=(0, 1), input_bits=1)
    found = snnc.run(done.model, held_out.numpy()).predictions
    print(f"digits: {(found == labels[-n_images:]).mean():.0%} of {n_images} held-out images")
    return Case("digits, converted", done.integer_graph, held_out.numpy().astype(np.int64)[None])


class Description:
    """A graph in SANA-FE's words.

    Two things that its neurons lack become sources of their own, whose synaptic events are counted
    apart (`n_extra`): a bias that comes once a frame, and silence after the last frame.
    """

    def __init__(self, case: Case, x: IntArray) -> None:
        self.graph, self.x = case.graph, x
        timing = make_schedule(case.graph, SETTINGS)
        if timing.window != 1 or any(timing.delay.values()):
            raise SystemExit(f"{case.name}: more than one step a frame, or a delay")
        self.start, self.n_frames = timing.start, len(x)
        self.groups: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []
        self.n_extra = 0
        for node in case.graph.nodes.values():
            if isinstance(node, Input):
                self._source(node.name, x.reshape(len(x), -1).T == 1)
            elif isinstance(node, Population):
                self._population(node)
        for p in case.graph.projections.values():
            if isinstance(case.graph.nodes[p.target], Population):
                self._edge(p)

    def to_json(self) -> dict[str, Any]:
        """A run for peers/run_sanafe.py."""
        steps = max(self.start.values()) + self.n_frames + 2
        return {"steps": steps, "groups": self.groups, "edges": self.edges}

    def _source(self, name: str, spikes: Array) -> None:
        group = {"name": name, "size": len(spikes), "soma": "input", "attributes": {}}
        self.groups.append({**group, "spikes": spikes.tolist()})

    def _population(self, node: Population) -> None:
        soma, attributes, bias = soma_of(node)
        group = {"name": node.name, "size": node.size, "soma": soma, "spikes": []}
        flat = {k: np.broadcast_to(v, node.size).tolist() for k, v in attributes.items()}
        self.groups.append({**group, "attributes": flat})
        first = self.start[node.name] - 1  # an event takes one step
        step = np.arange(first + self.n_frames + 1)
        if bias.any():
            self._helper(node, "bias", (step >= first) & (step < step[-1]), bias)
        if node.model.has_state:
            self._helper(node, "stop", step == step[-1], np.full(node.size, SILENCE))

    def _helper(self, node: Population, what: str, spikes: Array, weight: Array) -> None:
        name = f"{node.name}.{what}"
        self._source(name, spikes[None])
        ends = {"pre": [0] * node.size, "post": list(range(node.size))}
        self.edges.append({"source": name, "target": node.name, **ends, "weight": weight.tolist()})
        self.n_extra += int(spikes.sum()) * node.size

    def _edge(self, p: Projection) -> None:
        indptr, targets, weights = p.map.to_csr()
        pre = np.repeat(np.arange(p.map.in_size), np.diff(indptr))
        pre = pre if p.gather is None else p.gather[pre]
        kept = pre >= 0
        weights = weights[kept] * 2.0**p.exponent
        edge = {"pre": pre[kept].tolist(), "post": targets[kept].tolist()}
        self.edges.append(
            {"source": p.source, "target": p.target, **edge, "weight": weights.tolist()}
        )


def soma_of(node: Population) -> tuple[str, dict[str, Any], Array]:
    """SANA-FE's neuron for a population: soma, attributes, and what a frame adds."""
    model, bias = node.model, node.bias_map().reshape(-1).astype(np.float64)

    def flat(values: Array) -> Array:
        spread = along(np.asarray(values), len(node.shape), node.channel_axis)
        return np.broadcast_to(spread, node.shape).reshape(-1).astype(np.float64)

    if isinstance(model, Accumulator):  # its value stays inside
        attributes = {"threshold": NEVER, "reset_mode": "none", "leak_decay": 0.0}
        return "leaky_integrate_fire", attributes, bias
    if isinstance(model, IntegerFire) and (model.lo, model.hi) == (0, 1):
        # v > 0.5 with v = i + bias - threshold + 1: silent where nothing arrives
        levels = model.thresholds[:, 0]
        level = flat(levels if len(levels) > 1 else levels[0])
        attributes = {"threshold": 0.5, "reset_mode": "hard", "leak_decay": 0.0}
        return "leaky_integrate_fire", attributes, np.clip(bias - level + 1, -FAR, FAR)
    if isinstance(model, FixedIntegrateFire) and (model.lo, model.hi) == (0, 1):
        return *stateful(model, flat), bias
    raise SystemExit(f"{node.name}: SANA-FE has no neuron for {model.kind} with these settings")


def stateful(model: FixedIntegrateFire, flat: Any) -> tuple[str, dict[str, Any]]:
    """Soma and attributes of a binary neuron whose membrane lives across frames."""
    unit = 2.0**model.fraction_bits
    level = flat(model.thresholds[..., 0])
    held = model.v_min.max() > np.iinfo(np.int64).min
    forgets = (model.leak_multiplier < 2**model.leak_shift).any()
    if held or model.reset_before or (forgets and model.fraction_bits != FINEST):
        raise SystemExit("a lower bound, snnTorch's order or another fraction: not in SANA-FE")
    leak = flat(model.leak_multiplier) / 2.0**model.leak_shift
    if model.reset == "zero":
        # fires above its threshold: half a unit below ours
        found = {"threshold": (level - 0.5) / unit, "reset_mode": "hard", "leak_decay": leak}
        return "leaky_integrate_fire", {**found, "reset": flat(model.reset_value) / unit}
    if model.reset == "subtract" and not forgets and (level == flat(model.reset_step)).all():
        # fires from its threshold on, and takes as much
        return "truenorth", {"threshold": level / unit, "reset_mode": "soft"}
    raise SystemExit("a soft reset with a leak, or of another step than the threshold")


def expected(case: Case, x: IntArray) -> tuple[dict[str, list[list[int]]], int]:
    """Our spikes [step, neuron] by population, and our synaptic events."""
    session = EventEngine(1).prepare(case.graph, SETTINGS, n_frames=len(x))
    name = next(n.name for n in case.graph.nodes.values() if isinstance(n, Input))
    result = session.run({name: x[None]})
    start = make_schedule(case.graph, SETTINGS).start
    spikes = {}
    for node in case.graph.nodes.values():
        if isinstance(node, Population) and node.model.emits == "count":
            counts = result.counts[node.name][0].reshape(len(x), -1)
            at, neuron = np.nonzero(counts)
            spikes[node.name] = np.stack([at + start[node.name], neuron], axis=1).tolist()
    into = {p.name for p in case.graph.projections.values()}
    into -= {p.name for n in case.graph.outputs for p in case.graph.incoming(n.name)}
    events = sum(c.synaptic_events for name, c in result.counters.items() if name in into)
    return spikes, events


def delivered_late(case: Case, spikes: dict[str, list[list[int]]], n_frames: int) -> int:
    """Synaptic events of a sample's last frames that a recurrent projection brings after its end.

    SANA-FE, which knows of no samples, delivers and counts them.
    """
    start = make_schedule(case.graph, SETTINGS).start
    total = 0
    for p in case.graph.projections.values():
        if p.frames:
            fan_out = np.diff(p.map.to_csr()[0])
            last = start[p.source] + n_frames - p.frames
            total += sum(int(fan_out[n]) for step, n in spikes[p.source] if step >= last)
    return total


def compare(case: Case, python: Path) -> dict[str, Any]:
    """Both simulators on every sample of a case."""
    described = [Description(case, x) for x in case.x]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        given, got = Path(folder) / "in.json", Path(folder) / "out.json"
        given.write_text(json.dumps({"runs": [d.to_json() for d in described]}))
        script = HERE / "peers" / "run_sanafe.py"
        subprocess.run([python, script, given, got], check=True, stdout=subprocess.DEVNULL)
        theirs = json.loads(got.read_text())
    ours = [expected(case, x) for x in case.x]
    spikes = sum(len(s) for by_name, _ in ours for s in by_name.values())
    late = sum(delivered_late(case, by_name, case.x.shape[1]) for by_name, _ in ours)
    extra = sum(d.n_extra for d in described)
    their_events = sum(t["synaptic_events"] for t in theirs) - extra - late
    wrong = [
        f"{name}, sample {i}"
        for i, ((by_name, _), found) in enumerate(zip(ours, theirs, strict=True))
        for name, list_ in by_name.items()
        if list_ != found["fired"][name]
    ]
    named = {name for by_name, _ in ours for name in by_name}
    return {
        "network": case.name,
        "somas": sorted({g["soma"] for g in described[0].groups} - {"input"}),
        "n_neurons": sum(p.size for p in case.graph.populations),
        "n_synapses": sum(len(e["pre"]) for e in described[0].edges if "." not in e["source"]),
        "n_samples": len(case.x),
        "n_frames": case.x.shape[1],
        "spikes": spikes,
        "spikes_sanafe": sum(len(t["fired"][name]) for t in theirs for name in named),
        "synaptic_events": sum(events for _, events in ours),
        "synaptic_events_sanafe": their_events,
        "events_after_the_end": late,
        "different": wrong,
        "seconds": round(time.perf_counter() - start, 1),
    }


def equal(row: dict[str, Any]) -> bool:
    """Every spike at its step, and as many synaptic events."""
    same_spikes = row["spikes"] == row["spikes_sanafe"] and not row["different"]
    return bool(same_spikes and row["synaptic_events"] == row["synaptic_events_sanafe"])


def make_environment(folder: Path) -> Path:
    """The interpreter of SANA-FE's environment; made where it is not there yet."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", f"sanafe=={VERSION}"], check=True)
    return python


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """The two files of results."""
    out.mkdir(parents=True, exist_ok=True)
    info = machine()
    (out / "sanafe.json").write_text(json.dumps({"machine": info, "results": rows}, indent=1))
    heads = "network|neurons|synapses|samples × frames|spikes|SANA-FE|synaptic events|SANA-FE|equal"
    lines = [f"| {heads.replace('|', ' | ')} |", "|" + "---|" * (heads.count("|") + 1)]
    for r in rows:
        lines.append(
            f"| {r['network']} | {r['n_neurons']:,} | {r['n_synapses']:,} | {r['n_samples']} × "
            f"{r['n_frames']} | {r['spikes']:,} | {r['spikes_sanafe']:,} | "
            f"{r['synaptic_events']:,} | {r['synaptic_events_sanafe']:,} | "
            f"{'yes' if equal(r) else 'NO'} |"
        )
    text = "\n".join(lines)
    late = sum(r["events_after_the_end"] for r in rows)
    said = ", ".join(f"{k}: {v}" for k, v in info.items())
    (out / "sanafe.md").write_text(
        f"# Spikes and synaptic events beside SANA-FE {VERSION}\n\n{said}\n\n{text}\n\n"
        "Equal means: every spike from the same neuron at the same step, and as many synaptic\n"
        "events. Left out of SANA-FE's: those of its helpers (a bias is a source of its own), and\n"
        f"{late:,} that a recurrent projection brings after a sample's last frame, where snnc has\n"
        "reset. Neurons with two phases (a count above 1 in `burst`) and decaying currents in\n"
        "fixed point (Intel's networks) have no counterpart in SANA-FE.\n\n"
        "Made by `python benchmarks/sanafe.py`.\n"
    )
    print(text)


def main() -> int:
    """Compare, write, and say whether all is equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, help="interpreter of an environment with SANA-FE")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    a = parser.parse_args()
    python = a.python or make_environment(HERE / ".sanafe")
    rows = [compare(case, python) for case in (random_net("IF", 1), random_net("LIF", 2), digits())]
    write(rows, a.out)
    for row in rows:
        if not equal(row):
            print(f"{row['network']} differs: {row['different'][:5]}", file=sys.stderr)
    return 0 if all(map(equal, rows)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
