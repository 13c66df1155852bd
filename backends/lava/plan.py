"""What a graph needs before it can become Lava processes: schedule, bounds, fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from snnc.backends.feeds import check_code
from snnc.backends.lava.limits import LOIHI1, LOIHI2
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import NotExecutable, UnknownBackend, UnsupportedByTarget
from snnc.ir.fit import check_fit
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import Limits
from snnc.ir.nodes import HostOp, Input, Node, Population, Product
from snnc.ir.ranges import NodeRange, analyse
from snnc.ir.registry import did_you_mean
from snnc.ir.schedule import Schedule, make_schedule
from snnc.ir.stages import crosses_host
from snnc.ir.widths import check_width, saturated

ConvStyle = Literal["sparse", "conv"]
CONV_STYLES: tuple[ConvStyle, ...] = ("sparse", "conv")

LAVA_CODES = frozenset({"burst", "graded", "delta"})
"""Event codes that the processes of a bundle know."""

TARGETS: Mapping[str, Limits] = {"loihi1": LOIHI1, "loihi2": LOIHI2}


@dataclass(frozen=True)
class Plan:
    """A graph that fits its target, with everything that its processes are written from.

    Attributes:
        graph: integer form.
        settings: code and schedule.
        limits: of the target.
        conv: convolutions as `sparse` matrices or as Lava's own `conv`.
        schedule: ticks of every node and projection.
        ranges: bounds of every node.
        nodes: those that become processes, in topological order.
        arrays: filled while processes are written: what weights.npz holds.
    """

    graph: Graph
    settings: RunSettings
    limits: Limits
    conv: ConvStyle
    schedule: Schedule
    ranges: Mapping[str, NodeRange]
    nodes: tuple[Node, ...]
    arrays: dict[str, Array] = field(default_factory=dict)

    def projections_into(self, name: str) -> list[Projection]:
        """Synapses of a node."""
        return [p for p in self.graph.incoming(name) if self.graph.is_event(p)]

    def code_of(self, name: str) -> str:
        """How a node's output travels: values pass as graded events in every code but `delta`."""
        if self.settings.sends_changes or self.graph.emits(name) == "count":
            return self.settings.code
        return "graded"

    def store(self, key: str, array: Array) -> str:
        """Keep an array for weights.npz; returns the expression that reads it."""
        self.arrays[key] = array
        return f'w["{key}"]'


def make_plan(
    graph: Graph,
    settings: RunSettings,
    *,
    target: str = "loihi2",
    conv: ConvStyle = "sparse",
    n_frames: int = 1,
) -> Plan:
    """Check an integer graph against a target.

    Args:
        n_frames: for how many frames membranes that live across frames are bounded.

    Raises:
        NotExecutable: the graph is in float form.
        UnsupportedByTarget: the target lacks what the graph needs.
        WidthExceeded: a bound passes the target's width.
    """
    if target not in TARGETS:
        raise UnknownBackend(f"unknown target `{target}`{did_you_mean(target, list(TARGETS))}")
    if conv not in CONV_STYLES:
        raise NotExecutable(f"unknown conv style `{conv}`{did_you_mean(conv, list(CONV_STYLES))}")
    if graph.form != "integer":
        raise NotExecutable("Lava runs the integer form", where=graph.name)
    check_code("lava", LAVA_CODES, settings)
    graph.validate()
    _refuse_host_crossings(graph, target)
    limits = TARGETS[target]
    ranges = saturated(graph, analyse(graph, settings, n_frames), limits)
    check_width(graph, ranges, limits)
    check_fit(graph, settings, limits, n_frames)
    schedule = make_schedule(graph, settings, limits.max_delay)
    nodes = tuple(node for node in graph.nodes.values() if _takes_part(graph, node))
    return Plan(graph, settings, limits, conv, schedule, ranges, nodes)


def _refuse_host_crossings(graph: Graph, target: str) -> None:
    for host in graph.host_ops:
        if host.result == "real" or crosses_host(graph):
            raise UnsupportedByTarget(
                f"the host computes {', '.join(host.operators) or 'it'} behind events; one network "
                f"on {target} cannot leave the chip half-way",
                where=host.module_path or host.name,
                hint="`snnc run` and bundles go stage by stage",
            )


def _takes_part(graph: Graph, node: Node) -> bool:
    if isinstance(node, Population | Product):
        return True
    feeds = isinstance(node, HostOp) or (isinstance(node, Input) and node.grid)
    return feeds and any(graph.is_event(p) for p in graph.outgoing(node.name))
