"""Sums that are passed on become direct projections from what they sum up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, TypeGuard

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.compose import compose
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Node, Population
from snnc.ir.passes.base import PASSES
from snnc.ir.passes.chip import ChipPass
from snnc.ir.passes.draft import Draft
from snnc.ir.passes.names import free_name


@PASSES.register
@dataclass(frozen=True)
class DirectProjections(ChipPass):
    """Replace accumulators by projections from their sources to their readers.

    A residual sum that reaches a spiking population as one graded event a frame reaches it as the
    spikes of every branch instead: the linear maps are composed, exactly, and biases join those
    of the readers. Readers of a stream get one projection for each branch before them, so that
    synaptic operations grow. For chips whose spikes carry no payload, and for codes without values.

    A sum that an output reads stays, and emits nothing. What cannot be reached directly stays as
    it is: sums before a maximum, a product, a host operator, and such with a bias that arrive
    frames later. What asks for the pass then refuses by name.
    """

    kind: ClassVar[str] = "direct-projections"

    def rewrite(self, graph: Graph) -> Graph:
        if graph.form != "integer":
            raise GraphError("direct projections are exact in the integer form", where=graph.name)
        draft, changed = Draft(graph), False
        for name in graph.nodes:  # sources first: what a sum reads is rewritten already
            node = draft.nodes[name]
            if _is_passed_on(node, draft) and _can_be_direct(draft, node):
                _bypass(draft, node)
                changed = True
        return draft.finish() if changed else graph

    def note(self, before: Graph, after: Graph) -> str:
        names = [n for n in before.nodes if _is_passed_on(before.nodes[n], before)]
        names = [
            n for n in names if n not in after.nodes or not _is_passed_on(after.nodes[n], after)
        ]
        one = len(names) == 1
        return (
            f"{len(names)} sum{'' if one else 's'} ({', '.join(names)}) "
            f"{'reaches its' if one else 'reach their'} readers as the spikes of each branch: "
            "exact, with more synaptic operations"
        )


def _is_passed_on(node: Node, graph: Graph | Draft) -> TypeGuard[Population]:
    """Is a node an accumulator whose sum others receive as events?"""
    if not isinstance(node, Population) or not isinstance(node.model, Accumulator):
        return False
    return any(graph.is_event(p) for p in graph.outgoing(node.name))


def _can_be_direct(graph: Draft, node: Population) -> bool:
    """Do all readers sum what arrives, so that every branch can reach them by itself?"""
    has_bias = bool((node.bias != 0).any())
    for p in graph.outgoing(node.name):
        reader = graph.nodes[p.target]
        if not graph.is_event(p):
            continue
        if not isinstance(reader, Population) or reader.model.combine != "sum":
            return False
        if has_bias and p.frames:  # a bias is there from the first frame on, what arrives is not
            return False
    return True


def _bypass(graph: Draft, node: Population) -> None:
    """Feed a sum's readers by its sources; the sum is gone where only events were read."""
    arriving, read = graph.incoming(node.name), graph.outgoing(node.name)
    leaving = [p for p in read if graph.is_event(p)]
    stays = len(leaving) < len(read)
    for p in leaving if stays else [*leaving, *arriving]:
        graph.replace(p, ())
    for second in leaving:
        reader = graph.nodes[second.target]
        assert isinstance(reader, Population)
        graph.replace(reader, [_with_bias(reader, node, second)])
        for first in arriving:
            p = _composed(graph, first, second, reader)
            graph.add(replace(p, name=free_name(f"{p.source} -> {p.target}", graph.projections)))
    if not stays:
        graph.replace(node, ())


def _composed(graph: Draft, first: Projection, second: Projection, to: Population) -> Projection:
    sizes = graph.nodes[first.source].size, graph.nodes[second.source].size
    return compose(first, second, sizes=sizes, shape=to.shape, axis=to.channel_axis)


def _with_bias(reader: Population, node: Population, p: Projection) -> Population:
    """A reader that has the sum's bias as part of its own."""
    if not (node.bias != 0).any():
        return reader
    brought = p.apply(node.bias_map()[None])[0].reshape(reader.shape)
    return replace(reader, bias=_narrowed(reader.bias_map() + brought, reader.channel_axis))


def _narrowed(bias: IntArray, axis: int) -> Array:
    """One bias for each channel where all positions have the same."""
    by_channel = np.moveaxis(bias, axis, 0).reshape(bias.shape[axis], -1)
    if (by_channel == by_channel[:, :1]).all():
        return by_channel[:, 0]
    return bias
