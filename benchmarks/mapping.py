"""Cores, chips and hops: against Intel's printed tables, and of networks that fill many chips.

    python benchmarks/mapping.py [--only intel espikeformer spikeyolo] [--work FOLDER]

`intel`: each layer that Intel's compiler printed (tests/backends/mapping/intel.py), its synapse
words and cores against ours. The other two are made with random weights and calibrated norms,
converted as `snnc convert --target loihi2` and mapped onto Loihi 2, each mapping a process of its
own: with one event a neuron, with activity measured on an image (dense engine), and with the
operands of products in memory. `--work` keeps the models. Writes mapping.json and mapping.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from convert import machine, measured

HERE = Path(__file__).parent
ROOT = HERE.parent
SNNC = [sys.executable, "-m", "snnc"]
NETWORKS = {
    "espikeformer": "E-SpikeFormer 10 M, 224x224",
    "spikeyolo": "SpikeYOLO 34 M, 640x640",
}
RUNS: dict[str, tuple[str, ...]] = {
    "one event a neuron": (),
    "measured": ("--data", "image.npz", "--engine", "dense"),
    "measured, operands in memory": (
        "--data", "image.npz", "--engine", "dense", "--operands", "memory",
    ),
}  # fmt: skip
"""Options of `snnc map` by what they are."""
COLUMNS = {
    "network": "network",
    "activity": "run",
    "cores": "n_cores",
    "of products": "product_cores",
    "chips": "n_chips",
    "messages": "messages",
    "hops": "hops",
    "unplaced": "hops_naive",
    "a message": "mean_hops",
    "busiest link": "busiest_link",
    "s": "map_seconds",
    "CPU s": "map_cpu_seconds",
    "peak GB": "map_gb",
}


def intel() -> list[dict[str, Any]]:
    """Each printed layer: words of Intel's tile by our formulas, and our cores."""
    sys.path.insert(0, str(ROOT))
    from snnc.backends.chips import load_chip
    from snnc.backends.mapping import map_graph
    from snnc.backends.mapping.demand import Demand
    from tests.backends.mapping.intel import NETS, graph_of

    chip, rows = load_chip("loihi2"), []
    for net in NETS:
        graph = graph_of(net)
        mapping = map_graph(graph, chip)
        for i, layer in enumerate(net.layers):
            demand = Demand(graph, graph.nodes[f"layer{i}"], chip)  # type: ignore[arg-type]
            piece = demand.piece(tuple((0, n) for n in layer.tile))
            rows.append(
                {
                    "network": net.name,
                    "layer": i,
                    "kind": "dense" if layer.kernel is None else "conv",
                    "words_intel": layer.words,
                    "words": piece.use["synapse_words"],
                    "cores_intel": layer.cores,
                    "cores": len(mapping.pieces_of(f"layer{i}")),
                }
            )
        total = {"network": net.name, "layer": "all", "kind": "", "words_intel": None}
        rows.append({**total, "words": None, "cores_intel": net.n_cores, "cores": mapping.n_cores})
    return rows


def make(name: str, folder: Path) -> None:
    """Save a source and an image; a process of its own, for PyTorch's memory."""
    sys.path.insert(0, str(ROOT))
    import numpy as np
    import torch

    import snnc

    torch.manual_seed(0)
    if name == "espikeformer":
        from tests.systems.espikeformer import base, calibrate

        model, x = base("m"), torch.randn(3, 3, 224, 224)
        calibrate(model, x[:2], lower=1.2)
    else:
        from tests.systems.calibrate import measure, randomise
        from tests.systems.spikeyolo import SpikeYolo

        model, x = SpikeYolo((64, 128, 256, 512), (1, 2, 3, 1), 80).eval(), None
        randomise(model)
        measure(model, torch.randn(2, 3, 320, 320))
        model.eval()
        x = torch.randn(1, 3, 640, 640)
    snnc.save_model(model, x[:1], folder / "source.pt")
    np.savez(folder / "image.npz", x=x[-1:].numpy())
    print(json.dumps({"n_parameters": sum(p.numel() for p in model.parameters())}))


def mapped(name: str, folder: Path, *, quick: bool) -> dict[str, Any]:
    """A network's mappings, why it does not fit, and what a conversion for the chip changes."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "image.npz").exists():
        measured([sys.executable, __file__, "--make", name, "--work", str(folder)])
    found: dict[str, Any] = {"title": NETWORKS[name], "runs": {}}
    model = _converted(folder, "sim")
    for run, options in list(RUNS.items())[: 1 if quick else None]:
        placed = [str(folder / o) if o.endswith(".npz") else o for o in options]
        found["runs"][run] = _mapping(model, placed)
        print(name, run, found["runs"][run], flush=True)
    of_sim = found["runs"][run]
    found["fits"] = {"sim": {key: of_sim[key] for key in ("fits", "reasons")}}
    if quick:
        return found | {"machine": machine()}
    stored, _ = measured([*SNNC, "inspect", str(_converted(folder, "loihi2")), "--json"])
    found["fits"]["loihi2"] = {
        "fits": stored["fits"],
        "reasons": _reasons(stored["fit_reasons"]),
    }
    return found | {"machine": machine()}


def _converted(folder: Path, target: str) -> Path:
    model = folder / f"{target}.snnc"
    if not model.exists():
        command = [*SNNC, "convert", str(folder / "source.pt"), "-o", str(model), "--json"]
        measured([*command, "--target", target])
    return model


def _mapping(model: Path, options: list[str]) -> dict[str, Any]:
    done, took = measured(
        [*SNNC, "map", str(model), "--target", "loihi2", "--json", *options], "map"
    )
    traffic, link = done["traffic"], done["busiest_link"]
    cores = done["product_cores"]
    return {
        "fits": done["fits"],
        "reasons": _reasons(done["fit_reasons"]),
        "n_cores": done["n_cores"],
        "n_chips": done["n_chips"],
        "product_cores": None if cores is None else cores[done["operands"]],
        **{key: traffic[key] for key in ("messages", "hops", "hops_naive", "mean_hops")},
        "chip_crossings": traffic["chip_crossings"],
        "busiest_link": link["per_tick"],
        **took,
    }


def _reasons(reasons: list[dict[str, Any]]) -> list[str]:
    """What speaks against fitting, and the ways out."""
    return [
        f"{r['where'][0] if r['where'] else 'graph'}: {r['what']} ({'; '.join(r['ways_out'])})"
        for r in reasons
        if r["verdict"] == "no"
    ]


def tables(results: dict[str, Any]) -> str:
    """Markdown of everything that is known."""
    parts = ["# Mapping", "", "Made by `python benchmarks/mapping.py`."]
    if "intel" in results:
        parts += ["", "## Intel's printed tables and ours", "", _rows(_INTEL, results["intel"])]
    large = [name for name in NETWORKS if name in results]
    rows = [
        {"network": results[name]["title"], "run": run, **each}
        for name in large
        for run, each in results[name]["runs"].items()
    ]
    if rows:
        parts += ["", "## Large networks on Loihi 2", "", _rows(COLUMNS, rows), ""]
        parts += ["Amounts are of one frame; messages between cores."]
    for name in large:
        parts += ["", f"{results[name]['title']}, measured on {results[name]['machine']}:", ""]
        for target, fit in results[name]["fits"].items():
            why = "; ".join(fit["reasons"]) or "programs of its neurons are what is assumed"
            parts.append(f"- converted for `{target}`: fits `{fit['fits']}`: {why}")
    return "\n".join(parts) + "\n"


_INTEL = {
    "network": "network",
    "layer": "layer",
    "kind": "kind",
    "words, Intel": "words_intel",
    "words, snnc": "words",
    "cores, Intel": "cores_intel",
    "cores, snnc": "cores",
}


def _rows(columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = [_cell(row.get(key)) for key in columns.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def main() -> None:
    """Measure and write; what is not measured again stays."""
    known = ("intel", *NETWORKS)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=known, default=list(known))
    parser.add_argument("--quick", action="store_true", help="no image, no conversion for the chip")
    parser.add_argument("--work", type=Path, help="keep sources and models here")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--make", choices=list(NETWORKS), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.make:
        make(a.make, a.work)
        return
    file = a.out / "mapping.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for name in a.only:
        if name == "intel":
            results[name] = intel()
        else:
            with tempfile.TemporaryDirectory() as temporary:
                results[name] = mapped(name, (a.work or Path(temporary)) / name, quick=a.quick)
        a.out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(results, indent=1) + "\n")
        (a.out / "mapping.md").write_text(tables(results))


if __name__ == "__main__":
    main()
