"""Speed against mean count: the event engine beside PyTorch's forward and the spiking peers.

The trained MNIST network (and a VGG for the event engine alone), its biases shifted so that every
layer has the same mean count; the images stay what they are. All parties run the same weights on
the same samples, one thread, one sample at a time and in batches. The peers do not follow events:
they are measured at a few points, and their fastest counts at all of them.
"""

from __future__ import annotations

import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .common import Part, Setting, exponent, table

POINTS = (1.0, 0.3, 0.1, 0.03, 0.01)
OWN = "own"
"""The trained network as it is."""
BATCH = 100
N_SAMPLES = 200
TORCH, BURST, GRADED = "PyTorch float", "snnc event, burst", "snnc event, graded"
OURS = {
    TORCH: ("run_torch.py",),
    BURST: ("run_snnc.py", "--engine", "event", "--code", "burst"),
    GRADED: ("run_snnc.py", "--engine", "event", "--code", "graded"),
    "snnc dense": ("run_snnc.py", "--engine", "dense"),
}
PEERS = {
    "SpikingJelly 2.0, I-LIF slots": ("run_spikingjelly_ilif.py",),
    "SpikingJelly 2.0, IF, T = 4": ("run_spikingjelly.py",),
    "sinabs 3.1, IAF, T = 4": ("run_sinabs.py",),
}
PEERS_AT = (OWN, "0.1")


def make(net_name: str, point: str, folder: Path, data: Path) -> dict[str, Any]:
    """Write what the parties share; returns what is known of the network."""
    import torch
    from common import load_net  # of peers/
    from nets import LEVELS, samples, settled

    import snnc

    from .activity import set_mean_count

    x, _ = samples(net_name, data)
    x = x[:N_SAMPLES]
    if net_name == "mnist":
        from types import SimpleNamespace

        trained = Path(folder, "trained")
        trained.mkdir()
        torch.save(_trained_weights(), trained / "weights.pt")
        net = load_net(SimpleNamespace(net=net_name, folder=trained))  # type: ignore[arg-type]
    else:
        net = settled(net_name, x)
    if point != OWN:
        set_mean_count(net, x[:50], float(point), LEVELS)
    torch.save(net.state_dict(), folder / "weights.pt")
    np.savez(folder / "samples.npz", x=x.numpy())
    snnc.save_model(net, x[:1], folder / "source.pt")
    done = snnc.convert(folder / "source.pt", output=folder / "model.snnc")
    graph = done.integer_graph
    return {"sizes": {name: n.size for name, n in graph.nodes.items()}, **_operations(folder, x)}


def _operations(folder: Path, x: Any) -> dict[str, float]:
    """Of a sample: what spikes cause, events of sums that are passed on, dense multiplications."""
    from snnc.backends.registry import get_engine
    from snnc.ir.codes import RunSettings
    from snnc.runtime.feeds import Feeder
    from snnc.runtime.model import load

    model = load(folder / "model.snnc")
    graph, some = model.integer_graph, x[:50].numpy()
    session = get_engine("dense").prepare(graph, RunSettings(code="burst"))
    counters = session.run(Feeder(model.file).feeds(some), record=()).counters
    by_spikes = [c for p, c in counters.items() if _from_spikes(graph, p)]
    by_sums = [c for p, c in counters.items() if not _from_spikes(graph, p)]
    return {
        "operations": sum(c.unit_spike_operations for c in by_spikes) / len(some),
        "macs": sum(c.dense_macs for c in by_spikes) / len(some),
        "sums_passed_on": sum(c.synaptic_events for c in by_sums) / len(some),
    }


def _from_spikes(graph: Any, projection: str) -> bool:
    return bool(graph.emits(graph.projections[projection].source) == "count")


def _trained_weights() -> dict[str, Any]:
    """Of examples/mnist/model.pt."""
    import io
    import zipfile

    import torch
    from nets import ROOT

    with zipfile.ZipFile(ROOT / "examples" / "mnist" / "model.pt") as archive:
        program = torch.export.load(io.BytesIO(archive.read("program.pt2")))
    return dict(program.state_dict)


def run_point(net_name: str, point: str, parties: dict[str, Any], setting: Setting) -> Any:
    """Every party at one mean count."""
    from peers_environment import run_script

    with tempfile.TemporaryDirectory() as name:
        known = make(net_name, point, Path(name), setting.data)
        row: dict[str, Any] = {"net": net_name, "point": point, "ms": {}}
        row |= {key: known[key] for key in ("operations", "macs", "sums_passed_on")}
        ours: dict[str, list[dict[str, Any]]] = {}
        for party, command in parties.items():
            python = Path(sys.executable) if party in OURS else setting.peers
            script, *options = command
            seconds = "0.2" if setting.quick else "0.8"
            batches = ["--batches", "1", str(BATCH), "--seconds", seconds]
            lines, reason = run_script(python, script, net_name, name, *options, *batches)
            if reason:
                raise SystemExit(f"{party} on {net_name}: {reason}")
            if script == "run_snnc.py":
                ours[party] = lines
            row["ms"][party] = {("one" if r["batch"] == 1 else "batch"): r["ms"] for r in lines}
            if party == BURST:
                row |= _counted(lines[-1], known)
            print(f"{net_name} at {point}, {party}: {row['ms'][party]}", flush=True)
        demand_equal(ours, f"{net_name} at {point}")
    return row


def demand_equal(parties: dict[str, list[dict[str, Any]]], where: str) -> None:
    """End the benchmark unless all give the same outputs, each for as many samples as it took."""
    longest: list[Any] = max((r["outputs"] for rows in parties.values() for r in rows), key=len)
    for party, rows in parties.items():
        for r in rows:
            if r["outputs"] != longest[: len(r["outputs"])]:
                raise SystemExit(f"{where}: {party}, batch {r['batch']}: other outputs")


def _counted(line: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Mean count of all neurons, and spikes of a sample."""
    sizes, counts = known["sizes"], line["mean_count"]
    spikes = sum(mean * sizes[name] for name, mean in counts.items())
    return {
        "mean_count": spikes / sum(sizes[name] for name in counts),
        "spikes": spikes,
    }


def measure(setting: Setting) -> dict[str, Any]:
    """All points of both networks."""
    peers_folder = Path(__file__).resolve().parents[1] / "peers"
    if str(peers_folder) not in sys.path:
        sys.path.insert(0, str(peers_folder))
    points = [OWN, *map(str, (1.0, 0.1) if setting.quick else POINTS)]
    rows = []
    for point in points:
        peers = PEERS if point in PEERS_AT else {}
        rows.append(run_point("mnist", point, OURS | peers, setting))
    for point in points[1:]:
        of_vgg = {name: OURS[name] for name in (TORCH, BURST)}
        rows.append(run_point("vgg", point, of_vgg, setting))
    return {"rows": rows, "summary": summary(rows)}


def fastest_peer(rows: list[dict[str, Any]], how: str) -> tuple[str, float]:
    """The peer that took least at any point."""
    found = [(row["ms"][p][how], p) for row in rows for p in PEERS if p in row["ms"]]
    ms, name = min(found)
    return name, ms


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Ratios, break-even points, and what ten times fewer events save."""
    mnist = [row for row in rows if row["net"] == "mnist"]
    found: dict[str, Any] = {}
    for how in ("one", "batch"):
        peer, ms = fastest_peer(rows, how)
        found[how] = {
            "fastest_peer": peer,
            "fastest_peer_ms": ms,
            "times_faster": {row["point"]: ms / row["ms"][BURST][how] for row in mnist},
            "than": {p: than(mnist, p, how) for p in PEERS},
            "break_even": break_even([r for r in mnist if r["point"] != OWN], how),
        }
    found["events"] = {
        net: ten_times_fewer([r for r in rows if r["net"] == net and r["point"] != OWN])
        for net in ("mnist", "vgg")
    }
    return found


def than(rows: list[dict[str, Any]], peer: str, how: str) -> dict[str, float]:
    """How many times faster than one peer's best the event engine is, by point."""
    ms = min(row["ms"][peer][how] for row in rows if peer in row["ms"])
    return {row["point"]: ms / row["ms"][BURST][how] for row in rows}


def break_even(rows: list[dict[str, Any]], how: str) -> str:
    """Mean count (as set) below which the event engine is faster than PyTorch's forward."""
    ordered = sorted(rows, key=lambda row: float(row["point"]))
    above = [math.log(row["ms"][BURST][how] / row["ms"][TORCH][how]) for row in ordered]
    x = [math.log(float(row["point"])) for row in ordered]
    if above[0] > 0:
        return "at none of these"
    for n in range(1, len(x)):
        if above[n] > 0:
            share = -above[n - 1] / (above[n] - above[n - 1])
            return f"below {math.exp(x[n - 1] + share * (x[n] - x[n - 1])):.2g}"
    return "at all of these"


def ten_times_fewer(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """Pairs of points with a tenth of the mean count: how many times less of everything."""
    by_point = {float(row["point"]): row for row in rows}
    pairs = []
    for point, row in by_point.items():
        other = by_point.get(round(point / 10, 6))
        if other is not None:
            pairs.append(
                {
                    "from": point,
                    "spikes": row["spikes"] / other["spikes"],
                    "operations": row["operations"] / other["operations"],
                    "one": row["ms"][BURST]["one"] / other["ms"][BURST]["one"],
                    "batch": row["ms"][BURST]["batch"] / other["ms"][BURST]["batch"],
                }
            )
    return pairs


def page(found: dict[str, Any]) -> str:
    """Tables of both networks, and what follows from them."""
    rows, known = found["rows"], found["summary"]
    parts = [
        "Milliseconds of a sample, one at a time / in batches of 100; burst, D = 4. *Operations* "
        "are unit-spike synaptic operations for each multiplication of the dense network; beside "
        "them the sums of residual streams are passed on, as many in every row "
        f"({rows[0]['sums_passed_on']:,.0f} events a sample in the MNIST net).",
        _speed_table([row for row in rows if row["net"] == "mnist"]),
    ]
    for how, words in (("one", "One sample at a time"), ("batch", "In batches")):
        k = known[how]
        ratios = "; ".join(
            f"than {peer} " + ", ".join(f"{r:.1f} × at {at}" for at, r in by_point.items())
            for peer, by_point in k["than"].items()
        )
        parts.append(
            f"{words}: the fastest peer is {k['fastest_peer']} with {k['fastest_peer_ms']:.2f} ms; "
            f"the event engine is faster {ratios}. It beats PyTorch's float forward at mean "
            f"counts {k['break_even']}."
        )
    parts += ["Ten times fewer events, event engine in burst:", _fewer_table(known["events"])]
    parts += ["The VGG (random weights):", _speed_table([r for r in rows if r["net"] == "vgg"])]
    return "\n\n".join(parts)


def _speed_table(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row["ms"]))
    head = ["mean count set", "mean count of all neurons", "operations", *names]
    cells = []
    for row in rows:
        ms = [
            f"{row['ms'][n]['one']:.3f} / {row['ms'][n]['batch']:.3f}" if n in row["ms"] else ""
            for n in names
        ]
        share = row["operations"] / row["macs"]
        cells.append([row["point"], f"{row['mean_count']:.3f}", f"{share:.3f}", *ms])
    return table(head, cells)


def _fewer_table(events: dict[str, Any]) -> str:
    head = ["network", "mean count", "spikes", "operations", "time, one at a time", "time, batches"]
    rows = [
        [
            net,
            f"{p['from']:g} → {p['from'] / 10:g}",
            *(f"{p[key]:.1f} × less" for key in ("spikes", "operations", "one", "batch")),
        ]
        for net, pairs in events.items()
        for p in pairs
    ]
    return table(head, rows)


def plot(figure: Any, found: dict[str, Any]) -> None:
    """Time in PyTorch forwards against mean count; time against operations."""
    rows = [row for row in found["rows"] if row["net"] == "mnist" and row["point"] != OWN]
    axes = figure.subplots(1, 3)
    x = [float(row["point"]) for row in rows]
    for how, title, a in (
        ("one", "MNIST net, one at a time", axes[0]),
        ("batch", "MNIST net, batches of 100", axes[1]),
    ):
        for party in OURS:
            y = [row["ms"][party][how] / row["ms"][TORCH][how] for row in rows]
            a.loglog(x, y, marker="o", markersize=3, label=party)
        base = float(np.median([row["ms"][TORCH][how] for row in rows]))
        name, ms = fastest_peer(found["rows"], how)
        a.axhline(ms / base, color="black", linestyle="--", label=f"fastest peer: {name}")
        a.set_title(title, fontsize=10)
        a.set_xlabel("mean count of a neuron")
        a.set_ylabel("time, in PyTorch forwards")
        a.grid(alpha=0.3)
        a.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    for net in ("mnist", "vgg"):
        some = [r for r in found["rows"] if r["net"] == net and r["point"] != OWN]
        ops, ms = [r["operations"] for r in some], [r["ms"][BURST]["batch"] for r in some]
        label = f"{net}: exponent {exponent(ops, ms):.2f}"
        axes[2].loglog(ops, ms, marker="o", markersize=3, label=label)
    axes[2].set_title("Event engine: time against events", fontsize=10)
    axes[2].set_xlabel("unit-spike synaptic operations of a sample")
    axes[2].set_ylabel("milliseconds, in batches")
    axes[2].grid(alpha=0.3)
    axes[2].legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.14))


PART = Part(title="Speed against mean count and events", measure=measure, page=page, plot=plot)
