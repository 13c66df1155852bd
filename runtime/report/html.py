"""A report as one page: plots, tables and the plotting library, nothing from the network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.errors import MissingExtra
from snnc.runtime.report.definitions import DEFINITIONS
from snnc.runtime.report.fidelity import population_table, summary_rows
from snnc.runtime.report.model import Report
from snnc.runtime.report.terminal import assumptions, energy_rows
from snnc.runtime.report.units import energy_text
from snnc.runtime.tables import number

MAX_RASTER_EVENTS = 40_000
"""Events that the raster shows; more would make the page slow."""
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
_GAP = 0.04

Cells = list[list[str]]


def page(report: Report) -> str:
    """The whole page as HTML.

    Raises:
        MissingExtra: jinja2 or plotly is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtra(
            "an HTML report needs jinja2 and plotly", hint="pip install 'snnc[report]'"
        ) from error
    source = resources.files("snnc.runtime.report").joinpath("page.html.j2")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return template.render(plotly=get_plotlyjs(), **content(report))


def content(report: Report) -> dict[str, Any]:
    """What the template shows; all names in it are escaped there."""
    verification = report.verification
    layers = population_table(verification or {})
    return {
        "name": report.name,
        "facts": [[key, number(value)] for key, value in report.facts.items() if value is not None],
        "energy_rows": energy_rows(report),
        "plots": plots(report),
        "raster_note": _raster_note(report),
        "layers": _layer_table(report),
        "assumptions": assumptions(report),
        "fidelity": None if verification is None else summary_rows(verification),
        "fidelity_layers": dict(zip(("heads", "rows"), layers, strict=True)),
        "hardware": [e.hardware for e in report.energy],
        "papers": report.papers,
        "host": report.host,
        "provenance": _flat(report.provenance),
        "definitions": DEFINITIONS,
    }


def plots(report: Report) -> dict[str, dict[str, Any]]:
    """Plotly figures by the id of the element that they are drawn in."""
    found = {
        "plot-energy": _energy_plot(report),
        "plot-layers": _energy_by_layer(report),
        "plot-operations": _operations_plot(report),
        "plot-activity": _activity_plot(report),
    }
    if report.trace is not None:
        found["plot-raster"] = _raster(report)
    return found


def _energy_plot(report: Report) -> dict[str, Any]:
    bars = [
        *((f"{b.title}, 45 nm", b.picojoule, _COLOURS[6]) for b in report.baseline),
        *((f"spiking, {e.hardware.title}", e.picojoule, _COLOURS[0]) for e in report.energy),
        ("spiking, formula of the papers", report.papers.picojoule, _COLOURS[4]),
    ]
    shown = [bar for bar in bars if bar[1]][::-1]
    data = {
        "type": "bar",
        "orientation": "h",
        "x": [picojoule / 1e3 for _, picojoule, _ in shown if picojoule],
        "y": [title for title, _, _ in shown],
        "marker": {"color": [colour for _, _, colour in shown]},
        "hovertemplate": "%{x:.4g} nJ<extra></extra>",
    }
    axis = {"title": {"text": "energy of one sample, nJ"}, "type": "log"}
    return _figure([data], xaxis=axis, height=120 + 34 * len(shown))


def _energy_by_layer(report: Report) -> dict[str, Any]:
    names = _names(report)
    data = [
        {
            "type": "bar",
            "name": e.hardware.title,
            "x": names,
            "y": [e.by_layer.get(layer.name, 0.0) / 1e3 for layer in report.layers],
            "marker": {"color": _COLOURS[index % len(_COLOURS)]},
            "hovertemplate": "%{x}: %{y:.4g} nJ",
        }
        for index, e in enumerate(report.energy)
        if e.picojoule is not None
    ]
    return _figure(data, yaxis={"title": {"text": "nJ a sample"}, "type": "log"})


def _operations_plot(report: Report) -> dict[str, Any]:
    series = (
        ("dense MACs of the ANN", "dense_macs", 6),
        ("synaptic events", "synaptic_events", 0),
        ("effective multiply-accumulates", "effective_macs", 1),
    )
    data = [
        {
            "type": "bar",
            "name": title,
            "x": _names(report),
            "y": [getattr(layer.synapses, key) / report.n_samples for layer in report.layers],
            "marker": {"color": _COLOURS[colour]},
        }
        for title, key, colour in series
    ]
    return _figure(data, yaxis={"title": {"text": "operations a sample"}})


def _activity_plot(report: Report) -> dict[str, Any]:
    firing = [layer for layer in report.layers if layer.mean_count is not None]
    data = {
        "type": "bar",
        "x": [layer.name for layer in firing],
        "y": [layer.mean_count for layer in firing],
        "marker": {"color": _COLOURS[2]},
        "hovertemplate": "%{x}: %{y:.3f}<extra></extra>",
    }
    return _figure([data], yaxis={"title": {"text": "mean |count| of a neuron and frame"}})


def _raster(report: Report) -> dict[str, Any]:
    trace = report.trace
    assert trace is not None
    sizes = {layer.name: layer.n_neurons for layer in report.layers}
    heights = _heights([sizes[name] for name in trace.names])
    shown = raster_events(len(trace.tick))
    data = []
    for index, name in enumerate(trace.names):
        chosen = shown[trace.population[shown] == index]
        data.append(
            {
                "type": "scattergl",
                "mode": "markers",
                "name": name,
                "x": trace.tick[chosen].tolist(),
                "y": (trace.neuron[chosen] + heights[index]).tolist(),
                "text": [str(payload) for payload in trace.payload[chosen].tolist()],
                "marker": {
                    "symbol": "line-ns-open",
                    "size": 5,
                    "color": _COLOURS[index % (len(_COLOURS) - 1)],
                },
                "hovertemplate": "tick %{x}, payload %{text}",
            }
        )
    centres = [height + sizes[name] / 2 for height, name in zip(heights, trace.names, strict=True)]
    return _figure(
        data,
        xaxis={"title": {"text": "tick"}},
        yaxis={"tickvals": centres, "ticktext": list(trace.names), "autorange": "reversed"},
        height=240 + 40 * len(trace.names),
        showlegend=False,
    )


def raster_events(n_events: int) -> IntArray:
    """Indices of the events that are drawn, evenly spread where there are too many."""
    if n_events <= MAX_RASTER_EVENTS:
        return np.arange(n_events)
    return np.linspace(0, n_events - 1, MAX_RASTER_EVENTS).astype(np.int64)


def _raster_note(report: Report) -> str | None:
    trace = report.trace
    if trace is None:
        return None
    note = (
        f"Sample {trace.sample}: {len(trace.tick):,} events, {trace.n_spikes:,} unit spikes in "
        f"{trace.n_ticks} ticks, code {trace.code}, schedule {trace.schedule}."
    )
    if len(trace.tick) > MAX_RASTER_EVENTS:
        note += f" {MAX_RASTER_EVENTS:,} of them are drawn, evenly spread."
    return note


def _heights(sizes: Sequence[int]) -> list[int]:
    gap = max(1, int(_GAP * sum(sizes)))
    ends = np.cumsum([size + gap for size in sizes])
    return [int(end) - size - gap for end, size in zip(ends, sizes, strict=True)]


def _figure(data: list[dict[str, Any]], **layout: Any) -> dict[str, Any]:
    base = {
        "height": 360,
        "margin": {"t": 20, "r": 20, "l": 60, "b": 60},
        "legend": {"orientation": "h", "y": 1.15},
        "font": {"family": "system-ui, sans-serif", "size": 12},
        "xaxis": {},
        "yaxis": {},
    }
    merged = {**base, **layout}
    for axis in ("xaxis", "yaxis"):
        merged[axis] = {"automargin": True, **merged[axis]}
    return {"data": data, "layout": merged}


def _names(report: Report) -> list[str]:
    return [layer.name for layer in report.layers]


def _layer_table(report: Report) -> dict[str, Cells | list[str]]:
    chips = [e.hardware.name for e in report.energy if e.picojoule is not None]
    heads = ["population", "module", "kind", "neurons", "mean count", "spikes", "synaptic events"]
    rows = [
        [
            layer.name,
            layer.module_path,
            layer.kind,
            number(layer.n_neurons),
            "" if layer.mean_count is None else f"{layer.mean_count:.3f}",
            number(layer.activity.spikes / report.n_samples),
            number(layer.synapses.synaptic_events / report.n_samples),
            *(energy_text(layer.picojoule.get(chip, 0.0)) for chip in chips),
        ]
        for layer in report.layers
    ]
    return {"heads": heads + chips, "rows": rows}


def _flat(values: Any, prefix: str = "") -> Cells:
    """Nested provenance as rows of path and value."""
    if not isinstance(values, dict):
        return [[prefix, number(values)]]
    rows: Cells = []
    for key, value in values.items():
        rows += _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return rows
