"""Turning channels: a -1 identity where negating weights would leave their width."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from snnc.converter.integer.rows import scale_rows
from snnc.converter.integer.sites import first_target, row_targets
from snnc.ir.arrays import IntArray, along
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Node, Population
from snnc.ir.passes.base import Pass


@dataclass(frozen=True)
class TurnChannels(Pass):
    """Split populations into an accumulator with turned channels and the rest behind a -1 identity.

    sum = sign * (sign * W x + sign * b): the accumulator holds what stands in the bracket, an
    identity with weights `sign` leads from it to the population.

    Attributes:
        signs: by population: 1 or -1 for each channel, shape (C,).
    """

    kind: ClassVar[str] = "turn-channels"

    signs: Mapping[str, IntArray] = field(default_factory=dict)

    def rewrite(self, graph: Graph) -> Graph:
        if not self.signs:
            return graph
        nodes: list[Node] = []
        projections = [self._redirected(graph, p) for p in graph.projections.values()]
        for node in graph.nodes.values():
            if node.name in self.signs and isinstance(node, Population):
                nodes.append(_turned(node, self.signs[node.name]))
                projections.append(_turn(node, self.signs[node.name]))
                node = replace(node, bias=np.zeros(()), offset_magnitude=None)
            nodes.append(node)
        return graph.replace(nodes=nodes, projections=projections)

    def _redirected(self, graph: Graph, p: Projection) -> Projection:
        if p.target not in self.signs:
            return p
        channel = first_target(*row_targets(graph, p), p.map.n_channels)
        sign = self.signs[p.target][channel]
        return replace(p, target=turned_name(p.target), map=scale_rows(p.map, sign))


def turned_name(name: str) -> str:
    """Name of the accumulator in front of a turned population."""
    return f"{name}.turned"


def _turned(node: Population, sign: IntArray) -> Population:
    bias = np.array(along(sign, len(node.shape), node.channel_axis) * node.bias_map(), dtype=float)
    return Population(
        name=turned_name(node.name),
        shape=node.shape,
        module_path=node.module_path,
        model=Accumulator(),
        bias=bias,
        channel_axis=node.channel_axis,
    )


def _turn(node: Population, sign: IntArray) -> Projection:
    identity = Identity(
        shape=node.shape, weight=sign.astype(np.float64), channel_axis=node.channel_axis
    )
    return Projection(
        name=f"{node.name}.turn", source=turned_name(node.name), target=node.name, map=identity
    )
