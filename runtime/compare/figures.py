"""All figures of a comparison."""

from __future__ import annotations

from pathlib import Path

from snnc.runtime.compare.result import Comparison
from snnc.runtime.report.figures import (
    draw_activity,
    draw_early_exit,
    draw_energies,
    draw_pareto,
)


def draw(comparison: Comparison, folder: Path, *, force: bool) -> list[Path]:
    """Accuracy against energy and ticks, energy by layer, activity, early exit.

    Returns:
        The files that were written.
    """
    points, titles = comparison.points, comparison.hardware
    return [
        *draw_pareto(points, titles, folder, force=force),
        *draw_energies(points, titles, folder, force=force),
        *draw_activity(points, folder, force=force),
        *draw_early_exit(points, folder, force=force),
    ]
