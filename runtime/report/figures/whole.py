"""All figures of one report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnc.runtime.report.figures.activity import draw_activity
from snnc.runtime.report.figures.early import draw_early_exit
from snnc.runtime.report.figures.energy import draw_layers
from snnc.runtime.report.figures.pareto import draw_pareto
from snnc.runtime.report.read import point_of


def draw_report(value: Mapping[str, Any], folder: Path, *, force: bool) -> list[Path]:
    """Energy by layer and hardware, activity, early exit; accuracy against energy by code.

    Args:
        value: the object of `snnc report --json`.
        folder: is made where it is missing.
        force: overwrite files.

    Returns:
        The files that were written.
    """
    point = point_of(value)
    titles = {name: value["energy"][name]["hardware"]["title"] for name in point.picojoule}
    return [
        *draw_layers(point, titles, folder, force=force),
        *draw_activity([point], folder, force=force),
        *draw_early_exit([point], folder, force=force),
        *draw_pareto(point.codes, titles, folder, force=force),
    ]
