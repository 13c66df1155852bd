"""`snnc.compare`: reports that are there, or made of models in several codes."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, WrongUsage
from snnc.ir.file import atomic_path, check_output
from snnc.runtime.compare.result import Comparison, Point
from snnc.runtime.compare.tables import as_csv, as_json, as_latex, as_markdown
from snnc.runtime.data import DataSet
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress
from snnc.runtime.report import Report, report

Compared = str | os.PathLike[str] | Report | Mapping[str, Any]
"""A model's path, a report's `.json`, a report, or its JSON object."""


def compare(
    given: Sequence[Compared],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str] | None = None,
    *,
    codes: Sequence[str] = (),
    hardware: Sequence[str | os.PathLike[str]] = (),
    engine: str | None = None,
    limit: int | None = None,
    output: Sequence[str | os.PathLike[str]] = (),
    figures: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Put reports side by side.

    Args:
        given: models (`.snnc` files, bundle folders), which are run on `data`, and reports
            (`.json` files, `Report`s or their JSON objects), which are taken as they are.
        data: for the models.
        codes: event codes that every model is run in; none: its own.
        hardware, engine, limit: as of `snnc.report`, for the models.
        output: files to write, the format by suffix: `.json`, `.csv`, `.md`, `.tex`.
        figures: folder for the plots of accuracy, energy and ticks (`.png`, `.svg`, `.pdf`).
        force: overwrite files.
        progress: is told after each batch.

    Raises:
        WrongUsage: fewer than two points, or models without data.
        BadInputFile: a `.json` is no report.
        SnncError: by its subclass, as of `snnc.report`.
    """
    for path in output:
        check_suffix(Path(path), tuple(WRITERS))
        check_output(path, force=force)
    values: list[Mapping[str, Any]] = []
    for one in given:
        if isinstance(one, Report):
            values.append(one.to_json())
        elif isinstance(one, Mapping):
            values.append(one)
        elif Path(one).suffix == ".json":
            values.append(_read(Path(one)))
        else:
            values += _reports(one, data, codes, hardware, engine, limit, progress)
    if len(values) < 2:
        raise WrongUsage(
            "a comparison needs two points", hint="name more models or reports, or several --code"
        )
    found = Comparison(points=_named([_point(v) for v in values]), hardware=_titles(values))
    return _write(found, output, figures, force=force)


def _reports(
    model: str | os.PathLike[str],
    data: Any,
    codes: Sequence[str],
    hardware: Sequence[str | os.PathLike[str]],
    engine: str | None,
    limit: int | None,
    progress: Progress | None,
) -> list[Mapping[str, Any]]:
    if data is None:
        raise WrongUsage(
            "a model is compared on data", where=str(model), hint="name some with --data"
        )
    return [
        report(
            model, data, hardware=hardware, engine=engine, code=code, limit=limit, progress=progress
        ).to_json()
        for code in codes or (None,)
    ]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise BadInputFile("is not what `snnc report --json` prints", where=str(path))
    return value


def _point(value: Mapping[str, Any]) -> Point:
    try:
        n_samples, counters = int(value["n_samples"]), value["counters"]
        provenance, accuracy = value["provenance"], value["accuracy"]
        return Point(
            name=str(value["model"]),
            model=str(value["model"]),
            code=str(value["code"]),
            schedule=str(value["schedule"]),
            weight_bits=_whole(provenance.get("weight_bits")),
            levels=_whole(provenance.get("levels")),
            n_samples=n_samples,
            accuracy=None if accuracy is None else _amount(accuracy),
            n_ticks=int(value["n_ticks"]),
            **{
                key: int(counters[key]) / n_samples
                for key in ("spikes", "synaptic_events", "unit_spike_operations", "dense_macs")
            },
            picojoule={
                _plain(name, e): _amount(e["picojoule"])
                for name, e in value["energy"].items()
                if e["picojoule"] is not None
            },
            graph_hash=str(value["graph_hash"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BadInputFile(
            f"is not what `snnc report --json` prints ({type(error).__name__}: {error})",
            where=str(value.get("model", "report")),
        ) from None


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _amount(value: Any) -> float:
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"{value} is no amount")
    return float(value)


def _plain(name: str, energy: Mapping[str, Any]) -> str:
    """The hardware's name, which plots' files are named by, where its title is there, too."""
    if not isinstance(energy["hardware"]["title"], str) or "/" in name or "\0" in name:
        raise ValueError(f"`{name}` is no hardware")
    return name


def _named(points: Sequence[Point]) -> tuple[Point, ...]:
    """Names told apart by what differs, then by number."""
    named: list[Point] = []
    for point in points:
        alike = [p for p in points if p.model == point.model]
        parts = [point.model]
        if len({p.code for p in alike}) > 1:
            parts.append(point.code)
        if len({p.weight_bits for p in alike}) > 1:
            parts.append(f"{point.weight_bits} bits")
        if len({p.levels for p in alike}) > 1:
            parts.append(f"D = {point.levels}")
        name = ", ".join(parts)
        taken = {p.name for p in named}
        number = 2
        while name in taken:
            name, number = f"{', '.join(parts)} ({number})", number + 1
        named.append(replace(point, name=name))
    return tuple(named)


def _titles(values: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {
        str(name): str(e["hardware"]["title"])
        for value in values
        for name, e in value["energy"].items()
        if e["picojoule"] is not None
    }


def _write(
    found: Comparison,
    output: Sequence[str | os.PathLike[str]],
    figures: str | os.PathLike[str] | None,
    *,
    force: bool,
) -> Comparison:
    files = [Path(path) for path in output]
    if figures is not None:
        from snnc.runtime.compare.figures import draw

        files += draw(found, Path(figures), force=force)
    found = replace(found, files=tuple(files))
    for path in output:
        with atomic_path(path, force=force) as temporary:
            text = WRITERS[Path(path).suffix](found)
            temporary.write_text(text, encoding="utf-8", newline="")
    return found


WRITERS: dict[str, Callable[[Comparison], str]] = {
    ".json": as_json,
    ".csv": as_csv,
    ".md": as_markdown,
    ".tex": as_latex,
}
"""How each suffix is written."""
