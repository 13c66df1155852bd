"""Figures for papers: one look, three formats, nothing but matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snnc.ir.errors import MissingExtra
from snnc.ir.file import atomic_path, check_output

FORMATS = ("png", "svg", "pdf")
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""Paul Tol's bright scheme, which colour-blind readers can tell apart (SRON/EPS/TN/09-002)."""
COLUMN, PAGE = 3.4, 7.0
"""Widths of a column and of both columns of a two-column paper, inches."""
_STYLE: dict[Any, Any] = {
    "font.size": 8.0, "axes.titlesize": 8.0, "axes.labelsize": 8.0, "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0, "legend.fontsize": 7.0, "axes.linewidth": 0.6, "lines.linewidth": 1.0,
    "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "snnc",
}  # fmt: skip


_NAMES = ("pareto-*", "energy-*", "activity", "early-exit")
"""Of the figures of a report or a comparison."""


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse before a long run what could not be written after it.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputExists: a figure is there and `force` is false.
    """
    _matplotlib()
    there = [path for name in _NAMES for kind in FORMATS for path in folder.glob(f"{name}.{kind}")]
    for path in there:
        check_output(path, force=force)


def _matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtra("figures need matplotlib", hint="pip install 'snnc[report]'") from error


@contextmanager
def figure(folder: Path, name: str, size: tuple[float, float], *, force: bool) -> Iterator[Any]:
    """A matplotlib figure that is written as `folder/name.png`, `.svg` and `.pdf` at the end.

    Args:
        folder: is made where it is missing.
        name: of the files.
        size: inches.
        force: overwrite files.

    Raises:
        MissingExtra: matplotlib is not installed.
        OutputExists: a file is there and `force` is false.
    """
    _matplotlib()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    paths = files(folder, name)
    for path in paths:
        check_output(path, force=force)
    with rc_context(_STYLE):
        made = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(made)
        yield made
        for path in paths:
            kind = path.suffix[1:]
            dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
            with atomic_path(path, force=force) as temporary:
                made.savefig(temporary, format=kind, dpi=300, metadata=dated)


def files(folder: Path, name: str) -> list[Path]:
    """What `figure` writes."""
    return [folder / f"{name}.{kind}" for kind in FORMATS]


def literal(text: str) -> str:
    """As matplotlib shows it as it is: $ begins formulas."""
    return text.replace("$", r"\$")


def short(text: str, most: int = 28) -> str:
    """A label of bounded width: the end of a long path says more than its beginning."""
    return literal(text if len(text) <= most else "…" + text[1 - most :])
