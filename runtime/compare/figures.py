"""The Pareto plot: accuracy against energy, ticks as the size of the points."""

from __future__ import annotations

import math
from pathlib import Path

from snnc.runtime.compare.result import Comparison, Point
from snnc.runtime.figures import COLOURS, COLUMN, figure, files

_SMALLEST, _LARGEST = 14.0, 160.0
"""Areas of the points of fewest and most ticks, in square points."""


def draw(comparison: Comparison, folder: Path, *, force: bool) -> list[Path]:
    """One plot for each hardware, for the points that have an accuracy.

    Returns:
        The files that were written.
    """
    written = []
    for hardware, title in comparison.hardware.items():
        points = [
            p for p in comparison.points if p.accuracy is not None and p.picojoule.get(hardware)
        ]
        if not points:
            continue
        _draw_one(comparison, hardware, title, points, folder, force)
        written += files(folder, f"pareto-{hardware}")
    return written


def _draw_one(
    comparison: Comparison,
    hardware: str,
    title: str,
    points: list[Point],
    folder: Path,
    force: bool,
) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    best = comparison.pareto(hardware)
    most = max(p.n_ticks for p in points)
    models = list(dict.fromkeys(p.model for p in points))
    with figure(folder, f"pareto-{hardware}", (COLUMN, 0.8 * COLUMN), force=force) as made:
        axes = made.add_subplot()
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        middle = math.sqrt(math.prod(f(p.picojoule[hardware] for p in points) for f in (min, max)))
        front = sorted((p for p in points if p.name in best), key=lambda p: p.picojoule[hardware])
        axes.step(
            [p.picojoule[hardware] / 1e3 for p in front],
            [100 * (p.accuracy or 0.0) for p in front],
            where="post", color="0.6", linestyle="--", zorder=1,
        )  # fmt: skip
        for p in points:
            colour = COLOURS[models.index(p.model) % len(COLOURS)]
            place = p.picojoule[hardware] / 1e3, 100 * (p.accuracy or 0.0)
            area = _SMALLEST + (_LARGEST - _SMALLEST) * p.n_ticks / most
            axes.scatter(
                *place, s=area, facecolor=colour if p.name in best else "white",
                edgecolor=colour, linewidth=1.0, zorder=2,
            )  # fmt: skip
            right = p.picojoule[hardware] > middle  # words run towards the middle
            axes.annotate(
                _literal(p.name), place, (-6 if right else 6, 6),
                textcoords="offset points", fontsize=6,
                ha="right" if right else "left",
            )  # fmt: skip
        axes.set_xlabel(f"energy of one sample, nJ ({_literal(title)})")
        axes.set_ylabel("accuracy, %")
        axes.set_title(f"area: ticks, at most {most:,}; filled: not beaten", loc="left")
        axes.margins(0.15)


def _literal(text: str) -> str:
    """As matplotlib shows it as it is: $ begins formulas."""
    return text.replace("$", r"\$")
