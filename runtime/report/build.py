"""Making a report out of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from snnc.backends.base import Counters
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.nodes import Node, Output, Population
from snnc.runtime.energy import EnergyEstimate, Hardware, Part, ann_baselines, papers_formula
from snnc.runtime.energy.counted import passes_sums
from snnc.runtime.energy.memory import stored_widths
from snnc.runtime.model import Model
from snnc.runtime.report.codes import CodeRow
from snnc.runtime.report.mapfile import MapJson
from snnc.runtime.report.mapped import placed
from snnc.runtime.report.model import Layer, Link, Report
from snnc.runtime.report.neurobench import neurobench
from snnc.runtime.report.payer import Payer
from snnc.runtime.report.provenance import provenance
from snnc.runtime.run import RunResult
from snnc.runtime.statistics import Gathered, summarise
from snnc.runtime.summary import chip_macs, host_macs, host_regions
from snnc.runtime.trace import TraceResult

_FACTS = (
    "engine", "code", "schedule", "rate", "n_samples", "n_frames", "n_ticks", "accuracy",
    "graph_hash",
)  # fmt: skip


def build_report(
    model: Model,
    run: RunResult,
    *,
    hardware: Sequence[Hardware],
    parts: Mapping[Part, bool] | None = None,
    data: str | None = None,
    trace: TraceResult | None = None,
    verification: Mapping[str, Any] | None = None,
    mapping: MapJson | None = None,
    command: str | None = None,
    others: Mapping[str, RunResult | None] | None = None,
    gathered: Gathered | None = None,
) -> Report:
    """Count, estimate and gather.

    Args:
        model: that was run.
        run: its result, with counters of projections.
        hardware: chips to estimate for.
        parts: that the totals add up or leave out, whatever the hardware files say.
        data: name of the data, for the reader.
        trace: of one sample, for the raster.
        verification: the JSON object of `snnc verify`.
        mapping: what `snnc map -o map.json` writes, of this model and run.
        command: as it was typed.
        others: the same samples in other codes; None for one that the network cannot run in.
        gathered: samples of this run, one by one.

    Raises:
        NotExecutable: the engine that ran counts no synaptic operations.
    """
    if not run.counts_synapses:
        raise NotExecutable(
            f"engine `{run.engine}` counts no synaptic operations", hint="use the event engine"
        )
    runs = {run.code: run, **(others or {})}
    known = [each for each in runs.values() if each is not None]
    payers = {each.code: Payer(model, each, hardware, parts) for each in known}
    payer, result = payers[run.code], run.engine_result()
    if mapping is not None:
        payer.place(placed(mapping, payer.graph, run, data or ""))
    graph, energy = payer.graph, payer.estimates(result)
    on_host, on_chip = host_macs(graph), chip_macs(graph)
    return Report(
        name=graph.name,
        facts={**{key: getattr(run, key) for key in _FACTS}, "data": data},
        counters={key: value for key, value in run.counters.items() if value is not None},
        sums=_sums(graph, run.projection_counters),
        host={
            "host_mac_share": on_host / (on_host + on_chip) if on_host + on_chip else 0.0,
            "host_regions": host_regions(graph),
            "host_ops": {node.name: list(node.operators) for node in graph.host_ops},
        },
        layers=tuple(_layers(graph, run, energy)),
        links=tuple(_links(graph, run.projection_counters)),
        energy=energy,
        papers=papers_formula(model.integer_graph, result, run.host_macs, run.n_frames),
        baseline=ann_baselines(
            model.integer_graph,
            result,
            run.host_macs,
            stored_widths(model.integer_graph),
            _nonzero(known, gathered),
        ),
        provenance=provenance(model, command),
        verification=verification,
        trace=trace,
        graph=graph,
        mapping=mapping,
        codes={
            code: None
            if each is None
            else CodeRow(run=each, energy=payers[code].estimates(each.engine_result()))
            for code, each in runs.items()
        },
        neurobench=neurobench(model.integer_graph, run, payer.window),
        statistics=None if gathered is None else summarise(gathered, payer.pay()),
    )


def _nonzero(runs: Sequence[RunResult], gathered: Gathered | None) -> Mapping[str, float] | None:
    """Operations of a sample whose operand is not zero: in `graded`, each of them is an event."""
    for run in runs:
        if run.code == "graded":
            counted = run.projection_counters.items()
            return {name: c.synaptic_events / run.n_samples for name, c in counted}
    return None if gathered is None else gathered.nonzero


def _layers(graph: Graph, run: RunResult, energy: Iterable[EnergyEstimate]) -> Iterable[Layer]:
    frames = run.n_samples * run.n_frames
    for name, activity in run.node_counters.items():
        node = graph.nodes[name]
        if isinstance(node, Output):
            continue
        yield Layer(
            name=name,
            module_path=node.module_path,
            kind=_kind(node),
            n_neurons=node.size,
            mean_count=None
            if graph.emits(name) == "value"
            else activity.spikes / (node.size * frames),
            activity=activity,
            synapses=_synapses(graph, run.projection_counters, name),
            picojoule={e.hardware.name: e.by_layer.get(name, 0.0) for e in energy if e.by_layer},
        )


def _links(graph: Graph, counters: Mapping[str, Counters]) -> Iterable[Link]:
    for projection in graph.projections.values():
        counted = counters.get(projection.name)
        yield Link(
            name=projection.name,
            source=projection.source,
            target=projection.target,
            map=projection.map.kind,
            n_synapses=projection.map.n_synapses if graph.is_event(projection) else None,
            counters=counted,
        )


def _sums(graph: Graph, counters: Mapping[str, Counters]) -> Counters:
    """Of the projections out of populations that pass whole sums on."""
    sources = {
        name: graph.projections[name].source for name in counters if name in graph.projections
    }
    passed = [counters[name] for name, source in sources.items() if passes_sums(graph, source)]
    return sum(passed, Counters())


def _synapses(graph: Graph, counters: Mapping[str, Counters], name: str) -> Counters:
    """Of the projections into a node, and of the node itself where it is a product."""
    into = [counters[p.name] for p in graph.incoming(name) if p.name in counters]
    return sum([*into, counters.get(name, Counters())], Counters())


def _kind(node: Node) -> str:
    return node.model.kind if isinstance(node, Population) else node.kind
