"""Core maps: every core as a small square at its router, coloured by population and by work."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray
from snnc.ir.errors import MissingExtra
from snnc.runtime.map.result import MapResult

_HINT = "pip install 'snnc[report]'"
_TITLES = ("population, first to last", "synaptic events in the busiest tick", "neurons")
_COLOURS = (("turbo", "Turbo"), ("magma_r", "Magma_r"), ("viridis", "Viridis"))
"""Of each panel, as matplotlib and as plotly call them."""
_LARGEST_INCHES = 60.0


def draw_png(path: Path, result: MapResult) -> None:
    """Three panels: populations, synaptic events, neurons; lines are borders of chips.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("a .png core map needs matplotlib", hint=_HINT) from error
    place, (rows, columns) = _squares(result)
    inches = min(_LARGEST_INCHES, max(4.0, 0.07 * columns))
    figure = Figure(
        figsize=(3 * (inches + 1.2), inches * rows / columns + 1.2), layout="constrained"
    )
    FigureCanvasAgg(figure)
    figure.suptitle(_headline(result), fontsize=11)
    for index, values in enumerate(_panels(result)):
        axes = figure.add_subplot(1, 3, index + 1)
        shown = axes.imshow(
            _image(values, place, (rows, columns)), cmap=_COLOURS[index][0], interpolation="nearest"
        )
        figure.colorbar(shown, ax=axes, shrink=0.8)
        axes.set_title(_TITLES[index], fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        for across, at in _borders(result):
            (axes.axhline if across else axes.axvline)(at - 0.5, color="0.4", linewidth=0.6)
    figure.savefig(path, format="png", dpi=110)


def draw_html(path: Path, result: MapResult) -> None:
    """The same panels on one page that needs nothing else; each core tells what it holds.

    Raises:
        MissingExtra: plotly is not installed.
    """
    try:
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise MissingExtra("an .html core map needs plotly", hint=_HINT) from error
    import plotly.graph_objects as go

    place, shape = _squares(result)
    told = np.full(shape, "no core", dtype=object)
    told[place[:, 1], place[:, 0]] = _words(result)
    figure = make_subplots(rows=1, cols=3, subplot_titles=_TITLES, horizontal_spacing=0.06)
    for index, values in enumerate(_panels(result)):
        trace = go.Heatmap(
            z=_image(values, place, shape).tolist(),
            customdata=told.tolist(),
            hovertemplate="%{customdata}<extra></extra>",
            colorscale=_COLOURS[index][1],
            colorbar={"x": (index + 1) / 3 - 0.03, "thickness": 8, "len": 0.8},
            xgap=1,
            ygap=1,
        )
        figure.add_trace(trace, row=1, col=index + 1)
        for across, at in _borders(result):
            (figure.add_hline if across else figure.add_vline)(
                at - 0.5, line={"color": "grey", "width": 1}, row=1, col=index + 1
            )
    figure.update_yaxes(autorange="reversed", showticklabels=False)
    figure.update_xaxes(showticklabels=False, constrain="domain")
    figure.update_layout(title=_headline(result), template="plotly_white")
    path.write_text(figure.to_html(include_plotlyjs=True, full_html=True), encoding="utf-8")


def _panels(result: MapResult) -> tuple[Array, ...]:
    nodes = {name: index for index, name in enumerate(result.mapping.splits)}
    population = np.array([nodes[piece.node] for piece in result.mapping.pieces])
    return population, result.loads["synaptic_events"], result.loads["neuron_updates"]


def _image(values: Array, place: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Values at their squares, NaN where there is no core."""
    image = np.full(shape, np.nan)
    image[place[:, 1], place[:, 0]] = values
    return image


def _squares(result: MapResult) -> tuple[IntArray, tuple[int, int]]:
    """Column and row of each core's square, and the picture's rows and columns.

    A router's cores make a small block; without a mesh cores follow each other row by row.
    """
    layout = result.layout
    if layout is None:
        side = math.ceil(math.sqrt(result.n_cores))
        row, column = np.divmod(np.arange(result.n_cores), side)
        return np.stack([column, row], axis=1), (-(-result.n_cores // side), side)
    wide, high = _block(layout.grid.per_router)
    row, column = np.divmod(layout.slots % layout.grid.per_router, wide)
    place = layout.grid.position[layout.slots] * [wide, high] + np.stack([column, row], axis=1)
    rows, columns = layout.grid.shape
    return place, (rows * high, columns * wide)


def _block(per_router: int) -> tuple[int, int]:
    """Columns and rows of a router's block."""
    wide = math.ceil(math.sqrt(per_router))
    return wide, -(-per_router // wide)


def _borders(result: MapResult) -> list[tuple[bool, int]]:
    """Lines between chips: is it horizontal, and before which row or column of squares?"""
    if result.layout is None:
        return []
    grid = result.layout.grid
    wide, high = _block(grid.per_router)
    across = [(True, row * grid.rows * high) for row in range(1, grid.chip_rows)]
    return across + [(False, n * grid.columns * wide) for n in range(1, grid.chip_columns)]


def _headline(result: MapResult) -> str:
    chips = "" if result.n_chips is None else f", {result.n_chips:,} chips"
    return f"{result.mapping.chip.title}: {result.n_cores:,} cores{chips}; fits: {result.fits}"


def _words(result: MapResult) -> list[str]:
    """What each core tells where the mouse is."""
    told = []
    for core in result.cores():
        box = " x ".join(f"{lo}:{hi}" for lo, hi in core["box"])
        use = "<br>".join(f"{name} {n:,}" for name, n in core["use"].items() if n)
        work = f"synaptic events in a tick {core['synaptic_events_per_tick']:,.1f}"
        told.append(f"core {core['core']}: {core['node']} [{box}]<br>{use}<br>{work}")
    return told
