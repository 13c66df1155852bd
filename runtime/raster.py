"""Raster plots: one point for each event, populations stacked in topological order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.ir.errors import MissingExtra
from snnc.ir.file import atomic_path
from snnc.runtime.npz import check_suffix

if TYPE_CHECKING:
    from snnc.runtime.trace import TraceResult

PLOT_SUFFIXES = (".png", ".html")
_GAP = 0.04
"""Space between populations, as a share of all neurons."""
_HINT = "pip install 'snnc[report]'"
_COLOURS = ("#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#7f7f7f")
_NEGATIVE = "#d62728"


def write_raster(
    path: Path, trace: TraceResult, sizes: Mapping[str, int], *, force: bool = False
) -> None:
    """Draw `trace` as a static picture (.png) or an interactive page (.html).

    Args:
        path: ends in .png or .html.
        trace: events to draw.
        sizes: neurons of each emitting node.
        force: overwrite `path`.

    Raises:
        WrongUsage: another ending.
        MissingExtra: matplotlib or plotly is not installed.
        OutputExists: the file is there and `force` is false.
    """
    check_suffix(path, PLOT_SUFFIXES)
    draw = _draw_html if path.suffix == ".html" else _draw_png
    with atomic_path(path, force=force) as temporary:
        draw(temporary, trace, sizes)


def offsets(sizes: Mapping[str, int]) -> dict[str, int]:
    """Height at which each node's neuron 0 is drawn."""
    gap = max(1, int(_GAP * sum(sizes.values())))
    found, height = {}, 0
    for name, size in sizes.items():
        found[name] = height
        height += size + gap
    return found


def _points(trace: TraceResult, index: int, base: int) -> tuple[Any, Any, Any]:
    chosen = trace.population == index
    return trace.tick[chosen], trace.neuron[chosen] + base, trace.payload[chosen]


def _title(trace: TraceResult) -> str:
    return (
        f"sample {trace.sample}, {trace.code}: {len(trace.tick):,} events in {trace.n_ticks} ticks"
    )


def _draw_png(path: Path, trace: TraceResult, sizes: Mapping[str, int]) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a .png raster needs matplotlib", hint=_HINT) from error
    heights = offsets(sizes)
    figure = Figure(figsize=(9, 1.5 + 0.55 * len(sizes)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for index, name in enumerate(trace.names):
        tick, neuron, payload = _points(trace, index, heights[name])
        colours = np.where(payload < 0, _NEGATIVE, _COLOURS[index % len(_COLOURS)])
        # a graded event is drawn larger than a unit spike, in proportion to its payload's area
        area = np.minimum(2.0 + np.abs(payload), 12.0)
        axes.scatter(tick, neuron, s=area, c=colours, marker="|", linewidths=0.8)
        axes.axhspan(heights[name], heights[name] + sizes[name], color="0.96", zorder=0)
    axes.set_yticks([heights[n] + sizes[n] / 2 for n in trace.names], trace.names)
    axes.set_xlim(-0.5, trace.n_ticks - 0.5)
    axes.set_ylim(sum(sizes.values()) + len(sizes) * max(1, int(_GAP * sum(sizes.values()))), -1)
    axes.set_xlabel("tick")
    axes.set_title(_title(trace), fontsize=10)
    figure.savefig(path, format="png", dpi=130)


def _draw_html(path: Path, trace: TraceResult, sizes: Mapping[str, int]) -> None:
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingExtra("an .html raster needs plotly", hint=_HINT) from error
    heights = offsets(sizes)
    figure = go.Figure()
    for index, name in enumerate(trace.names):
        tick, neuron, payload = _points(trace, index, heights[name])
        colours = np.where(payload < 0, _NEGATIVE, _COLOURS[index % len(_COLOURS)])
        figure.add_trace(
            go.Scattergl(
                x=tick,
                y=neuron,
                mode="markers",
                name=name,
                marker={"symbol": "line-ns-open", "size": 5, "color": colours.tolist()},
                customdata=np.stack([neuron - heights[name], payload], axis=1),
                hovertemplate="tick %{x}, neuron %{customdata[0]}, payload %{customdata[1]}",
            )
        )
    figure.update_layout(
        title=_title(trace),
        template="plotly_white",
        xaxis={"title": "tick"},
        yaxis={
            "tickvals": [heights[n] + sizes[n] / 2 for n in trace.names],
            "ticktext": list(trace.names),
            "autorange": "reversed",
        },
    )
    path.write_text(figure.to_html(include_plotlyjs=True, full_html=True), encoding="utf-8")
