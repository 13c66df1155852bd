"""`snnc.map`: cut, measure, place, write."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from pathlib import Path

from snnc.backends.chips import Chip, load_chip
from snnc.backends.mapping import Mapping, Operands, map_graph
from snnc.backends.mapping.layout import lay_out
from snnc.backends.mapping.model import OPERANDS
from snnc.backends.mapping.traffic import Cut, find_load, uniform
from snnc.backends.registry import ALIASES
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnknownHardware, WrongUsage
from snnc.ir.file import check_output
from snnc.ir.graph import Graph
from snnc.ir.rate import TICK_SETTINGS
from snnc.ir.schedule import Schedule, make_schedule
from snnc.runtime.data import DataSet, load_data
from snnc.runtime.feeds import Feeder
from snnc.runtime.map.activity import Measured, measure
from snnc.runtime.map.deploy import Deployed, deploy
from snnc.runtime.map.files import SUFFIXES, write_map
from snnc.runtime.map.result import MapResult
from snnc.runtime.model import Model, load
from snnc.runtime.npz import check_suffix
from snnc.runtime.progress import Progress, silent

_ENGINE = "event"
"""Measures unless another is named; for a bundle as well, as counts are the same."""


def map(
    model: Model | str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    data: DataSet | Array | MappingOf[str, Array] | str | os.PathLike[str] | None = None,
    *,
    engine: str | None = None,
    code: str | None = None,
    schedule: str | None = None,
    rate_ticks: int | None = None,
    rate_reset: str | None = None,
    rate_pools: str | None = None,
    operands: Operands = "neurons",
    limit: int | None = None,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> MapResult:
    """Put a converted model on the cores of a chip, so that its events travel little.

    Args:
        model: a loaded model, a `.snnc` file or a bundle folder.
        target: a chip that is shipped (`loihi1`, `loihi2`) or the path of a chip file; None: what
            the model was converted for.
        data: samples to measure how often each neuron sends; None: one event a frame from each.
        engine: runs the model on `data`; None: event.
        code: of the run that is mapped; None: the model's.
        schedule: likewise.
        rate_ticks, rate_reset, rate_pools: of code `rate`: see `Rate`; None: the model's.
        operands: of matrix products (attention): a neuron for each one on a core (`neurons`), or
            packed into its memory (`memory`).
        limit: take the first samples only.
        output: file to write, the format by suffix: `.json` and `.csv` (every core), `.png` and
            `.html` (core maps).
        force: overwrite `output`.
        progress: is told after each step.

    Raises:
        UnknownHardware: there is no such chip, or its file says nothing about cores.
        SnncError: by its subclass, as of `snnc.run` and `write_map`.
    """
    start, tell = time.perf_counter(), progress or silent
    if operands not in OPERANDS:
        raise WrongUsage(f"operands is one of {', '.join(OPERANDS)}, not {operands!r}")
    path = None if output is None else Path(output)
    if path is not None:
        check_suffix(path, SUFFIXES)
        check_output(path, force=force)
    model = model if isinstance(model, Model) else load(model)
    chip = _chip(target or model.target)
    model = model if chip.name == model.target else model.unbundled()
    settings = model.run_settings(code, schedule, rate_ticks, rate_reset, rate_pools)
    deployed = deploy(model, chip, settings, code_chosen=code is not None)
    measured, name = None, None
    if data is not None:
        feeder = Feeder(model.file)
        samples = load_data(data, feeder.shape, feeder.names, deployed.model.preparation).limit(
            limit
        )
        measured = measure(deployed.model, samples, engine=engine or _ENGINE, progress=tell)
        name = samples.name
    n_frames = 1 if measured is None else measured.n_frames
    graph, settings = deployed.model.integer_graph, deployed.model.settings
    mapping = map_graph(graph, chip, settings, n_frames=n_frames, operands=operands)
    if deployed.refused is not None:
        mapping = replace(mapping, reasons=(deployed.refused, *mapping.reasons))
    found = _placed(mapping, deployed, measured, name, path, start, tell)
    if path is not None:
        write_map(found, path, force=force)
    return found


def _placed(
    mapping: Mapping,
    deployed: Deployed,
    measured: Measured | None,
    data: str | None,
    output: Path | None,
    start: float,
    tell: Progress,
) -> MapResult:
    graph, settings = mapping.graph, deployed.model.settings
    cuts = {name: Cut.of(split) for name, split in mapping.splits.items()}
    activity = uniform(graph) if measured is None else measured.activity
    load = find_load(graph, cuts, activity, _schedule(graph, settings), tell)
    layout = lay_out(mapping, load, tell)
    return MapResult(
        mapping=mapping,
        load=load,
        layout=layout,
        module_paths={name: graph.nodes[name].module_path for name in mapping.splits},
        graph_hash=deployed.graph_hash,
        changes=deployed.changes,
        settings=settings,
        data=data,
        engine=None if measured is None else measured.engine,
        n_samples=None if measured is None else measured.n_samples,
        n_frames=None if measured is None else measured.n_frames,
        seconds=time.perf_counter() - start,
        output=output,
    )


def _schedule(graph: Graph, settings: RunSettings) -> Schedule:
    """Of the graph that was cut: in code rate each of its ticks is a frame of single spikes."""
    return make_schedule(graph, settings if settings.rate is None else TICK_SETTINGS)


def _chip(target: str | os.PathLike[str]) -> Chip:
    chip = load_chip(ALIASES.get(target, target) if isinstance(target, str) else target)
    if not chip.core_limits():
        raise UnknownHardware(
            "its file states no limit of a core, so that there is nothing to map onto",
            where=str(target),
            hint="name a chip with --target: loihi1, loihi2 or a file with [limits] of its cores",
        )
    return chip
