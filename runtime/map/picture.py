"""Core maps: every core as a small square at its router, coloured by population, work and use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.ir.arrays import Array, FloatArray
from snnc.ir.errors import MissingExtra
from snnc.runtime.map.result import MapResult
from snnc.runtime.map.squares import Squares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HINT = "pip install 'snnc[report]'"
_TITLES = ("population", "synaptic events in the busiest tick", "fullest resource, % of its limit")
_COLOURS = (("turbo", "Turbo"), ("magma_r", "Magma_r"), ("viridis", "Viridis"))
"""Of each panel, as matplotlib and as plotly call them."""
_LARGEST_INCHES = 60.0
_MOST_NAMED = 64
"""Cores that still have their population's name written on them."""
_LETTERS = 12
"""Of a name on a core."""
_FREE = "#ededed"
_PIXELS = 50
"""Of a square's height on the page, as far as that is not too much for all of them."""


def draw_png(path: Path, result: MapResult) -> None:
    """Three panels: populations, synaptic events, use; lines are borders of chips.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a .png core map needs matplotlib", hint=_HINT) from error
    squares = Squares.of(result)
    (left, right), (top, bottom) = squares.seen
    inches = min(_LARGEST_INCHES, max(4.5, 0.07 * (right - left)))
    height = inches * (bottom - top) / (right - left)
    figure = Figure(figsize=(3 * (inches + 1.0), height + 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_headline(result), fontsize=11)
    for index, values in enumerate(_panels(result)):
        axes = figure.add_subplot(1, 3, index + 1)
        _free(axes, squares)
        image, colours = squares.image(values), _COLOURS[index][0]
        shown = axes.imshow(image, cmap=colours, interpolation="nearest")
        axes.set_title(_TITLES[index], fontsize=10)
        axes.set_xlim(left - 0.5, right - 0.5)
        axes.set_ylim(bottom - 0.5, top - 0.5)
        axes.set_xticks([])
        axes.set_yticks([])
        for across, at in squares.borders:
            (axes.axhline if across else axes.axvline)(at - 0.5, color="0.4", linewidth=0.6)
        if index == 0 and result.n_cores <= _MOST_NAMED:
            _write_names(axes, squares, result)
        else:
            figure.colorbar(shown, ax=axes, shrink=0.8)
    figure.savefig(path, format="png", dpi=110)


def _free(axes: Axes, squares: Squares) -> None:
    """Cores that hold nothing, and the blocks of routers."""
    from matplotlib.colors import ListedColormap

    there = np.where(squares.free, 1.0, np.nan)
    axes.imshow(there, cmap=ListedColormap([_FREE]), interpolation="nearest")
    (left, right), (top, bottom) = squares.seen
    wide, high = squares.block
    if right - left <= 4 * _MOST_NAMED:
        for at in range(left, right + 1, wide):
            axes.axvline(at - 0.5, color="white", linewidth=1.5)
        for at in range(top, bottom + 1, high):
            axes.axhline(at - 0.5, color="white", linewidth=1.5)


def _write_names(axes: Axes, squares: Squares, result: MapResult) -> None:
    for (x, y), name in zip(squares.place.tolist(), _names(result), strict=True):
        axes.text(
            x, y, name, ha="center", va="center", fontsize=6,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.8},
        )  # fmt: skip


def draw_html(path: Path, result: MapResult) -> None:
    """The same panels on one page that needs nothing else; each core tells what it holds.

    Raises:
        MissingExtra: plotly is not installed.
    """
    try:
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise MissingExtra("an .html core map needs plotly", hint=_HINT) from error
    squares = Squares.of(result)
    (left, right), (top, bottom) = squares.seen
    figure = make_subplots(rows=3, cols=1, subplot_titles=_TITLES, vertical_spacing=0.05)
    for index, values in enumerate(_panels(result)):
        for trace in _heatmaps(result, squares, values, index):
            figure.add_trace(trace, row=index + 1, col=1)
        for across, at in squares.borders:
            (figure.add_hline if across else figure.add_vline)(
                at - 0.5, line={"color": "grey", "width": 1}, row=index + 1, col=1
            )
    figure.update_yaxes(range=[bottom - 0.5, top - 0.5], showticklabels=False, showgrid=False)
    figure.update_xaxes(range=[left - 0.5, right - 0.5], showticklabels=False, showgrid=False)
    height = min(700, max(220, _PIXELS * (bottom - top)))
    title = f"{_headline(result)}<br><sub>{'<br>'.join(_facts(result))}</sub>"
    above = 110 + 16 * len(_facts(result))
    figure.update_layout(
        title={"text": title, "y": 1 - 30 / (3 * height + above + 60), "yanchor": "top"},
        template="plotly_white",
        height=3 * height + above + 60,
        margin={"t": above, "b": 60},
    )
    path.write_text(figure.to_html(include_plotlyjs=True, full_html=True), encoding="utf-8")


def _heatmaps(result: MapResult, squares: Squares, values: Array, index: int) -> list[Any]:
    """Cores that hold nothing, then those in use, of one panel."""
    import plotly.graph_objects as go

    x, y = squares.place.T
    told = np.full(squares.shape, "", dtype=object)
    told[y, x] = _words(result)
    named = index == 0 and result.n_cores <= _MOST_NAMED
    text = np.full(squares.shape, "", dtype=object)
    if named:
        text[y, x] = _names(result)
    free = go.Heatmap(
        z=np.where(squares.free, 1.0, np.nan).tolist(), colorscale=[[0, _FREE], [1, _FREE]],
        showscale=False, hoverinfo="skip", xgap=1, ygap=1,
    )  # fmt: skip
    used = go.Heatmap(
        z=squares.image(values).tolist(),
        customdata=told.tolist(),
        text=text.tolist(),
        texttemplate="%{text}" if named else None,
        hoverongaps=False,
        hovertemplate="%{customdata}<extra></extra>",
        colorscale=_COLOURS[index][1],
        showscale=index > 0,
        colorbar={"y": 1 - (index + 0.5) / 3, "thickness": 8, "len": 0.28},
        xgap=1,
        ygap=1,
    )
    return [free, used]


def _panels(result: MapResult) -> tuple[Array, ...]:
    nodes = {name: index for index, name in enumerate(result.mapping.splits)}
    population = np.array([nodes[piece.node] for piece in result.mapping.pieces])
    return population, result.loads["synaptic_events"], _fullest(result)


def _fullest(result: MapResult) -> FloatArray:
    """Of each core the resource that is used up most, in percent of what there is."""
    limits = result.mapping.chip.core_limits()
    shares = [result.use[kind] / limit for kind, limit in limits.items() if limit]
    return 100.0 * np.max(shares, axis=0) if shares else np.zeros(result.n_cores)


def _names(result: MapResult) -> list[str]:
    """The population of each core, its end where it is long."""
    nodes = [piece.node for piece in result.mapping.pieces]
    return [node if len(node) <= _LETTERS else "…" + node[1 - _LETTERS :] for node in nodes]


def _headline(result: MapResult) -> str:
    n, chips = result.n_chips, ""
    if n is not None:
        chips = f", {n:,} chip{'s' if n > 1 else ''}"
    cores = f"{result.n_cores:,} core{'s' if result.n_cores > 1 else ''}"
    return f"{result.mapping.chip.title}: {cores}{chips}; fits: {result.fits}"


def _facts(result: MapResult) -> list[str]:
    """Lines under the headline: activity, hops, what was changed, why it does not fit."""
    measured = f"measured on {result.n_samples} samples of {result.data}"
    traffic = result.traffic
    lines = [
        f"{result.settings}; activity {'assumed' if result.data is None else measured}",
    ]
    if traffic["hops"] is not None:
        lines.append(
            f"{traffic['messages']:,.0f} messages between cores a frame over "
            f"{traffic['hops']:,.0f} hops ({traffic['hops_naive']:,.0f} unplaced)"
        )
    lines += [f"changed for the chip: {each.name} ({each.note})" for each in result.changes]
    return lines + [
        f"fits {reason.verdict}: {', '.join(reason.where[:3])}: {reason.what}"
        for reason in result.mapping.reasons
        if reason.verdict == "no"
    ]


def _words(result: MapResult) -> list[str]:
    """What each core tells where the mouse is."""
    limits = result.mapping.chip.core_limits()
    told = []
    for core in result.cores():
        box = " x ".join(f"{lo}:{hi}" for lo, hi in core["box"])
        use = "<br>".join(
            f"{name} {n:,}" + (f" of {limits[name]:,}" if name in limits else "")
            for name, n in core["use"].items()
            if n
        )
        work = f"synaptic events in a tick {core['synaptic_events_per_tick']:,.1f}"
        told.append(f"core {core['core']}: {core['node']} [{box}]<br>{use}<br>{work}")
    return told
