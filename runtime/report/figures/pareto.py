"""The Pareto plot: accuracy against energy, ticks as the size of the points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snnc.runtime.figures import COLOURS, COLUMN, figure, files, literal
from snnc.runtime.report.point import Point, front
from snnc.runtime.report.units import energy_unit

_SMALLEST, _LARGEST = 14.0, 160.0
"""Areas of the points of fewest and most ticks, in square points."""
_POINTS, _LETTERS = 4, 16
"""Points, and letters of their names, that are written beside their places; else numbers are."""
_NARROW = 5.0
"""Ratio of energies below which the axis is linear: a logarithmic one would show one tick."""

_ALIKE = 10.0
"""Per cent around an accuracy that all points share."""


def draw_pareto(
    points: Sequence[Point], titles: Mapping[str, str], folder: Path, *, force: bool
) -> list[Path]:
    """One plot for each hardware, for the points that have an accuracy and an energy.

    Returns:
        The files that were written.
    """
    written = []
    for chip, title in titles.items():
        known = [p for p in points if p.accuracy is not None and p.picojoule.get(chip)]
        if len(known) < 2:
            continue
        numbered = len(known) > _POINTS or max(len(_words(p)) for p in known) > _LETTERS
        size = COLUMN, 0.8 * COLUMN + (0.14 * len(known) if numbered else 0.0)
        with figure(folder, f"pareto-{chip}", size, force=force) as made:
            axes = made.add_subplot()
            labels = [str(i) if numbered else literal(_words(p)) for i, p in enumerate(known, 1)]
            unit = _draw(axes, known, labels, front(points, chip), chip)
            axes.set_xlabel(f"energy of one sample, {unit}\n{literal(title)}")
            if numbered:
                lines = [f"{i}  {literal(_words(p))}" for i, p in enumerate(known, 1)]
                _legend(made, lines)
        written += files(folder, f"pareto-{chip}")
    return written


def _words(p: Point) -> str:
    return p.name if p.exact else f"{p.name} (inexact)"


def _legend(made: Any, lines: Sequence[str]) -> None:
    """What the numbers stand for, without marks of its own."""
    from matplotlib.lines import Line2D

    nothing = [Line2D([], [], linestyle="") for _ in lines]
    made.legend(
        nothing, lines, loc="outside lower center", handlelength=0, handletextpad=0, borderpad=0
    )


def _draw(
    axes: Any, points: Sequence[Point], labels: Sequence[str], best: Sequence[str], chip: str
) -> str:
    """Draw the points; the unit of their energies."""
    factor, unit = energy_unit(min(p.picojoule[chip] for p in points))
    energies = [p.picojoule[chip] / factor for p in points]
    shares = [100 * (p.accuracy or 0.0) for p in points]
    _axis(axes, energies)
    ahead = sorted(
        (e, a) for e, a, p in zip(energies, shares, points, strict=True) if p.name in best
    )
    reached = list(itertools.accumulate((accuracy for _, accuracy in ahead), max))
    axes.step(
        [energy for energy, _ in ahead],
        reached,
        where="post",
        color="0.6",
        linestyle="--",
        zorder=1,
    )
    models = list(dict.fromkeys(p.model for p in points))
    most = max(p.n_ticks for p in points)
    for p, place in zip(points, zip(energies, shares, strict=True), strict=True):
        colour = COLOURS[models.index(p.model) % len(COLOURS)]
        axes.scatter(
            *place, s=_SMALLEST + (_LARGEST - _SMALLEST) * p.n_ticks / most,
            facecolor=colour if p.name in best else "white", edgecolor=colour,
            linewidth=1.0, linestyle="-" if p.exact else ":", zorder=2,
        )  # fmt: skip
    for index, (label, place) in enumerate(
        zip(labels, zip(energies, shares, strict=True), strict=True)
    ):
        _name(axes, place, label, index)
    axes.set_ylabel("accuracy, %")
    axes.set_title(f"area: ticks, at most {most:,}; filled: not beaten", loc="left")
    axes.margins(0.18)
    low, high = axes.get_ylim()
    if len(set(shares)) == 1:
        low, high = shares[0] - _ALIKE, shares[0] + _ALIKE
    axes.set_ylim(low, min(high, 100 + (high - low) / 10))
    return unit


def _axis(axes: Any, energies: Sequence[float]) -> None:
    """Logarithmic over a wide range, linear over a narrow one; numbers on it either way."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    if max(energies) / min(energies) >= _NARROW:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _name(axes: Any, place: tuple[float, float], words: str, index: int) -> None:
    """Beside the point, above and below in turn: equal accuracies are common."""
    low, high = axes.dataLim.intervalx
    middle = math.sqrt(low * high) if axes.get_xscale() == "log" else (low + high) / 2
    right = place[0] > middle  # words run towards the middle
    axes.annotate(
        words, place, (-5 if right else 5, 7 if index % 2 == 0 else -12),
        textcoords="offset points", fontsize=6, ha="right" if right else "left",
    )  # fmt: skip
