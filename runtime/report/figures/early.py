"""Accuracy against ticks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snnc.runtime.figures import COLOURS, COLUMN, figure, files, short
from snnc.runtime.report.point import Point


def draw_early_exit(points: Sequence[Point], folder: Path, *, force: bool) -> list[Path]:
    """What reading the output at each tick would have given, a line for each point.

    Accuracy where the data have labels; else the share of samples whose class is the final one.
    Points whose output has one tick only are left out.

    Returns:
        The files that were written.
    """
    known = [(p, p.early_exit) for p in points if p.early_exit and len(p.early_exit.ticks) > 1]
    if not known:
        return []
    right = all(early.accuracy is not None for _, early in known)
    with figure(folder, "early-exit", (COLUMN, 2.1 + 0.14 * len(known)), force=force) as made:
        axes = made.add_subplot()
        for index, (p, early) in enumerate(known):
            shares = early.accuracy if right and early.accuracy is not None else early.agreement
            axes.step(
                early.ticks, [100 * share for share in shares], where="post",
                color=COLOURS[index % len(COLOURS)], label=short(p.name, 48),
            )  # fmt: skip
        axes.set_xlabel("tick at which the output is read")
        axes.set_ylabel("accuracy, %" if right else "samples with their final class, %")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
        if len(known) > 1:
            made.legend(loc="outside upper center")
    return files(folder, "early-exit")
