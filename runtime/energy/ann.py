"""The same network without spikes, at 45 nm figures: float, integer, integer with zero-skipping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snnc.backends.base import EngineResult
from snnc.ir.graph import Graph
from snnc.runtime.energy.estimate import Energy, energy_of
from snnc.runtime.energy.figures import Part
from snnc.runtime.energy.loader import load_hardware
from snnc.runtime.energy.memory import FLOAT_BITS, WEIGHTED_MAPS, Widths


@dataclass(frozen=True, kw_only=True)
class AnnBaseline:
    """A non-spiking form of the network, one sample.

    Attributes:
        name: `float`, `integer` or `integer_zero_skipping`.
        title: for people.
        hardware: the hardware file whose figures are used.
        macs: multiply-accumulates of weighted layers, those on the host included.
        additions: of skip connections and sum-pools.
        neurons: activations computed.
        weight_bits, state_bits: read and written, as `runtime.energy.memory` defines them.
        by_part: energy of one sample by part; `synapses` is the total, arithmetic only.
    """

    name: str
    title: str
    hardware: str
    macs: float
    additions: float
    neurons: float
    weight_bits: float
    state_bits: float
    by_part: Mapping[Part, Energy]

    @property
    def picojoule(self) -> float:
        """Of the parts that the hardware file's total adds up: arithmetic of synapses."""
        total = load_hardware(self.hardware).total
        return sum(energy.picojoule for part, energy in self.by_part.items() if part in total)

    def to_json(self) -> dict[str, Any]:
        """All attributes by name; energies in picojoules."""
        names = ("name", "title", "hardware", "macs", "additions", "neurons", "weight_bits",
                 "state_bits", "picojoule")  # fmt: skip
        total = load_hardware(self.hardware).total
        parts = {
            part: {**energy.to_json(), "in_total": part in total}
            for part, energy in self.by_part.items()
        }
        return {**{name: getattr(self, name) for name in names}, "parts": parts}


@dataclass
class _Work:
    """What one form of the network does, summed over the run."""

    macs: float = 0.0
    additions: float = 0.0
    weight_bits: float = 0.0
    state_bits: float = 0.0


def ann_baselines(
    graph: Graph,
    result: EngineResult,
    host_macs: int,
    widths: Widths,
    nonzero: Mapping[str, float] | None,
) -> tuple[AnnBaseline, ...]:
    """The float and the integer network beside the spiking one.

    Args:
        graph: the integer graph that was converted.
        result: of the run; its `dense_macs` and `neuron_latches` are used.
        host_macs: multiply-accumulates on the host, all samples together; none of them is skipped.
        widths: of `graph`.
        nonzero: by projection and product: operations of a sample whose operand is not zero, mean;
            None: zero-skipping is left out.
    """
    dense = {name: float(each.dense_macs) for name, each in result.counters.items()}
    latches = {name: node.neuron_latches for name, node in result.node_counters.items()}
    made = [
        ("float", "ANN, 32-bit floating point", "45nm", dense),
        ("integer", "ANN, integers", "45nm-int8", dense),
    ]
    if nonzero is not None:
        skipping = {name: nonzero.get(name, 0.0) * result.n_samples for name in dense}
        title = "ANN, integers, zeros skipped"
        made.append(("integer_zero_skipping", title, "45nm-int8", skipping))
    return tuple(
        _baseline(
            name,
            title,
            hardware,
            _work(graph, operations, latches, host_macs, None if name == "float" else widths),
            sum(latches.values()),
            result.n_samples,
        )
        for name, title, hardware, operations in made
    )


def _work(
    graph: Graph,
    operations: Mapping[str, float],
    latches: Mapping[str, int],
    host_macs: int,
    widths: Widths | None,
) -> _Work:
    host_bits = FLOAT_BITS * host_macs
    work = _Work(macs=host_macs, weight_bits=host_bits, state_bits=host_bits)
    for name, written in latches.items():  # every result is written once
        work.state_bits += written * (FLOAT_BITS if widths is None else widths.count.get(name, 0))
    for name, n in operations.items():
        projection = graph.projections.get(name)
        if projection is None or projection.map.kind in WEIGHTED_MAPS:
            work.macs += n
        else:
            work.additions += n
        weight, activation = _bits(graph, name, widths)
        work.weight_bits += n * weight
        work.state_bits += n * activation
    return work


def _bits(graph: Graph, name: str, widths: Widths | None) -> tuple[int, int]:
    """Bits of the weight and of the activation of one operation; a product has two activations."""
    projection = graph.projections.get(name)
    if projection is None:
        operands = [p.source for p in graph.incoming(name)] if name in graph.nodes else []
        known = [FLOAT_BITS if widths is None else widths.count.get(o, 0) for o in operands]
        return (0, sum(known)) if known else (FLOAT_BITS, FLOAT_BITS)
    weighted = projection.map.kind in WEIGHTED_MAPS
    if widths is None:
        return FLOAT_BITS * weighted, FLOAT_BITS
    return widths.weight[name], widths.count.get(projection.source, 0)


def _baseline(
    name: str, title: str, hardware: str, work: _Work, neurons: int, n_samples: int
) -> AnnBaseline:
    chip = load_hardware(hardware)
    counters = {
        "effective_macs": work.macs / n_samples,
        "effective_acs": work.additions / n_samples,
        "neuron_latches": neurons / n_samples,
        "weight_bits": work.weight_bits / n_samples,
        "state_bits": work.state_bits / n_samples,
    }
    by_part: dict[Part, Energy] = {}
    for figure in chip.figures:
        paid = energy_of(figure, counters[figure.counter])
        by_part[figure.part] = by_part.get(figure.part, Energy()) + paid
    return AnnBaseline(
        name=name,
        title=title,
        hardware=hardware,
        macs=counters["effective_macs"],
        additions=counters["effective_acs"],
        neurons=counters["neuron_latches"],
        weight_bits=counters["weight_bits"],
        state_bits=counters["state_bits"],
        by_part=by_part,
    )
