"""Pictures of a trace: rasters, events in each tick, membranes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from snnc.ir.errors import MissingExtra, NotExecutable
from snnc.ir.file import atomic_path
from snnc.ir.graph import Graph
from snnc.runtime.figures import COLOURS
from snnc.runtime.npz import check_suffix

if TYPE_CHECKING:
    from snnc.runtime.trace import TraceResult

PlotKind: TypeAlias = Literal["raster", "psth", "membrane"]
PLOT_KINDS: tuple[str, ...] = get_args(PlotKind)
PLOT_SUFFIXES = (".png", ".svg", ".pdf", ".html")
_GAP = 0.04
"""Space between populations, as a share of all neurons."""
_NEURONS = 5
"""Of one population whose membranes are drawn."""
_NEGATIVE = "#d62728"
_WIDTH = 9.0
"""Of a picture, inches."""


def write_plot(
    path: Path, trace: TraceResult, graph: Graph, kind: PlotKind = "raster", *, force: bool = False
) -> None:
    """Draw `trace` as a static picture (.png, .svg, .pdf) or a page to look into (.html).

    The page shows raster, events in each tick, membranes and graph, whatever the kind.

    Args:
        path: of the picture.
        trace: what is drawn.
        graph: that was traced.
        kind: `raster`; `psth`, events in each tick; `membrane`, of the neurons that send most.
        force: overwrite `path`.

    Raises:
        WrongUsage: another suffix.
        MissingExtra: matplotlib is not installed.
        NotExecutable: membranes are to be drawn, but the trace has none.
        OutputExists: the file is there and `force` is false.
    """
    check_suffix(path, PLOT_SUFFIXES)
    if kind == "membrane" and not trace.membranes:
        raise NotExecutable("the trace has no membranes", hint="trace with membranes")
    with atomic_path(path, force=force) as temporary:
        if path.suffix == ".html":
            from snnc.runtime.report.page.build import trace_page

            temporary.write_text(trace_page(trace, graph), encoding="utf-8")
        else:
            _draw(temporary, path.suffix[1:], trace, graph, kind)


def offsets(sizes: Mapping[str, int]) -> dict[str, int]:
    """Height at which each node's neuron 0 is drawn."""
    gap = max(1, int(_GAP * sum(sizes.values())))
    found, height = {}, 0
    for name, size in sizes.items():
        found[name] = height
        height += size + gap
    return found


def _draw(path: Path, suffix: str, trace: TraceResult, graph: Graph, kind: PlotKind) -> None:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(
            f"a {path.suffix} plot needs matplotlib", hint="pip install 'snnc[report]'"
        ) from error
    sizes = {name: graph.nodes[name].size for name in trace.names}
    drawn = list(trace.membranes or ()) if kind == "membrane" else list(trace.names)
    each = 0.55 if kind == "raster" else 1.1
    figure = Figure(figsize=(_WIDTH, 1.5 + each * max(1, len(drawn))), layout="constrained")
    FigureCanvasAgg(figure)
    if kind == "raster":
        _raster(figure.add_subplot(), trace, sizes)
    else:
        rows = figure.subplots(max(1, len(drawn)), 1, sharex=True, squeeze=False)[:, 0]
        for axes, name in zip(rows, drawn, strict=False):
            (_psth if kind == "psth" else _membranes)(axes, trace, name)
        rows[-1].set_xlabel("tick")
        figure.suptitle(_title(trace), fontsize=10)
    figure.savefig(path, format=suffix, dpi=130)


def _raster(axes: Any, trace: TraceResult, sizes: Mapping[str, int]) -> None:
    heights = offsets(sizes)
    for index, name in enumerate(trace.names):
        chosen = trace.population == index
        payload = trace.payload[chosen]
        colours = np.where(payload < 0, _NEGATIVE, COLOURS[index % len(COLOURS)])
        # a graded event is drawn larger than a unit spike, in proportion to its payload's area
        area = np.minimum(2.0 + np.abs(payload), 12.0)
        axes.scatter(
            trace.tick[chosen], trace.neuron[chosen] + heights[name],
            s=area, c=colours, marker="|", linewidths=0.8, rasterized=len(payload) > 20_000,
        )  # fmt: skip
        axes.axhspan(heights[name], heights[name] + sizes[name], color="0.96", zorder=0)
    axes.set_yticks([heights[n] + sizes[n] / 2 for n in trace.names], trace.names)
    axes.set_xlim(trace.ticks[0] - 0.5, trace.ticks[1] - 0.5)
    gaps = len(sizes) * max(1, int(_GAP * sum(sizes.values())))
    axes.set_ylim(sum(sizes.values()) + gaps, -1)
    axes.set_xlabel("tick")
    axes.set_title(_title(trace), fontsize=10)


def _psth(axes: Any, trace: TraceResult, name: str) -> None:
    first, end = trace.ticks
    index = trace.names.index(name)
    counts = np.bincount(trace.tick[trace.population == index] - first, minlength=end - first)
    axes.bar(np.arange(first, end), counts, width=1.0, color=COLOURS[index % len(COLOURS)])
    axes.set_ylabel(name, rotation=0, ha="right", fontsize=8)
    axes.margins(x=0)


def _membranes(axes: Any, trace: TraceResult, name: str) -> None:
    assert trace.membranes is not None
    values = trace.membranes[name].reshape(trace.ticks[1] - trace.ticks[0], -1)
    for i, neuron in enumerate(_busiest(trace, name, values.shape[1])):
        axes.plot(
            np.arange(*trace.ticks), values[:, neuron], color=COLOURS[i], linewidth=0.9,
            drawstyle="steps-mid", label=str(neuron),
        )  # fmt: skip
    axes.set_ylabel(name, rotation=0, ha="right", fontsize=8)
    axes.legend(fontsize=6, loc="upper right", frameon=False, title="neuron", title_fontsize=6)
    axes.margins(x=0)


def _busiest(trace: TraceResult, name: str, size: int) -> list[int]:
    sent = np.zeros(size, dtype=np.int64)
    if name in trace.names:
        chosen = trace.population == trace.names.index(name)
        np.add.at(sent, trace.neuron[chosen], np.abs(trace.payload[chosen]))
    return sorted(np.argsort(-sent, kind="stable")[:_NEURONS].tolist())


def _title(trace: TraceResult) -> str:
    first, end = trace.ticks
    part = "" if (first, end) == (0, trace.n_ticks) else f" ({first} to {end - 1})"
    return (
        f"sample {trace.sample}, {trace.code}: {len(trace.tick):,} events in "
        f"{trace.n_ticks} ticks{part}"
    )
