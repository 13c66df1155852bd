"""Putting the page together: style, script, and the report's JSON with what is drawn beside it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib import resources
from string import Template
from typing import Any

from snnc.ir.arrays import FloatArray
from snnc.ir.graph import Graph
from snnc.runtime.report.model import Report
from snnc.runtime.report.page.cores import core_map
from snnc.runtime.report.page.events import raster
from snnc.runtime.report.page.layout import drawing
from snnc.runtime.report.page.membranes import membranes
from snnc.runtime.report.page.pack import pack
from snnc.runtime.trace import TraceResult

MAX_MEAN_COUNTS = 500_000
"""Neurons whose mean counts one page holds."""
_SCRIPTS = (
    "data", "format", "table", "energy", "summary", "layers", "raster", "membranes", "activity",
    "network", "cores", "statistics", "fidelity", "sources", "compare", "main",
)  # fmt: skip
"""In the order in which they are joined; each uses what stands before it."""


def page(report: Report) -> str:
    """The whole page as HTML; every number in it comes from the object of `--json`."""
    return document(f"{report.name}: operations and energy", report.to_json(), pictures(report))


def comparison_page(value: dict[str, Any]) -> str:
    """A page of several reports.

    Args:
        value: the object of `snnc compare --json`, from which every number in the page comes.
    """
    names = ", ".join(point["name"] for point in value["points"])
    return document(f"Comparison: {names}", value, {})


def trace_page(trace: TraceResult, graph: Graph) -> str:
    """A page of one trace alone."""
    rows: dict[str, dict[str, Any]] = {
        name: {
            "module_path": graph.nodes[name].module_path,
            "kind": graph.nodes[name].kind,
            "n_neurons": graph.nodes[name].size,
            "mean_count": None,
            "events": row["n_events"],
            "spikes": row["n_spikes"],
            "picojoule": {},
        }
        for name, row in trace.by_population.items()
    }
    value = {
        "model": graph.name,
        "n_samples": 1,
        "by_population": rows,
        "by_projection": {name: {"synaptic_events": None} for name in graph.projections},
        "energy": {},
    }
    return document(f"{graph.name}: sample {trace.sample}", value, _pictures(graph, trace))


def document(title: str, report: dict[str, Any], drawn: dict[str, Any]) -> str:
    """A page of its own.

    Args:
        title: of the window.
        report: what the page calls `report`: numbers.
        drawn: what it calls `pictures`: arrays and places.
    """
    script = "\n".join(_read(f"js/{name}.js") for name in _SCRIPTS)
    return Template(_read("page.html")).substitute(
        title=escape(title),
        style=_read("style.css"),
        script=f'"use strict";\n(() => {{\n{script}\n}})();',
        data=pack({"report": report, "pictures": drawn}),
    )


def pictures(report: Report) -> dict[str, Any]:
    """What the page draws beyond the numbers of the JSON object."""
    mapping = report.mapping
    cores = None if mapping is None or not mapping["cores"] else core_map(mapping)
    means = None if report.statistics is None else _within_budget(report.statistics.mean_counts)
    return {**_pictures(report.graph, report.trace), "cores": cores, "mean_counts": means}


def _pictures(graph: Graph, trace: TraceResult | None) -> dict[str, Any]:
    sizes = {name: node.size for name, node in graph.nodes.items()}
    return {
        "network": drawing(graph),
        "raster": None if trace is None else raster(trace, sizes),
        "membranes": {} if trace is None else membranes(trace, graph),
        "cores": None,
        "mean_counts": None,
    }


def _within_budget(counts: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The populations that fit, smallest first."""
    kept, room = {}, MAX_MEAN_COUNTS
    for name in sorted(counts, key=lambda name: counts[name].size):
        room -= counts[name].size
        if room < 0:
            break
        kept[name] = counts[name]
    return kept


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
