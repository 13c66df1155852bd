"""The energy formula that papers on spiking networks print, to compare with their tables.

    E = 4.6 pJ x MACs(first layer) + 0.9 pJ x (sum over the other layers of k x MACs(layer)
                                               + sum over attention products of k x pairs)

k is the mean count of the neurons that feed the layer. It is D times the mean firing rate of the
papers, so that no further factor of D or T stands in front. MACs of a convolution are those of the
papers, k^2 x h x w x c_in x c_out: padding counts, although no event ever comes from there.
A product of two activations has no stored weights: either operand's spikes can be taken for the
ones that select what the other adds. It is booked for each operand that is a count, the total takes
their mean, and lowest and highest stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from snnc.backends.base import EngineResult
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv
from snnc.ir.nodes import HostOp, Input, Product
from snnc.runtime.energy.loader import load_hardware
from snnc.runtime.energy.memory import WEIGHTED_MAPS


@dataclass(frozen=True, kw_only=True)
class PapersEstimate:
    """One sample by the papers' formula.

    Attributes:
        first_layer: what was taken as the first layer.
        first_layer_macs: its multiply-accumulates.
        other_macs: multiply-accumulates of the other weighted layers that counts feed.
        synaptic_operations: sum over them of k x MACs.
        attention: by product: pairs, and k x pairs by operand that is a count.
        attention_operations: the part of the total: means over operands, summed.
        mean_count: k over all of it, weighted by MACs and pairs.
        left_out: weighted projections that the formula has no term for, as no counts feed them.
        picojoule: energy of one sample.
        picojoule_low, picojoule_high: with each product's cheaper and dearer operand.
    """

    first_layer: tuple[str, ...]
    first_layer_macs: float
    other_macs: float
    synaptic_operations: float
    attention: Mapping[str, Mapping[str, Any]]
    attention_operations: float
    mean_count: float | None
    left_out: tuple[str, ...]
    picojoule: float
    picojoule_low: float
    picojoule_high: float

    def to_json(self) -> dict[str, Any]:
        """All attributes by name."""
        return {**asdict(self), "first_layer": [*self.first_layer], "left_out": [*self.left_out]}


@dataclass
class _Sums:
    """Operations of one sample."""

    first: float = 0.0
    macs: float = 0.0
    operations: float = 0.0


def papers_formula(
    graph: Graph, result: EngineResult, host_macs: int, n_frames: int = 1
) -> PapersEstimate:
    """Energy of one sample by the papers' formula.

    Args:
        graph: the integer graph that was run.
        result: of the run, with counters of projections and nodes.
        host_macs: multiply-accumulates on the host, all samples together; where there are some,
            the host part is the first layer.
        n_frames: of a sample.
    """
    sums = _Sums(first=host_macs / result.n_samples)
    first: list[str] = ["host part"] if host_macs else []
    left_out: list[str] = []
    for name in result.counters:
        projection = graph.projections.get(name)
        if projection is None or projection.map.kind not in WEIGHTED_MAPS:
            continue
        macs = float(papers_macs(projection) * n_frames)
        source = graph.nodes[projection.source]
        if not host_macs and isinstance(source, Input | HostOp):
            first.append(name)
            sums.first += macs
        elif graph.emits(projection.source) == "value":
            left_out.append(name)
        else:
            sums.macs += macs
            sums.operations += macs * _mean_count(graph, result, projection.source, n_frames)
    attention = {p.name: _attention(graph, result, p, n_frames) for p in graph.products}
    return _estimate(sums, first, left_out, attention)


def papers_macs(projection: Projection) -> int:
    """Multiply-accumulates of a layer in one frame as papers count them, padding included."""
    linear = projection.map
    if isinstance(linear, Conv):
        return int(np.prod(linear.out_shape)) * int(np.prod(linear.weight.shape[1:]))
    return linear.n_synapses


def _mean_count(graph: Graph, result: EngineResult, name: str, n_frames: int) -> float:
    neurons = graph.nodes[name].size * n_frames * result.n_samples
    return result.node_counters[name].spikes / neurons


def _attention(
    graph: Graph, result: EngineResult, product: Product, n_frames: int
) -> dict[str, Any]:
    pairs = product.pairs() * n_frames
    operands = [p.source for p in graph.incoming(product.name)]
    counts = [name for name in operands if graph.emits(name) == "count"]
    booked = {name: pairs * _mean_count(graph, result, name, n_frames) for name in counts}
    return {"pairs": pairs, "operations": booked}


def _estimate(
    sums: _Sums, first: list[str], left_out: list[str], attention: dict[str, dict[str, Any]]
) -> PapersEstimate:
    figures = {f.counter: f.picojoule for f in load_hardware("45nm").figures}
    mac, add = figures["effective_macs"], figures["effective_acs"]
    booked = {name: [*each["operations"].values()] for name, each in attention.items()}
    left_out = [*left_out, *(name for name, each in booked.items() if not each)]
    known = {name: each for name, each in booked.items() if each}
    pairs = sum(attention[name]["pairs"] for name in known)
    mean = sum(sum(each) / len(each) for each in known.values())
    base = sums.first * mac + sums.operations * add
    weighted = sums.macs + pairs
    return PapersEstimate(
        first_layer=tuple(first),
        first_layer_macs=sums.first,
        other_macs=sums.macs,
        synaptic_operations=sums.operations,
        attention=attention,
        attention_operations=mean,
        mean_count=(sums.operations + mean) / weighted if weighted else None,
        left_out=tuple(left_out),
        picojoule=base + add * mean,
        picojoule_low=base + add * sum(min(each) for each in known.values()),
        picojoule_high=base + add * sum(max(each) for each in known.values()),
    )
