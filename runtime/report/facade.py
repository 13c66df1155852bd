"""`snnc.report`: run, count, estimate, write."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snnc.backends.registry import ALIASES
from snnc.ir.arrays import Array
from snnc.ir.errors import BadInputFile, WrongUsage
from snnc.ir.file import check_outputs
from snnc.ir.registry import did_you_mean
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.energy import Part, load_each, load_hardware
from snnc.runtime.energy.figures import PARTS
from snnc.runtime.feeds import Feeder
from snnc.runtime.figures import check_folder
from snnc.runtime.model import Model, load
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress
from snnc.runtime.report.build import build_report
from snnc.runtime.report.codes import EXACT, RATE, chosen_codes, run_others
from snnc.runtime.report.files import WRITERS, write_report
from snnc.runtime.report.mapfile import MapJson, checked_map, read_map
from snnc.runtime.report.mapped import check_map, map_run
from snnc.runtime.report.model import Report
from snnc.runtime.run import RunResult, run
from snnc.runtime.statistics import DEFAULT_SAMPLES, Gathered, gather
from snnc.runtime.trace import trace

DEFAULT_HARDWARE = ("45nm", "45nm-int8", "loihi1")
MAX_MEMBRANES = 100_000_000
"""Neurons x ticks whose membranes are kept for the page: 800 MB while it is made."""


def report(
    model: Model | str | os.PathLike[str],
    data: DataSet | Array | Mapping[str, Array] | str | os.PathLike[str],
    *,
    hardware: Sequence[str | os.PathLike[str]] = (),
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    codes: Sequence[str] = (EXACT,),
    statistics: int = DEFAULT_SAMPLES,
    engine: str | None = None,
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    limit: int | None = None,
    output: Sequence[str | os.PathLike[str]] = (),
    figures: str | os.PathLike[str] | None = None,
    verification: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    map: MapJson | str | os.PathLike[str] | None = None,
    command: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Run a model and say what that cost.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        data: samples (and labels): `.npz`, `.npy`, a name, an array, or one for each input.
        hardware: names of shipped hardware files or paths of own ones; none: 45nm,
            45nm-int8 and loihi1.
        include, exclude: parts of the energy (`synapses`, `neurons`, `spikes`, `hops`, `memory`,
            `static`) that totals add up or leave out; the others are as the hardware file says.
            What is left out is shown beside the total.
        codes: event codes to show beside the run's own: names, `exact` (burst, graded and, where
            there are frames, delta) or `own`.
        statistics: samples that are looked at one by one; 0: none.
        engine, code, schedule, limit: as of `snnc.run`.
        rate_ticks, rate_reset, rate_pools: likewise; of the run, or of `rate` among `codes`.
        output: files to write, the format by suffix: `.json`, `.csv`, `.html`, `.txt`. An HTML
            page shows the raster of the first sample as well.
        figures: folder for plots (`.png`, `.svg`, `.pdf`): energy by layer and hardware, activity,
            early exit, accuracy against energy by event code.
        verification: what `snnc verify --json` printed, as an object or a file: the page's part
            on fidelity.
        map: a chip that the model is mapped onto in the same settings, or what `snnc map -o
            map.json` wrote, as an object or a file: its hops and chips enter the energy there.
        command: as it was typed, for the provenance.
        force: overwrite files.
        progress: is told after each batch.

    Raises:
        UnknownHardware: a hardware file is missing or malformed.
        WrongUsage: two hardware files of one name, or one file that is to be written twice.
        SnncError: by its subclass, as of `snnc.run` and `write_report`.
    """
    parts = _parts(include, exclude)
    given = _given_map(map)
    chip = None if map is None else _chip_of(map, given)
    chips = [*load_each(hardware or DEFAULT_HARDWARE)]
    if chip is not None and Path(chip).stem not in {each.name for each in chips}:
        chips.append(load_hardware(chip))
    verified = _read_verification(verification)
    _check_outputs(output, figures, force)
    chosen_codes(codes, "graded", 1)  # refuses unknown words before the run
    model = model if isinstance(model, Model) else load(model)
    feeder = Feeder(model.file)
    samples = load_data(data, feeder.shape, feeder.names, model.preparation)
    rate: dict[str, Any] = {
        "rate_ticks": rate_ticks,
        "rate_reset": rate_reset,
        "rate_pools": rate_pools,
    }
    beside = RATE in codes and (code or model.settings.code) != RATE
    result = run(
        model,
        samples,
        engine=engine,
        code=code,
        schedule=schedule,
        **({} if beside else rate),
        limit=limit,
        progress=progress,
    )
    mapping = given or (map_run(model, chip, samples, result, progress) if chip else None)
    if mapping is not None:
        check_map(mapping, model, result)
    pages = any(Path(path).suffix == ".html" for path in output)
    found = build_report(
        model,
        result,
        hardware=chips,
        parts=parts,
        others=run_others(model, samples.limit(limit), result, codes, progress, rate),
        gathered=_gathered(model, samples.limit(limit), result, statistics, progress),
        data=samples.name,
        trace=trace(
            model,
            samples,
            sample=0,
            code=result.code,
            schedule=result.schedule,
            membranes=_n_membranes(model, result.n_ticks) <= MAX_MEMBRANES,
            **({} if result.rate is None else result.rate.options()),
        )
        if pages
        else None,
        verification=verified,
        mapping=mapping,
        command=command,
    )
    for path in output:
        write_report(found, path, force=force)
    if figures is not None:
        from snnc.runtime.report.figures import draw_report

        draw_report(found.to_json(), Path(figures), force=force)
    return found


def _given_map(map: MapJson | str | os.PathLike[str] | None) -> MapJson | None:
    """A mapping that was made before; None where one is to be made, or none is wanted."""
    if isinstance(map, str | os.PathLike):
        return read_map(map)
    return None if map is None else checked_map(map, "map")


def _chip_of(
    map: MapJson | str | os.PathLike[str], given: MapJson | None
) -> str | os.PathLike[str]:
    """The chip of a mapping that is given, or the one to map onto."""
    if given is not None:
        return str(given["target"])
    assert isinstance(map, str | os.PathLike)
    return ALIASES.get(map, map) if isinstance(map, str) else map


def _gathered(
    model: Model, samples: DataSet, own: RunResult, n: int, progress: Progress | None
) -> Gathered | None:
    if n <= 0:
        return None
    rate = {} if own.rate is None else own.rate.options()
    settings = model.run_settings(own.code, own.schedule, **rate)
    return gather(model, samples.limit(n), settings, engine=own.engine, progress=progress)


def _parts(include: Sequence[str], exclude: Sequence[str]) -> dict[Part, bool]:
    """By part whether totals add it up; parts that were not named are absent."""
    for part in (*include, *exclude):
        if part not in PARTS:
            raise WrongUsage(
                f"unknown part `{part}` of an energy{did_you_mean(part, list(PARTS))}",
                hint=f"one of {', '.join(PARTS)}",
            )
    if both := set(include) & set(exclude):
        raise WrongUsage(f"`{min(both)}` cannot be included and excluded at once")
    return {part: part in include for part in PARTS if part in (*include, *exclude)}


def _n_membranes(model: Model, n_ticks: int) -> int:
    return n_ticks * sum(p.size for p in model.integer_graph.populations)


def _check_outputs(
    output: Sequence[str | os.PathLike[str]], figures: str | os.PathLike[str] | None, force: bool
) -> None:
    """Refuse before the run what could not be written after it."""
    if figures is not None:
        check_folder(Path(figures), force=force)
    for path in output:
        check_suffix(Path(path), tuple(WRITERS))
    check_outputs(output, force=force)


def _read_verification(
    given: Mapping[str, Any] | str | os.PathLike[str] | None,
) -> Mapping[str, Any] | None:
    if given is None or isinstance(given, Mapping):
        return given
    try:
        value = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(given)) from None
    if not isinstance(value, dict) or "ok" not in value:
        raise BadInputFile(
            "is not what `snnc verify --json` prints: it has no key `ok`", where=str(given)
        )
    return value
