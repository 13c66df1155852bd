"""Pass counts on where they have to wait longer than a target's synapses can delay."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from snnc.ir.codes import RunSettings
from snnc.ir.errors import PassFailed
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator, IntegerFire, NeuronModel
from snnc.ir.nodes import HostOp, Input, Node, Population, Product
from snnc.ir.passes.base import PASSES
from snnc.ir.passes.chip import ChipPass
from snnc.ir.passes.names import free_name, node_names
from snnc.ir.schedule import Schedule, make_schedule
from snnc.ir.validate import closes_loop

_MOST_ROUNDS = 8
"""A round may move what follows it, so that other projections become too long."""


@PASSES.register
@dataclass(frozen=True)
class InsertRelays(ChipPass):
    """Hand counts on through relay populations where they wait longer than delays last.

    In a pipeline a relay gives what it gets, one window later. In the sequential schedule only
    what an earlier frame emitted waits long; there a relay holds it for a frame. Projections out of
    one source share its relays.

    Attributes:
        settings: code and schedule, which say what waits.
        max_delay: the target's longest delay in ticks.
    """

    kind: ClassVar[str] = "insert-relays"

    settings: RunSettings
    max_delay: int

    def rewrite(self, graph: Graph) -> Graph:
        if self.settings.schedule != "pipelined":
            late = [p for p in self._late(graph, make_schedule(graph, self.settings)) if p.frames]
            return _held(graph, late) if late else graph
        for _ in range(_MOST_ROUNDS):
            schedule = make_schedule(graph, self.settings)
            late = self._late(graph, schedule)
            if not late:
                return graph
            graph = self._relayed(graph, late, schedule)
        raise PassFailed(
            f"relays did not bring every delay down to {self.max_delay} ticks",
            where=f"projection {late[0].name}",
            hint="use the sequential schedule",
        )

    def note(self, before: Graph, after: Graph) -> str:
        """Which relays there are, for the user."""
        added = [n for n in after.populations if n.name not in before.nodes]
        shown = ", ".join(n.name for n in added[:3]) + (", …" if len(added) > 3 else "")
        return (
            f"{len(added)} relay populations ({sum(n.size for n in added)} neurons) pass on what "
            f"would wait for more than the {self.max_delay} ticks of a delay: {shown}"
        )

    def _late(self, graph: Graph, schedule: Schedule) -> list[Projection]:
        """Projections whose events wait too long."""
        return [
            p
            for name, p in graph.projections.items()
            if schedule.delay.get(name, 0) > self.max_delay
        ]

    def _relayed(self, graph: Graph, late: list[Projection], schedule: Schedule) -> Graph:
        """One round: a chain of relays behind every source that is read too late."""
        # whole windows, so that what is left of a delay of whole windows is never negative
        wait = self.max_delay // schedule.window * schedule.window
        stride = wait + schedule.window
        n_relays = {p.name: -(-(schedule.delay[p.name] - self.max_delay) // stride) for p in late}
        behind: dict[str, list[Node]] = {}
        projections, taken = dict(graph.projections), node_names(graph)
        for source, readers in _by_source(late).items():
            chain = [graph.nodes[source]]
            names = _free_names(taken, source)
            for _ in range(max(n_relays[p.name] for p in readers)):
                relay = _relay(graph, source, next(names))
                hop = _hop(chain[-1], relay, wait, projections)
                projections[hop.name] = hop
                chain.append(relay)
            behind[source] = chain[1:]
            for p in readers:
                n = n_relays[p.name]
                own = max(0, p.delay - n * stride)
                projections[p.name] = replace(p, source=chain[n].name, delay=own)
        return graph.replace(nodes=_placed(graph, behind), projections=projections.values())


def _held(graph: Graph, late: list[Projection]) -> Graph:
    """The n-th relay behind a source emits what the source did n frames before: none waits."""
    first: list[Node] = []
    behind: dict[str, list[Node]] = {}
    projections, taken = dict(graph.projections), node_names(graph)
    for source, readers in _by_source(late).items():
        chain = [graph.nodes[source]]
        names = _free_names(taken, source)
        for _ in range(max(p.frames for p in readers)):
            relay = _relay(graph, source, next(names))
            hop = replace(_hop(chain[-1], relay, 0, projections), frames=1)
            projections[hop.name] = hop
            chain.append(relay)
        # neurons that fire may close a loop: their relays come before all that is in it
        if closes_loop(graph, readers[0]):
            first += chain[1:]
        else:
            behind[source] = chain[1:]
        for p in readers:
            projections[p.name] = replace(p, source=chain[p.frames].name, frames=0, delay=0)
    nodes = [*first, *_placed(graph, behind)]
    return graph.replace(nodes=nodes, projections=projections.values())


def _by_source(projections: list[Projection]) -> dict[str, list[Projection]]:
    found: dict[str, list[Projection]] = {}
    for p in projections:
        found.setdefault(p.source, []).append(p)
    return found


def _placed(graph: Graph, behind: Mapping[str, list[Node]]) -> list[Node]:
    """All nodes, relays right behind their source: what passes values on is bounded in order."""
    return [node for n in graph.nodes.values() for node in (n, *behind.get(n.name, []))]


def _relay(graph: Graph, source: str, name: str) -> Population:
    """Neurons that emit what they get, and nothing where they get nothing, in the source's step."""
    node = graph.nodes[source]
    model: NeuronModel = Accumulator()
    if graph.emits(source) == "count":
        lo, hi = _counts(graph, source)
        lo, hi = min(lo, 0), max(hi, 0)  # nothing arrives before the first frame that is passed on
        model = IntegerFire(lo=lo, thresholds=np.arange(lo + 1, hi + 1)[None])
    axis = node.channel_axis if isinstance(node, Population | HostOp) else 0
    step = node.step if isinstance(node, Population | HostOp | Product | Input) else 1.0
    return Population(
        name=name,
        shape=node.shape,
        module_path=node.module_path,
        model=model,
        step=np.asarray(step),
        channel_axis=axis,
    )


def _counts(graph: Graph, name: str) -> tuple[int, int]:
    """Smallest and largest count that a node can emit."""
    node = graph.nodes[name]
    if isinstance(node, Population):
        if node.model.combine == "max":
            return _counts(graph, graph.incoming(name)[0].source)
        return node.model.count_range(node.shape, node.channel_axis)
    assert isinstance(node, Input | HostOp)
    return node.lo, node.hi


def _hop(before: Node, relay: Population, wait: int, taken: Container[str]) -> Projection:
    return Projection(
        name=free_name(f"{before.name} -> {relay.name}", taken),
        source=before.name,
        target=relay.name,
        map=Identity(shape=relay.shape),
        delay=wait,
    )


def _free_names(taken: Container[str], source: str) -> Iterator[str]:
    n = 0
    while True:
        n += 1
        if f"{source} relay {n}" not in taken:
            yield f"{source} relay {n}"
