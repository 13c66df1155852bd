"""A report as tables for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from snnc.runtime.report.definitions import DEFINITIONS
from snnc.runtime.report.fidelity import summary_rows
from snnc.runtime.report.model import Report
from snnc.runtime.report.units import energy_text, range_text
from snnc.runtime.tables import host_table, key_values, number, table

if TYPE_CHECKING:
    from rich.console import RenderableType

_COUNTERS = (
    "synaptic_events",
    "unit_spike_operations",
    "effective_acs",
    "effective_macs",
    "dense_macs",
)

ARITHMETIC = ("45nm", "45nm-int8", "45nm-int32")
"""Hardware files that cover arithmetic only, as the baselines do."""


_BARS = "▁▂▃▄▅▆▇█"


def render(report: Report) -> list[RenderableType]:
    """Facts, operations, energy, layers, fidelity, definitions, in this order."""
    parts = [_facts(report), _operations(report), _energy(report), _parts(report)]
    parts += [*_codes(report), _layers(report), *_samples(report)]
    parts += host_table(report.host["host_regions"])
    if report.verification is not None:
        parts.append(key_values(dict(summary_rows(report.verification)), title="Fidelity"))
    return [*parts, *_notes(report)]


def _facts(report: Report) -> RenderableType:
    return key_values({"model": report.name, **report.facts, **_mapped(report)})


def _mapped(report: Report) -> dict[str, str]:
    """Where the model lies on a chip, in a line."""
    mapping = report.mapping
    if mapping is None:
        return {}
    hops, chips = mapping["traffic"]["hops"], mapping["n_chips"]
    parts = [
        f"{number(mapping['n_cores'])} cores",
        "" if chips is None else f"{number(chips)} chips",
        "" if hops is None else f"{number(hops)} hops a frame",
        f"fits: {mapping['fits']}",
    ]
    return {f"mapped onto {mapping['target']}": ", ".join(part for part in parts if part)}


def _operations(report: Report) -> RenderableType:
    sums = report.sums.to_json()
    rows = [
        (
            name,
            report.counters[name],
            report.counters[name] / report.n_samples,
            sums[name] / report.n_samples if name in sums else None,
        )
        for name in (*_COUNTERS, "events", "spikes", "neuron_updates", "host_macs")
        if name in report.counters
    ]
    return table(("operations", "run", "a sample", "of it sums"), rows, title="Operations")


def _energy(report: Report) -> RenderableType:
    return table(("what", "energy a sample", "of float ANN"), energy_rows(report), title="Energy")


def energy_rows(report: Report) -> list[tuple[str, str, str]]:
    """(what, energy of one sample, share of the float ANN's) for every estimate and baseline.

    Shares stand where both sides are 45 nm arithmetic; a chip's figures cover much more.
    """
    reference = report.baseline[0].picojoule

    def row(what: str, picojoule: float | None, comparable: bool) -> tuple[str, str, str]:
        if picojoule is None:
            return what, "not published", ""
        share = f"{picojoule / reference:.1%}" if reference and comparable else ""
        return what, energy_text(picojoule), share

    rows = [row(f"{b.title}, 45 nm", b.picojoule, True) for b in report.baseline]
    for e in report.energy:
        what, text, share = row(
            f"spiking, {e.hardware.title}", e.picojoule, e.hardware.name in ARITHMETIC
        )
        span = "" if e.total is None else range_text(e.total.low, e.total.high)
        rows.append((what, text + span, share))
    return [*rows, row("spiking, formula of the papers, 45 nm", report.papers.picojoule, True)]


def _parts(report: Report) -> RenderableType:
    rows = [
        (
            e.hardware.name,
            part,
            "not counted"
            if energy is None
            else energy_text(energy.picojoule) + range_text(energy.low, energy.high),
            part in e.in_total,
        )
        for e in report.energy
        for part, energy in e.by_part.items()
    ]
    return table(("hardware", "part", "energy a sample", "in total"), rows, title="Parts")


def _codes(report: Report) -> list[RenderableType]:
    """The network in several codes; nothing where there is the run's own only."""
    if len(report.codes) < 2:
        return []
    chips = [e.hardware.name for e in report.energy if e.picojoule is not None]
    rows: list[tuple[Any, ...]] = []
    for code, row in report.codes.items():
        if row is None:
            rows.append((code, None, None, None, *("cannot run" for _ in chips)))
            continue
        energy = {e.hardware.name: e.picojoule or 0.0 for e in row.energy}
        events = (row.run.counters["synaptic_events"] or 0) / row.run.n_samples
        right = None if row.run.accuracy is None else f"{row.run.accuracy:.2%}"
        name = code if row.run.rate is None else f"{code} (inexact)"
        paid = [energy_text(energy[c]) for c in chips]
        rows.append((name, right, row.run.n_ticks, events, *paid))
    heads = ("code", "accuracy", "ticks", "synaptic events", *chips)
    return [table(heads, rows, title="Event codes, a sample")]


def _samples(report: Report) -> list[RenderableType]:
    """How samples differ: means with intervals, extremes, and the histogram as a sparkline."""
    if report.statistics is None:
        return []
    value = report.statistics.to_json()
    rows = [
        (name, _mean(one, number), f"{number(one['min'])} … {number(one['max'])}", _spark(one))
        for name, one in value["per_sample"].items()
    ]
    rows += [
        (
            name,
            _mean(one, energy_text),
            f"{energy_text(one['min'])} … {energy_text(one['max'])}",
            _spark(one),
        )
        for name, one in value["picojoule"].items()
    ]
    title = f"{value['n_samples']} samples one by one"
    return [table(("what", "mean (95 %)", "range", "histogram"), rows, title=title)]


def _mean(one: Mapping[str, Any], text: Callable[[Any], str]) -> str:
    if one["low"] is None:
        return text(one["mean"])
    return f"{text(one['mean'])} ({text(one['low'])} to {text(one['high'])})"


def _spark(one: Mapping[str, Any]) -> str:
    """The histogram in ten characters, the fullest bin highest, empty bins blank."""
    counts = one["histogram"]["n_samples"]
    bins = [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]
    most = max(bins)
    return "".join(" " if not n else _BARS[(n * len(_BARS) - 1) // most] for n in bins)


def _layers(report: Report) -> RenderableType:
    chips = [e.hardware.name for e in report.energy if e.picojoule is not None]
    rows = [
        (
            layer.name,
            layer.n_neurons,
            None if layer.mean_count is None else round(layer.mean_count, 3),
            layer.synapses.synaptic_events / report.n_samples,
            *(energy_text(layer.picojoule.get(chip, 0.0)) for chip in chips),
        )
        for layer in report.layers
    ]
    heads = ("name", "neurons", "mean count", "synaptic events", *chips)
    return table(heads, rows, title="By population, a sample")


def assumptions(report: Report) -> list[tuple[str, str]]:
    """(names of the hardware, what was assumed for it), each text once."""
    names: dict[str, list[str]] = {}
    for estimate in report.energy:
        for text in estimate.assumptions:
            names.setdefault(text, []).append(estimate.hardware.name)
    return [(", ".join(chips), text) for text, chips in names.items()]


def _notes(report: Report) -> list[RenderableType]:
    from rich.text import Text

    lines = [f"{names}: {text}" for names, text in assumptions(report)]
    used = [
        f"{name}: {DEFINITIONS[name]}"
        for name in (*_COUNTERS, "sums", "neuron_updates", "parts", "memory", "papers")
    ]
    return [Text("\n".join(lines + used), style="dim")]
