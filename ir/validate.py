"""When is a graph well-formed? One function for each rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from snnc.ir.arrays import size_of
from snnc.ir.errors import GraphError
from snnc.ir.maps import Identity
from snnc.ir.nodes import HostOp, Input, Node, Output, Population, Product

if TYPE_CHECKING:
    from snnc.ir.graph import Graph, Projection


def validate_graph(graph: Graph) -> None:
    """Raise `GraphError` with the offender's name at the first broken rule."""
    if not graph.inputs:
        raise GraphError("the graph has no input")
    if not graph.outputs:
        raise GraphError("the graph has no output")
    for node in graph.nodes.values():
        node.validate()
        _check_ports(graph, node)
        if isinstance(node, Population):
            _check_population(graph, node)
    rank = {name: n for n, name in enumerate(graph.nodes)}
    for projection in graph.projections.values():
        _check_projection(graph, projection, rank)


def _check_ports(graph: Graph, node: Node) -> None:
    incoming = graph.incoming(node.name)
    ports = node.reads if isinstance(node, HostOp) else node.ports
    for p in incoming:
        if p.port not in ports:
            raise GraphError(
                f"a {node.kind} has no port `{p.port}`, only {', '.join(ports) or 'none'}",
                where=f"projection {p.name}",
            )
    used = Counter(p.port for p in incoming)
    for port in ports:
        if not used[port]:
            raise GraphError(f"nothing arrives at port `{port}`", where=node.name)
    if isinstance(node, Output) and len(incoming) != 1:
        raise GraphError(f"an output reads one node, not {len(incoming)}", where=node.name)
    if isinstance(node, Output) and graph.outgoing(node.name):
        raise GraphError("an output has projections of its own", where=node.name)


def _check_population(graph: Graph, node: Population) -> None:
    if graph.form not in node.model.forms:
        raise GraphError(
            f"a {node.model.kind} neuron has no place in the {graph.form} form", where=node.name
        )
    if graph.form == "integer" and node.bias.dtype.kind == "f":
        raise GraphError("the bias is not integer", where=node.name)
    if node.model.combine != "max":
        return
    incoming = graph.incoming(node.name)
    if len(incoming) != 1:
        raise GraphError(
            f"a maximum is taken over one projection, not {len(incoming)}", where=node.name
        )
    if (incoming[0].map.weight != 1).any() or incoming[0].exponent or (node.bias != 0).any():
        raise GraphError("a maximum has weights 1 and no bias", where=node.name)


def _check_projection(graph: Graph, p: Projection, rank: Mapping[str, int]) -> None:
    where = f"projection {p.name}"
    source, target = graph.nodes[p.source], graph.nodes[p.target]
    if p.exponent < 0 or p.delay < 0 or p.frames < 0:
        raise GraphError(
            f"exponent, delay and frames are not negative, got {p.exponent}, {p.delay} and "
            f"{p.frames}",
            where=where,
        )
    if p.frames:
        _check_frames(graph, p, rank, where)
    if isinstance(source, Input) and not source.grid and not isinstance(target, HostOp):
        raise GraphError(
            f"analog input `{source.name}` reaches `{target.name}` without a grid",
            where=where,
            hint="declare the input's grid, or leave the first layer on the host",
        )
    is_real = isinstance(source, HostOp) and source.result == "real"
    if is_real and not isinstance(target, HostOp | Output):
        raise GraphError(
            f"`{target.name}` reads `{source.name}`, whose real values are for the host and for "
            "outputs only",
            where=where,
        )
    if isinstance(target, HostOp):
        _check_host_reading(p, source, where)
        return
    _check_sizes(p, source, target, where)
    if graph.form == "integer" and p.map.weight.dtype.kind == "f":
        raise GraphError("weights are not integer", where=where)
    if not np.isfinite(p.map.weight).all():
        raise GraphError("a weight is not finite", where=where)
    if isinstance(target, Output) and not _is_reading(p):
        raise GraphError("an output reads through an identity with weight 1", where=where)


def _check_frames(graph: Graph, p: Projection, rank: Mapping[str, int], where: str) -> None:
    """What an earlier frame emitted arrives at sums only, and a loop has to be bounded."""
    if p.delay:
        raise GraphError("its delay follows from its frames, it has none of its own", where=where)
    target = graph.nodes[p.target]
    is_sum = isinstance(target, Population) and target.model.combine == "sum"
    if not (is_sum or isinstance(target, Product)):
        raise GraphError(
            f"only populations that sum take what an earlier frame emitted, not {target.kind}",
            where=where,
        )
    if rank[p.source] >= rank[p.target] and not closes_loop(graph, p):
        raise GraphError(
            f"`{p.source}` passes values on in a loop: nothing bounds them",
            where=where,
            hint="let a population that fires close the loop",
        )


def closes_loop(graph: Graph, p: Projection) -> bool:
    """Can what a projection brings be bounded before its source is?"""
    source = graph.nodes[p.source]
    return isinstance(source, Population) and (
        source.model.combine == "sum" and source.model.emits == "count"
    )


def _is_reading(p: Projection) -> bool:
    return isinstance(p.map, Identity) and bool((p.map.weight == 1).all()) and not p.exponent


def _check_host_reading(p: Projection, source: Node, where: str) -> None:
    if not _is_reading(p):
        raise GraphError("the host reads through an identity with weight 1", where=where)
    _check_gather(p, source, where)


def _check_sizes(p: Projection, source: Node, target: Node, where: str) -> None:
    arriving = size_of(target.port_shape(p.port))
    if p.map.out_size != arriving:
        raise GraphError(
            f"{source.name} -> {target.name}: {p.map.out_shape} into a port of "
            f"{target.port_shape(p.port)}",
            where=where,
        )
    _check_gather(p, source, where)


def _check_gather(p: Projection, source: Node, where: str) -> None:
    if p.gather is None:
        if p.map.in_size != source.size:
            raise GraphError(
                f"{source.name} -> {p.target}: {source.shape} into a map of {p.map.in_shape}",
                where=where,
            )
        return
    taken = p.gather[p.gather >= 0]
    if p.gather.shape != (p.map.in_size,) or (p.gather < -1).any():
        raise GraphError(f"gather has shape {p.gather.shape}", where=where)
    if len(taken) and taken.max() >= source.size:
        raise GraphError(f"gather takes neuron {taken.max()} of {source.size}", where=where)
    if len(taken) and np.bincount(taken).max() > 1:
        raise GraphError("gather takes a neuron twice", where=where)
