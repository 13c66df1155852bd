"""Writing a report: the format follows the file's suffix."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

from snnc.ir.file import atomic_path
from snnc.runtime.npz import check_suffix
from snnc.runtime.report.model import Report


def write_report(report: Report, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write `.json`, `.csv` (one row for each population), `.html` or `.txt`.

    Raises:
        WrongUsage: another suffix.
        OutputExists: the file is there and `force` is false.
    """
    check_suffix(Path(path), tuple(WRITERS))
    text = WRITERS[Path(path).suffix](report)
    with atomic_path(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def as_json(report: Report) -> str:
    """The object of `snnc report --json`, indented."""
    return json.dumps(report.to_json(), indent=1, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """One row for each population; counters of the run, energies in pJ for one sample."""
    chips = [e.hardware.name for e in report.energy if e.picojoule is not None]
    rows = []
    for layer in report.layers:
        flat = {"population": layer.name, **layer.to_json()}
        energies = flat.pop("picojoule")
        rows.append({**flat, **{f"picojoule_{chip}": energies.get(chip, 0.0) for chip in chips}})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_text(report: Report) -> str:
    """The tables of the terminal, 100 columns, without colour."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=100, color_system=None)
    with console.capture() as capture:
        for part in report.render():
            console.print(part)
    return capture.get()


def as_html(report: Report) -> str:
    """One page that needs nothing else."""
    from snnc.runtime.report.page import page

    return page(report)


WRITERS: dict[str, Callable[[Report], str]] = {
    ".json": as_json,
    ".csv": as_csv,
    ".html": as_html,
    ".txt": as_text,
}
"""How each suffix is written."""
