"""Mean counts by layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snnc.runtime.figures import COLOURS, COLUMN, PAGE, figure, files, short
from snnc.runtime.report.point import Point

_NAMED = 40
"""Layers that are named along the axis at most."""
_MARKS = "osD^vPX"


def draw_activity(points: Sequence[Point], folder: Path, *, force: bool) -> list[Path]:
    """Mean |count| of a neuron in one frame, layer after layer, a line for each point.

    Layers that pass sums on have none and are left out. Names stand along the axis where all points
    have the same layers.

    Returns:
        The files that were written.
    """
    known = _told_apart(points)
    if not known:
        return []
    names = [list(means) for means in known.values()]
    alike = all(each == names[0] for each in names) and len(names[0]) <= _NAMED
    wide = PAGE if max(map(len, names)) > 15 else COLUMN
    with figure(folder, "activity", (wide, 2.2 + 0.14 * len(known)), force=force) as made:
        axes = made.add_subplot()
        for index, (label, means) in enumerate(known.items()):
            axes.plot(
                range(len(means)), list(means.values()), color=COLOURS[index % len(COLOURS)],
                marker=_MARKS[index % len(_MARKS)], markersize=3, label=label,
            )  # fmt: skip
        if alike:
            axes.set_xticks(
                range(len(names[0])), [short(n, 20) for n in names[0]], rotation=45, ha="right",
                rotation_mode="anchor",
            )  # fmt: skip
        else:
            axes.set_xlabel("layer that fires, in order")
            axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("mean count a frame")
        if len(known) > 1:
            made.legend(loc="outside upper center")
    return files(folder, "activity")


def _told_apart(points: Sequence[Point]) -> dict[str, dict[str, float]]:
    """Mean counts by layer, by label; points with the same ones (codes of a network) are one."""
    found: dict[tuple[tuple[str, float], ...], list[str]] = {}
    for p in points:
        means = tuple(
            (n, layer.mean_count) for n, layer in p.layers.items() if layer.mean_count is not None
        )
        if means:
            found.setdefault(means, []).append(p.name)
    return {
        short(names[0], 40) + (f" and {len(names) - 1} more" if names[1:] else ""): dict(means)
        for means, names in found.items()
    }
