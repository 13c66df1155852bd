"""Stages: what a graph computes between two crossings to the host.

Host operators may stand anywhere. Stage 0 is what depends on no event that has been to the host;
each later stage begins with host operators that read events of earlier ones, and its populations
integrate what these hand over. Within a stage the events are one graph of their own, in which what
comes from elsewhere is fed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product
from snnc.ir.ranges import NodeRange

_RAW = "(fed)"
"""Name of the analog input that stands before what a stage is fed with."""


@dataclass(frozen=True)
class Stage:
    """Host operators, then events.

    Attributes:
        hosts: host operators in topological order; they read earlier stages and each other.
        graph: the events of this stage with everything that they are fed with as sources; None
            where the stage has no events.
        owned: nodes whose integers this stage computes.
        fed: nodes that it is fed with.
    """

    hosts: tuple[HostOp, ...]
    graph: Graph | None
    owned: frozenset[str]
    fed: frozenset[str]


def crosses_host(graph: Graph) -> bool:
    """Has the host more to do than to prepare integers for the first events?"""
    return any(
        host.result == "real" or host.states or not _reads_inputs_only(graph, host)
        for host in graph.host_ops
    )


def stages(graph: Graph, ranges: Mapping[str, NodeRange]) -> tuple[Stage, ...]:
    """Split an integer graph at its crossings to the host.

    A graph whose host operators only read inputs is one stage, and that stage's graph is the
    whole graph itself.

    Args:
        graph: the integer form.
        ranges: worst-case bounds of its nodes.
    """
    if not crosses_host(graph):
        neurons = frozenset(n.name for n in (*graph.populations, *graph.products))
        fed = frozenset(n.name for n in graph.sources)
        return (Stage(tuple(graph.host_ops), graph, neurons, fed),)
    level = _levels(graph)
    return tuple(
        _stage(graph, ranges, {name for name, at in level.items() if at == n})
        for n in range(max(level.values()) + 1)
    )


def _reads_inputs_only(graph: Graph, host: HostOp) -> bool:
    return all(isinstance(graph.nodes[p.source], Input) for p in graph.incoming(host.name))


def _levels(graph: Graph) -> dict[str, int]:
    """The stage of every node; an output has that of what it reads."""
    level: dict[str, int] = {}
    for name, node in graph.nodes.items():
        incoming = [p for p in graph.incoming(name) if not p.frames]
        level[name] = max((level[p.source] + _crosses(graph, p, node) for p in incoming), default=0)
    for p in graph.projections.values():
        if p.frames and level[p.source] > level[p.target]:
            raise GraphError(
                "a loop across frames passes through the host",
                where=f"projection {p.name}",
                hint="let the host hold what passes from frame to frame: save_model(states=…)",
            )
    return level


def _crosses(graph: Graph, p: Projection, target: Node) -> bool:
    return isinstance(target, HostOp) and isinstance(graph.nodes[p.source], Population | Product)


def _stage(graph: Graph, ranges: Mapping[str, NodeRange], names: set[str]) -> Stage:
    hosts = tuple(host for host in graph.host_ops if host.name in names)
    owned = [n for n in (*graph.populations, *graph.products) if n.name in names]
    if not owned:
        return Stage(hosts, None, frozenset(), frozenset())
    members = {n.name for n in owned}
    projections = [p for p in graph.projections.values() if p.target in members]
    fed = list(dict.fromkeys(p.source for p in projections if p.source not in members))
    stubs = [_stub(graph, ranges, name) for name in graph.nodes if name in fed]
    order = {name: i for i, name in enumerate(graph.nodes)}
    last = max(owned, key=lambda n: order[n.name])
    nodes: list[Node] = [
        *stubs,
        *sorted(owned, key=lambda n: order[n.name]),
        Output(name="(read)", shape=last.shape),
    ]
    reading = Projection(
        name="(read)", source=last.name, target="(read)", map=Identity(shape=last.shape)
    )
    if any(isinstance(n, HostOp) for n in stubs):
        nodes.insert(0, Input(name=_RAW, shape=(1,), grid=False))
    elif not stubs:
        raise GraphError("neurons that nothing reaches", where=last.name)
    projections = [*projections, reading, *(_raw_to(n) for n in stubs if isinstance(n, HostOp))]
    part = graph.replace(nodes=nodes, projections=projections)
    return Stage(hosts, part, frozenset(members), frozenset(fed))


def _stub(graph: Graph, ranges: Mapping[str, NodeRange], name: str) -> Node:
    """A source that is fed with what another stage, or the host, has computed."""
    node = graph.nodes[name]
    if isinstance(node, Input):
        return node
    if isinstance(node, HostOp):
        return replace(node, reads=("in",), states=())
    r = ranges[name]
    return HostOp(
        name=name,
        shape=node.shape,
        module_path=node.module_path,
        onnx="",
        result="count" if graph.emits(name) == "count" else "value",
        lo=int(r.out_lo.min()),
        hi=int(r.out_hi.max()),
        step=np.array(1.0),
    )


def _raw_to(stub: HostOp) -> Projection:
    return Projection(
        name=f"{_RAW} -> {stub.name}", source=_RAW, target=stub.name, map=Identity(shape=(1,))
    )
