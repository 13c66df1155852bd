"""What a report says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snnc.backends.base import Counters, NodeCounters
from snnc.ir.graph import Graph
from snnc.runtime.energy import AnnBaseline, EnergyEstimate
from snnc.runtime.energy.papers import PapersEstimate
from snnc.runtime.jsonable import jsonable
from snnc.runtime.report.codes import CodeRow
from snnc.runtime.report.definitions import DEFINITIONS
from snnc.runtime.report.neurobench import NeuroBench
from snnc.runtime.statistics import Statistics
from snnc.runtime.statistics.tally import POPULATION_KEYS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from snnc.runtime.trace import TraceResult


SHOWN_OF_MAPPING = (
    "target", "title", "fits", "fit_reasons", "changes", "n_cores", "n_chips", "data",
    "n_samples", "traffic", "busiest_core", "busiest_link",
)  # fmt: skip
"""Keys of a mapping that a report repeats."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One node that emits events.

    Attributes:
        name: of the node.
        module_path: the user's name for it.
        kind: `input`, `host-op`, `product`, or the population's neuron model.
        n_neurons: its size.
        mean_count: mean |count| of a neuron in one frame; None for populations of sums.
        activity: counters of the node, summed over the run.
        synapses: counters of the projections into it (and of a product itself), summed.
        picojoule: energy of one sample by hardware, its share of the network's.
    """

    name: str
    module_path: str
    kind: str
    n_neurons: int
    mean_count: float | None
    activity: NodeCounters
    synapses: Counters
    picojoule: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """One flat object; counters are summed over the run."""
        return {
            "module_path": self.module_path,
            "kind": self.kind,
            "n_neurons": self.n_neurons,
            "mean_count": self.mean_count,
            **self.activity.to_json(),
            **self.synapses.to_json(),
            "picojoule": dict(self.picojoule),
        }


@dataclass(frozen=True, kw_only=True)
class Link:
    """One projection.

    Attributes:
        name, source, target: of the projection.
        map: kind of its linear map.
        n_synapses: existing ones; None where it only hands a result on.
        counters: summed over the run; None where it carries no events.
    """

    name: str
    source: str
    target: str
    map: str
    n_synapses: int | None
    counters: Counters | None

    def to_json(self) -> dict[str, Any]:
        """One flat object; null for each counter where no events are carried."""
        counters = self.counters
        return {
            "source": self.source,
            "target": self.target,
            "map": self.map,
            "n_synapses": self.n_synapses,
            **(dict.fromkeys(Counters().to_json()) if counters is None else counters.to_json()),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """What a run cost.

    Attributes:
        name: of the model.
        facts: of the run: engine, code, schedule, n_samples, n_frames, n_ticks, accuracy,
            graph_hash, data.
        counters: totals of the run by counter.
        sums: the part of the synaptic counters that is due to whole sums (residual streams,
            pools), which travel as one graded event in every code.
        host: host operators: host_macs of the run, host_mac_share, host_ops by name.
        layers: in topological order.
        links: every projection, as the graph lists them.
        energy: one estimate for each hardware.
        papers: by the papers' formula.
        baseline: the float and the integer ANN.
        provenance: where the model came from and what wrote it.
        verification: the JSON object of `snnc verify`, None if none was given.
        trace: events of one sample, None if none was taken.
        graph: that was run and counted.
        mapping: what `snnc map -o map.json` writes, its cores included; None without `--map`.
        codes: the network in this code and others, by name; None where it cannot run in one.
        neurobench: NeuroBench's metrics.
        statistics: sample by sample; None if none were gathered.
    """

    name: str
    facts: Mapping[str, Any]
    counters: Mapping[str, int]
    sums: Counters
    host: Mapping[str, Any]
    layers: tuple[Layer, ...]
    links: tuple[Link, ...]
    energy: tuple[EnergyEstimate, ...]
    papers: PapersEstimate
    baseline: tuple[AnnBaseline, ...]
    provenance: Mapping[str, Any]
    verification: Mapping[str, Any] | None
    trace: TraceResult | None
    graph: Graph
    mapping: Mapping[str, Any] | None
    codes: Mapping[str, CodeRow | None]
    neurobench: NeuroBench
    statistics: Statistics | None

    @property
    def n_samples(self) -> int:
        """Samples that the counters are summed over."""
        return int(self.facts["n_samples"])

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc report --json`; energies in picojoules for one sample."""
        result: dict[str, Any] = jsonable(
            {
                "model": self.name,
                **self.facts,
                "counters": self.counters,
                "sums": self.sums.to_json(),
                **self.host,
                "by_population": self._populations(),
                "by_projection": {link.name: link.to_json() for link in self.links},
                "energy": {e.hardware.name: e.to_json() for e in self.energy},
                "papers": self.papers.to_json(),
                "baseline": {b.name: b.to_json() for b in self.baseline},
                "codes": {
                    code: None if row is None else row.to_json() for code, row in self.codes.items()
                },
                "neurobench": self.neurobench.to_json(),
                "statistics": None if self.statistics is None else self.statistics.to_json(),
                "provenance": self.provenance,
                "verification": self.verification,
                "mapping": None
                if self.mapping is None
                else {key: self.mapping[key] for key in SHOWN_OF_MAPPING},
                "definitions": DEFINITIONS,
            }
        )
        return result

    def _populations(self) -> dict[str, dict[str, Any]]:
        """Layers, with what statistics say of them; null where nothing was gathered."""
        known = {} if self.statistics is None else self.statistics.by_population()
        nothing = dict.fromkeys(POPULATION_KEYS)
        return {
            layer.name: layer.to_json() | known.get(layer.name, nothing) for layer in self.layers
        }

    def render(self) -> list[RenderableType]:
        """Tables for the terminal."""
        from snnc.runtime.report.terminal import render

        return render(self)
