"""`snnc.compare`: reports that are there, or made of models in several codes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from snnc.ir.arrays import Array
from snnc.ir.codes import CODES
from snnc.ir.errors import BadInputFile, WrongUsage
from snnc.ir.file import atomic_path, check_outputs
from snnc.runtime.compare.alike import Given, check_alike
from snnc.runtime.compare.result import Comparison
from snnc.runtime.compare.tables import as_csv, as_json, as_latex, as_markdown
from snnc.runtime.data import DataSet
from snnc.runtime.figures import check_folder
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress
from snnc.runtime.report import Report, report
from snnc.runtime.report.point import Point
from snnc.runtime.report.read import point_of

Compared = str | os.PathLike[str] | Report | Mapping[str, Any]
"""A model's path, a report's `.json`, a report, or its JSON object."""


def compare(
    given: Sequence[Compared],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str] | None = None,
    *,
    codes: Sequence[str] = (),
    output: Sequence[str | os.PathLike[str]] = (),
    figures: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Comparison:
    """Put reports side by side.

    Args:
        given: models (`.snnc` files, bundle folders), which are run on `data`, and reports
            (`.json` files, `Report`s or their JSON objects), which are taken as they are.
        data: for the models.
        codes: event codes that every model is run in, beside `code` where the options name one;
            none: that one, or its own.
        output: files to write, the format by suffix: `.json`, `.csv`, `.md`, `.tex`, `.html`.
        figures: folder for plots (`.png`, `.svg`, `.pdf`): accuracy against energy and ticks,
            energy by layer, activity, early exit.
        force: overwrite files.
        progress: is told after each batch.
        options: of `snnc.report`, for the models: `hardware`, `include`, `exclude`, `statistics`,
            `engine`, `schedule`, `limit`, `map` and so on.

    Raises:
        WrongUsage: fewer than two points, or models without data.
        BadInputFile: a `.json` is no report, or its energies are of other figures or parts.
        SnncError: by its subclass, as of `snnc.report`.
    """
    _check_options(codes, options)
    for path in output:
        check_suffix(Path(path), tuple(WRITERS))
    check_outputs(output, force=force)
    if figures is not None:
        check_folder(Path(figures), force=force)
    values: list[Given] = []
    for one in given:
        if isinstance(one, Report):
            values.append((one.to_json(), one.name))
        elif isinstance(one, Mapping):
            values.append((one, str(one.get("model", "report"))))
        elif Path(one).suffix == ".json":
            values.append((_read(Path(one)), str(one)))
        else:
            made = _reports(one, data, codes, {**options, "progress": progress})
            values += [(value, str(one)) for value in made]
    if len(values) < 2:
        raise WrongUsage(
            "a comparison needs two points", hint="name more models or reports, or several --code"
        )
    return write_comparison(comparison_of(values), output, figures, force=force)


def comparison_of(values: Sequence[Given]) -> Comparison:
    """Reports' JSON objects, each with what it is called in errors, side by side.

    Raises:
        BadInputFile: one is no report, or adds up other energies than the others do.
    """
    files = [Path(where).stem for _, where in values]
    points = _named([point_of(value, where) for value, where in values], files)
    chips: dict[str, Mapping[str, Any]] = {}
    alike: dict[str, Given] = {}
    assumptions: dict[str, dict[str, None]] = {}
    baselines: dict[str, str] = {}
    definitions: dict[str, str] = {}
    for value, where in values:
        for name, energy in value["energy"].items():
            if energy["picojoule"] is None:
                continue
            chips.setdefault(name, energy["hardware"])
            check_alike(name, alike.setdefault(name, (value, where)), (value, where))
            assumptions.setdefault(name, {}).update(dict.fromkeys(energy["assumptions"]))
        baselines |= {name: each["title"] for name, each in value["baseline"].items()}
        definitions |= value["definitions"]
    return Comparison(
        points=points,
        hardware={name: chip["title"] for name, chip in chips.items()},
        chips=chips,
        assumptions={name: tuple(texts) for name, texts in assumptions.items()},
        baselines=baselines,
        definitions=definitions,
    )


def _reports(
    model: str | os.PathLike[str], data: Any, codes: Sequence[str], options: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    if data is None:
        raise WrongUsage(
            "a model is compared on data", where=str(model), hint="name some with --data"
        )
    settings = {key: value for key, value in options.items() if key != "code"}
    first = options.get("code")
    if codes and first is not None:
        codes = list(dict.fromkeys([first, *codes]))  # as of one model: its run's, and those beside
    exact = {key: value for key, value in settings.items() if key not in _OF_RATE}
    several = "rate" in codes
    return [
        report(
            model,
            data,
            **(exact if several and code != "rate" else settings),
            codes=["own"],
            code=code,
        ).to_json()
        for code in codes or (first,)
    ]


_OF_RATE = ("rate_ticks", "rate_reset", "rate_pools")
"""Options of runs in code `rate`, which runs in other codes refuse."""


def _check_options(codes: Sequence[str], options: Mapping[str, Any]) -> None:
    """Refuse codes that are none, and what belongs to one model alone."""
    for code in codes:
        if code not in CODES:
            raise WrongUsage(
                f"`{code}` is no event code", hint=f"several models: some of {', '.join(CODES)}"
            )
    of_one = {"verification": options.get("verification"), "map": options.get("map")}
    chip = of_one["map"]
    if isinstance(chip, str | os.PathLike) and Path(chip).suffix != ".json":
        of_one["map"] = None  # the name of a chip, which every model is mapped onto
    for name, value in of_one.items():
        if value is not None:
            raise WrongUsage(
                f"what `{name}` names is of one model, and several are compared",
                hint="report each by itself to a .json, then compare those",
            )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(path)) from None
    if not isinstance(value, dict):
        raise BadInputFile("is not what `snnc report --json` prints", where=str(path))
    return value


def _named(points: Sequence[Point], files: Sequence[str]) -> tuple[Point, ...]:
    """Names told apart by what differs: file, code, bits, levels; then by number."""
    named: list[Point] = []
    for point, file in zip(points, files, strict=True):
        alike = [i for i, p in enumerate(points) if p.model == point.model]
        parts = [file if len({files[i] for i in alike}) > 1 else point.model]
        for key, words in _DIFFERENCES.items():
            if len({getattr(points[i], key) for i in alike}) > 1:
                parts.append(words.format(getattr(point, key)))
        name = ", ".join(parts)
        taken = {p.name for p in named}
        number = 2
        while name in taken:
            name, number = f"{', '.join(parts)} ({number})", number + 1
        named.append(replace(point, name=name))
    return tuple(named)


_DIFFERENCES = {"code": "{}", "weight_bits": "{} bits", "levels": "D = {}"}
"""What tells points of one model apart, in words."""


def write_comparison(
    found: Comparison,
    output: Sequence[str | os.PathLike[str]],
    figures: str | os.PathLike[str] | None,
    *,
    force: bool,
) -> Comparison:
    """Write tables, pages and figures; the comparison then names its files.

    Raises:
        WrongUsage: a suffix that is not among `WRITERS`.
        OutputExists: a file is there and `force` is false.
    """
    for path in output:
        check_suffix(Path(path), tuple(WRITERS))
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


def as_html(comparison: Comparison) -> str:
    """One page that needs nothing else."""
    from snnc.runtime.report.page import comparison_page

    return comparison_page(comparison.to_json())


WRITERS: dict[str, Callable[[Comparison], str]] = {
    ".json": as_json,
    ".csv": as_csv,
    ".md": as_markdown,
    ".tex": as_latex,
    ".html": as_html,
}
"""How each suffix is written."""
