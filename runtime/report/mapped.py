"""A mapping beside a report: its hops are what the chip's figures of hops are paid for."""

from __future__ import annotations

import os

from snnc.ir.errors import BadInputFile, WrongUsage
from snnc.ir.graph import Graph
from snnc.runtime.data import DataSet
from snnc.runtime.energy.counted import Placed
from snnc.runtime.energy.figures import MAPPING_COUNTERS
from snnc.runtime.map import map as map_model
from snnc.runtime.model import Model
from snnc.runtime.progress import Progress
from snnc.runtime.report.mapfile import MapJson
from snnc.runtime.run import RunResult


def map_run(
    model: Model,
    chip: str | os.PathLike[str],
    samples: DataSet,
    run: RunResult,
    progress: Progress | None,
) -> MapJson:
    """Map a model in the settings of a run, its activity measured on the run's samples."""
    rate = {} if run.rate is None else run.rate.options()
    found = map_model(
        model.unbundled(),
        chip,
        samples.limit(run.n_samples),
        code=run.code,
        schedule=run.schedule,
        progress=progress,
        **rate,
    )
    return found.with_cores()


def check_map(mapping: MapJson, model: Model, run: RunResult) -> None:
    """Refuse a mapping that is not of what was run.

    Raises:
        BadInputFile: it is of another model, or its activity was not measured.
        WrongUsage: it is of another event code or schedule.
    """
    where = f"mapping onto {mapping['target']}"
    if mapping["graph_hash"] != model.graph_hash:
        raise BadInputFile("it is of another model than the report", where=where)
    if mapping["activity"] != "measured":
        raise BadInputFile(
            "its activity is assumed, so that its hops are none of a run",
            where=where,
            hint="measure it: snnc map --data",
        )
    rate = None if run.rate is None else run.rate.to_json()
    if (mapping["code"], mapping["schedule"], mapping["rate"]) != (run.code, run.schedule, rate):
        raise WrongUsage(
            f"it is of code {mapping['code']}, {mapping['schedule']}; the report ran "
            f"{run.code}, {run.schedule}",
            where=where,
            hint=f"--code {mapping['code']} --schedule {mapping['schedule']}",
        )


def placed(mapping: MapJson, graph: Graph, run: RunResult, data: str) -> Placed:
    """Hops of one sample by counter and emitting node.

    What a chip pass has added is counted to the node of `graph` that it came from.
    """
    origins = {node.module_path: name for name, node in graph.nodes.items() if node.module_path}
    traffic: dict[str, dict[str, float]] = {counter: {} for counter in MAPPING_COUNTERS}
    for each in mapping["populations"]:
        name = each["name"]
        name = name if name in graph.nodes else origins.get(each.get("module_path"), name)
        for counter, sent in traffic.items():
            if each[counter] is not None:
                sent[name] = sent.get(name, 0.0) + each[counter] * run.n_frames
    return Placed(
        hardware=mapping["target"],
        n_chips=mapping["n_chips"],
        traffic=traffic,
        notes=tuple(_notes(mapping, run, data)),
    )


def _notes(mapping: MapJson, run: RunResult, data: str) -> list[str]:
    """What the reader of its hops should know."""
    notes = []
    if (mapping["data"], mapping["n_samples"]) != (data, run.n_samples):
        notes.append(
            f"hops were measured on {mapping['n_samples']} samples of {mapping['data']}, the other "
            f"counters on {run.n_samples} of {data}"
        )
    if mapping["changes"]:
        names = ", ".join(change["name"] for change in mapping["changes"])
        notes.append(
            f"hops are those of the graph as changed for {mapping['target']} ({names}), the other "
            "counters those of the file's graph; convert for the chip to count one graph"
        )
    return notes
