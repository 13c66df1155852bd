"""The integer graph as integrate-while-firing neurons: a graph in which each frame is one tick.

With U = 2^f / g, g the greatest common divisor of the levels D_q of a population's sources, a
spike of source q brings W * D_q * U, every tick brings (bias - origin) * U, and a spike takes
step * D * U from the membrane; origin and step are those of the line that the staircase follows.
Over R ticks a source that holds k_q sends about k_q * R / D_q spikes: the membrane then takes in
R * U * (i - origin), and the neuron sends about k * R / D spikes. Weights stay what they are, but
for a power of two (and a small factor where levels differ); bias and threshold are rounded to
integers, the only rounding besides that of the rate itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.codes import Rate, RunSettings
from snnc.ir.errors import NotExecutable
from snnc.ir.graph import Graph
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import HostOp, Input, Node, Pattern, Population, Product
from snnc.ir.passes.direct_projections import DirectProjections
from snnc.ir.ranges import analyse
from snnc.ir.rate.coding import read_counts, read_values
from snnc.ir.rate.scale import Scale
from snnc.ir.schedule import levels

METADATA = "rate"
"""Under this key the derived graph says what its spikes stand for: ticks, reset, levels by node."""

TICK_SETTINGS = RunSettings("graded", "pipelined")
"""How the derived graph runs."""


@dataclass(frozen=True, eq=False)
class RateForm:
    """A graph whose frames are ticks, and how its integers are read.

    Attributes:
        graph: runs in code `graded`, `pipelined`, R frames a sample: every payload of a count is
            -1, 0 or 1.
        ticks: R.
        levels: D by node that spikes.
        bounds: of its count, likewise.
        units: (share, per_count) by node that does not fire: what R ticks bring, times share,
            over R * per_count, is its value.
    """

    graph: Graph
    ticks: int
    levels: Mapping[str, int]
    bounds: Mapping[str, tuple[int, int]]
    units: Mapping[str, tuple[int, int]]

    def read(self, name: str, ticks: IntArray) -> IntArray:
        """Counts or values of frames, shape (M, *shape).

        Args:
            ticks: what the node sent (or took in, where it does not fire) in each tick, shape
                (M, R, *shape).
        """
        total = ticks.sum(axis=1)
        if name in self.units:
            return read_values(total, *self.units[name], self.ticks)
        return read_counts(total, self.levels[name], self.ticks, *self.bounds[name])


def rate_form(graph: Graph, rate: Rate) -> RateForm:
    """Derive integrate-while-firing neurons from an integer graph.

    Sums that are passed on become direct projections first.

    Raises:
        NotExecutable: with the first node that has no rate.
    """
    graph = DirectProjections()(graph)
    _check(graph, rate)
    known = analyse(graph)
    by_node = {
        n.name: max(levels(graph, n.name), 1) for n in graph.nodes.values() if _spikes(graph, n)
    }
    nodes: dict[str, Node] = dict(graph.nodes)
    projections = dict(graph.projections)
    units: dict[str, tuple[int, int]] = {}
    for name, node in graph.nodes.items():
        if isinstance(node, Population):
            incoming = graph.incoming(name)
            scale = Scale.choose(node, incoming, by_node, known[name], rate)
            nodes[name] = scale.population()
            projections |= {p.name: scale.projection(p, by_node[p.source]) for p in incoming}
            if name not in by_node:
                units[name] = (scale.share, 2**scale.fraction)
        elif name in by_node:
            nodes[name] = _source(node)
    facts = {"ticks": rate.ticks, "reset": rate.reset, "levels": by_node}
    derived = graph.replace(
        nodes=nodes.values(),
        projections=projections.values(),
        metadata={**graph.metadata, METADATA: facts},
    )
    bounds = {n: (int(known[n].out_lo.min()), int(known[n].out_hi.max())) for n in by_node}
    return RateForm(derived, rate.ticks, by_node, bounds, units)


def as_run(graph: Graph, settings: RunSettings, n_frames: int) -> tuple[Graph, RunSettings, int]:
    """What engines run: the graph itself; in rate the graph whose frames are ticks."""
    if settings.rate is None:
        return graph, settings, n_frames
    return rate_form(graph, settings.rate).graph, TICK_SETTINGS, settings.rate.ticks


def _check(graph: Graph, rate: Rate) -> None:
    """Refuse what has no rate."""
    for p in graph.projections.values():
        if p.frames:
            raise _without_rate(
                f"projection {p.name}",
                "brings what an earlier frame emitted: a window knows no other",
            )
    for node in graph.nodes.values():
        where = node.module_path or node.name
        sends = any(graph.is_event(p) for p in graph.outgoing(node.name))
        if isinstance(node, Product):
            raise _without_rate(where, "multiplies: unit spikes at a rate have no product")
        if isinstance(node, Input | HostOp | Population) and sends and not _spikes(graph, node):
            raise _without_rate(where, "passes sums on: they are no spikes")
        if isinstance(node, Population):
            _check_neurons(node, rate)


def _check_neurons(node: Population, rate: Rate) -> None:
    where = node.module_path or node.name
    if node.model.combine == "max":
        if rate.pools == "refuse":
            raise _without_rate(
                where,
                "takes a maximum: rates have none",
                "--rate-pools average takes the average instead, at a loss",
            )
    elif not isinstance(node.model, IntegerFire | Accumulator):
        raise _without_rate(
            where, f"has neurons of model `{node.model.kind}`, with a time of their own"
        )


def _without_rate(where: str, what: str, hint: str = "run it in another code") -> NotExecutable:
    return NotExecutable(f"{what} (code `rate`)", where=where, hint=hint)


def _spikes(graph: Graph, node: Node) -> bool:
    """Does a node emit counts?"""
    if isinstance(node, Input):
        return node.grid and node.emits == "count"
    if isinstance(node, HostOp):
        return node.result == "count"
    return isinstance(node, Population) and graph.emits(node.name) == "count"


def _source(node: Node) -> Node:
    """A source that is fed with spikes instead of counts."""
    assert isinstance(node, Input | HostOp)
    lo, hi = int(np.sign(min(node.lo, 0))), int(np.sign(max(node.hi, 0)))
    if not isinstance(node, Pattern):
        return replace(node, lo=lo, hi=hi)
    return Input(
        name=node.name,
        shape=node.shape,
        module_path=node.module_path,
        lo=lo,
        hi=hi,
        step=node.step,
    )
