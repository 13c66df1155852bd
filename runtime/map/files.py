"""Writing a mapping: the format follows the file's suffix."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from snnc.ir.file import atomic_path
from snnc.runtime.map.picture import draw_html, draw_png
from snnc.runtime.map.result import MapResult
from snnc.runtime.npz import check_suffix


def write_map(result: MapResult, path: Path, *, force: bool = False) -> None:
    """Write `.json` or `.csv` (every core), or draw `.png` or `.html` (core maps).

    Raises:
        WrongUsage: another suffix.
        OutputExists: the file is there and `force` is false.
        MissingExtra: matplotlib or plotly is not installed.
    """
    check_suffix(path, SUFFIXES)
    with atomic_path(path, force=force) as temporary:
        _WRITERS[path.suffix](temporary, result)


def _write_json(path: Path, result: MapResult) -> None:
    path.write_text(
        json.dumps(result.with_cores(), indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )


def _write_csv(path: Path, result: MapResult) -> None:
    rows = []
    for core in result.cores():
        use, router = core.pop("use"), core.pop("router") or ("", "")
        box = " x ".join(f"{lo}:{hi}" for lo, hi in core.pop("box"))
        place = {"box": box, "router_column": router[0], "router_row": router[1]}
        rows.append({**core, **place, **use})
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


_WRITERS: dict[str, Callable[[Path, MapResult], None]] = {
    ".json": _write_json,
    ".csv": _write_csv,
    ".png": draw_png,
    ".html": draw_html,
}
SUFFIXES = tuple(_WRITERS)
"""What `write_map` writes."""
