"""The demo model in every event code: what each costs, and what `rate` loses.

    make demo                                 # demo/model.pt, demo/model.snnc, demo/test.npz
    python benchmarks/codes.py [--demo demo] [--docs docs/codes.md]

Runs all held-out images through the event engine, maps each code onto the chips, and writes the
tables of docs/codes.md.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import snnc
from snnc.backends.chips import load_chip
from snnc.backends.mapping import map_graph
from snnc.ir.codes import RunSettings
from snnc.ir.schedule import make_schedule
from snnc.runtime.map.deploy import deploy
from snnc.runtime.model import Model

ROOT = Path(__file__).resolve().parent.parent
EXACT = ("burst", "graded", "delta")
TICKS = (4, 8, 16, 32, 64, 128, 256)
RESETS = ("subtract", "zero")
POOLS = "average"
"""Rate-coded spikes have no maximum: the demo's max-pool becomes an average."""
CHIPS = ("loihi2", "loihi1")


def cores(model: Model, settings: RunSettings, name: str) -> int | None:
    """Neuro-cores that the graph of a code takes; None where the chip cannot send its events."""
    chip = load_chip(name)
    if chip.payload == "unit" and not settings.unit_spikes:
        return None
    there = deploy(model, chip, settings, code_chosen=True).model
    return map_graph(there.integer_graph, chip, settings).n_cores


def measured(model: Model, data: Path, **code: Any) -> dict[str, Any]:
    """One run over all images, by image."""
    settings = model.run_settings(**{"code": None, "schedule": None, **code})
    done = snnc.run(model, data, engine="event", **code)
    counters, n = done.to_json()["counters"], done.n_samples
    assert done.accuracy is not None
    shares = {k: counters[k] / n for k in ("events", "synaptic_events", "neuron_updates")}
    return {
        "n": n,
        "right": round(done.accuracy * n),
        "accuracy": done.accuracy,
        "ticks": done.n_ticks,
        "cores": [cores(model, settings, chip) for chip in CHIPS],
        **shares,
    }


def row(name: str, r: dict[str, Any], period: int) -> str:
    """A line of the table of codes."""
    on_chips = " | ".join("–" if n is None else str(n) for n in r["cores"])
    return (
        f"| `{name}` | {r['accuracy']:.2%} | {r['ticks']} | {period} | {r['events']:,.0f} | "
        f"{r['synaptic_events']:,.0f} | {r['neuron_updates']:,.0f} | {on_chips} |"
    )


def period(model: Model, code: str) -> int:
    """Ticks from one image to the next in a pipeline."""
    return make_schedule(model.integer_graph, model.run_settings(code, "pipelined")).period


def table_of_codes(exact: dict[str, Any], rates: dict[int, Any], model: Model) -> str:
    """Every exact code, and `rate` (soft reset) at two lengths."""
    lines = [
        "| code | accuracy | ticks | ticks, pipelined | events | synaptic events "
        "| neuron updates | " + " | ".join(f"cores ({chip})" for chip in CHIPS) + " |",
        "|" + "---|" * (7 + len(CHIPS)),
        *(row(code, r, period(model, code)) for code, r in exact.items()),
        *(row(f"rate`, `T = {t}", rates[t], t) for t in (TICKS[1], TICKS[-1])),
    ]
    return "\n".join(lines)


def table_of_rates(exact: dict[str, Any], rates: dict[str, dict[int, Any]]) -> str:
    """Accuracy, events and operations of `rate` against T, beside burst and graded."""
    best = exact["graded"]
    lines = [
        "| T | accuracy, soft reset | accuracy, hard reset | events | synaptic events "
        "| against `graded` | against `burst` |",
        "|" + "---|" * 7,
    ]
    for t in TICKS:
        soft, hard = (rates[reset][t] for reset in RESETS)
        work = soft["synaptic_events"]
        lines.append(
            f"| {t} | {soft['accuracy']:.2%} | {hard['accuracy']:.2%} | {soft['events']:,.0f} | "
            f"{work:,.0f} | {work / best['synaptic_events']:.1f} × | "
            f"{work / exact['burst']['synaptic_events']:.1f} × |"
        )
    return "\n".join(lines)


def put(text: str, name: str, table: str) -> str:
    """The page with the table in its place."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(text):
        raise SystemExit(f"the page has no place `<!-- {name} -->` … `<!-- end -->`")
    return place.sub(lambda m: f"{m[1]}{table}\n{m[2]}", text)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, default=ROOT / "demo", help="folder of `make demo`")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "codes.md")
    a = parser.parse_args()
    model, data = snnc.load(a.demo / "model.snnc"), a.demo / "test.npz"
    exact: dict[str, Any] = {}
    for code in EXACT:
        exact[code] = measured(model, data, code=code)
        print(code, exact[code], flush=True)
    rates: dict[str, dict[int, Any]] = {reset: {} for reset in RESETS}
    for reset in RESETS:
        for t in TICKS:
            code = {"code": "rate", "rate_ticks": t, "rate_reset": reset, "rate_pools": POOLS}
            rates[reset][t] = measured(model, data, **code)
            print(reset, t, rates[reset][t], flush=True)
    text = put(a.docs.read_text(), "codes", table_of_codes(exact, rates["subtract"], model))
    a.docs.write_text(put(text, "rate", table_of_rates(exact, rates)))


if __name__ == "__main__":
    main()
