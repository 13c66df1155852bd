"""Energy as stacked bars: a report's layers on each hardware, a comparison's points by layer."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snnc.runtime.figures import COLOURS, COLUMN, PAGE, figure, files, literal, short
from snnc.runtime.report.point import Point
from snnc.runtime.report.units import energy_unit

_ROWS = 40
"""Layers of a figure at most; the others are one bar."""
_PANELS = 3
"""Beside each other."""
_COLOURED = 6
"""Layers with a colour of their own where layers are stacked."""


def draw_layers(
    point: Point, titles: Mapping[str, str], folder: Path, *, force: bool
) -> list[Path]:
    """Energy by layer, a panel for each hardware, stacked by the figure that is paid.

    Returns:
        The files that were written.
    """
    chips = [name for name in titles if any(point.by_layer[name].values())]
    if not chips:
        return []
    rows = _rows(point.layers, [point.by_layer[chip] for chip in chips])
    keys = [key for chip in chips for paid in point.by_layer[chip].values() for key in paid]
    looks = {
        key: {"color": COLOURS[i % len(COLOURS)], "hatch": "//" if i >= len(COLOURS) else None}
        for i, key in enumerate(dict.fromkeys(keys))
    }
    wide = min(_PANELS, len(chips))
    high = math.ceil(len(chips) / wide)
    size = (COLUMN if wide == 1 else PAGE), high * (0.8 + 0.15 * len(rows)) + 0.4
    with figure(folder, "energy-by-layer", size, force=force) as made:
        panels = made.subplots(high, wide, squeeze=False)
        shown: dict[str, Any] = {}
        for index, panel in enumerate(panels.flat):
            panel.set_visible(index < len(chips))
            if index >= len(chips):
                continue
            shown |= _panel(panel, point.by_layer[chips[index]], rows, looks)
            panel.set_title(_folded(titles[chips[index]]), loc="left")
            names = [short(row) for row in rows] if index % wide == 0 else []
            panel.set_yticks(range(len(names)), names)
        made.legend(
            shown.values(), [literal(key.replace("_", " ")) for key in shown],
            loc="outside lower center", ncols=2 if wide == 1 else 4, handlelength=0.9,
        )  # fmt: skip
    return files(folder, "energy-by-layer")


def _panel(
    panel: Any,
    by_layer: Mapping[str, Mapping[str, float]],
    rows: Mapping[str, Sequence[str]],
    looks: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Draw one hardware's bars; what stands in them by figure."""
    amounts = {
        key: [sum(by_layer.get(n, {}).get(key, 0.0) for n in names) for names in rows.values()]
        for key in looks
    }
    factor, unit = energy_unit(max(map(sum, zip(*amounts.values(), strict=True))))
    left, shown = [0.0] * len(rows), {}
    for key, each in amounts.items():
        if not any(each):
            continue
        width = [amount / factor for amount in each]
        shown[key] = panel.barh(range(len(rows)), width, left=left, height=0.75, **looks[key])
        left = [a + b for a, b in zip(left, width, strict=True)]
    panel.invert_yaxis()
    panel.set_xlabel(f"energy of one sample, {unit}")
    panel.margins(y=0.02)
    return shown


def _folded(title: str) -> str:
    """In lines as wide as a panel."""
    return literal(textwrap.fill(title, 30))


def _rows(
    order: Iterable[str], given: Sequence[Mapping[str, Mapping[str, float]]]
) -> dict[str, list[str]]:
    """Layers by row: every one that costs something, or the dearest and the others together."""
    names = dict.fromkeys([*order, *(name for by_layer in given for name in by_layer)])
    shares = {
        name: max(sum(each.get(name, {}).values()) / (_total(each) or 1.0) for each in given)
        for name in names
    }
    paid = [name for name in names if shares[name] > 0]
    if len(paid) <= _ROWS:
        return {name: [name] for name in paid}
    kept = set(sorted(paid, key=lambda name: -shares[name])[: _ROWS - 1])
    others = [name for name in paid if name not in kept]
    return {name: [name] for name in paid if name in kept} | {f"{len(others)} others": others}


def _total(by_layer: Mapping[str, Mapping[str, float]]) -> float:
    return sum(sum(paid.values()) for paid in by_layer.values())


def draw_energies(
    points: Sequence[Point], titles: Mapping[str, str], folder: Path, *, force: bool
) -> list[Path]:
    """For each hardware: a bar for each point, stacked by layer, a line for the published range.

    Returns:
        The files that were written.
    """
    written = []
    for chip, title in titles.items():
        chosen = [p for p in points if chip in p.picojoule and any(p.by_layer[chip].values())]
        if not chosen:
            continue
        name = f"energy-{chip}"
        with figure(folder, name, (COLUMN, 1.5 + 0.28 * len(chosen)), force=force) as made:
            _bars(made.add_subplot(), chosen, chip, literal(title))
            made.legend(loc="outside lower center", ncols=3, handlelength=0.9, columnspacing=1.0)
        written += files(folder, name)
    return written


def _bars(axes: Any, points: Sequence[Point], chip: str, title: str) -> None:
    paid = [{n: sum(f.values()) for n, f in p.by_layer[chip].items()} for p in points]
    names = dict.fromkeys(name for each in paid for name in each)
    most = {name: max(each.get(name, 0.0) for each in paid) for name in names}
    kept = set(sorted(names, key=lambda name: -most[name])[:_COLOURED])
    factor, unit = energy_unit(max(p.picojoule[chip] for p in points))
    left = [0.0] * len(points)
    layers: list[tuple[str, list[float], str]] = [
        (short(name, 20), [each.get(name, 0.0) for each in paid], COLOURS[index])
        for index, name in enumerate(name for name in names if name in kept)
    ]
    others = [sum(v for n, v in each.items() if n not in kept) for each in paid]
    if any(others):
        layers.append((f"{len(names) - len(kept)} others", others, COLOURS[-1]))
    for label, amounts, colour in layers:
        width = [amount / factor for amount in amounts]
        axes.barh(range(len(points)), width, left=left, height=0.7, color=colour, label=label)
        left = [a + b for a, b in zip(left, width, strict=True)]
    for row, p in enumerate(points):
        low, high = p.picojoule_low[chip] / factor, p.picojoule_high[chip] / factor
        if low < high:
            axes.plot([low, high], [row, row], color="black", linewidth=0.8)
    axes.set_yticks(range(len(points)), [short(p.name) for p in points])
    axes.invert_yaxis()
    axes.set_xlabel(f"energy of one sample, {unit}")
    axes.set_title(title, loc="left")
