"""Streams: sites whose steps are tied, so that what passes between them has weight exactly 1.

A residual stream is a chain of accumulators joined by identities. Tying their steps channel by
channel makes every skip weight 1 (or -1): integers pass through it unchanged. A pool or a scale
over an accumulator ties with a ratio: its weight is 1 as well, its step the stream's times the
real weight. A tie that would make a step depend on itself is not made; such a projection then has
an ordinary integer weight.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from snnc.converter.integer.sites import (
    emission_step,
    emits_free,
    first_target,
    is_channelwise,
    origin,
    row_sources,
    row_targets,
    row_weights,
    sites,
    target_site,
)
from snnc.converter.integer.ties import Groups, Ties
from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product


class Streams:
    """Ties of all sites of a float graph, and the order in which steps can be found.

    Attributes:
        tied: names of projections that pass integers with weight 1 or -1.
        order: groups of sites, sources before targets; the sites of one group are solved at once.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._first: dict[str, int] = {}
        size = 0
        for name, n_channels in sites(graph):
            self._first[name] = size
            size += n_channels
        self._size = size
        apart: set[str] = set()
        while not self._attempt(apart):
            pass
        self.order = self._groups.in_order()
        if self._groups.circular:
            raise GraphError(
                "the steps of its accumulators depend on each other in a circle", where=graph.name
            )

    def elements(self, site: str, channels: IntArray) -> IntArray:
        """Element numbers of some channels of a site."""
        return self._first[site] + channels

    def roots(self, elements: Iterable[int]) -> tuple[IntArray, FloatArray]:
        """Root and ratio of each element."""
        found = [self._ties.find(int(e)) for e in elements]
        root = np.array([r for r, _ in found], dtype=np.int64)
        return root, np.array([ratio for _, ratio in found], dtype=np.float64)

    def _attempt(self, apart: set[str]) -> bool:
        """Tie all that can be tied; False (with one more target kept apart) to start again."""
        self._ties, self._groups = Ties(self._size), Groups(list(self._first))
        self.tied: set[str] = set()
        candidates: list[Projection] = []
        for p in self._graph.projections.values():
            site = target_site(self._graph, p)
            if site is None:
                continue
            self._tie_rows(p, site)
            if self._may_tie(p, apart):
                candidates.append(p)
            else:
                self._depend(p)
        self._tie_outputs()
        rank = {name: i for i, name in enumerate(self._graph.nodes)}
        candidates.sort(key=lambda p: (not _is_skip(p), rank[p.target]))
        for p in candidates:
            if self._try(p):
                continue
            self._depend(p)
            if self._groups.circular:
                apart.add(p.target)
                return False
        return True

    def _may_tie(self, p: Projection, apart: set[str]) -> bool:
        return (
            p.target not in apart
            and is_channelwise(p.map)
            and emits_free(self._graph, p.source)
            and isinstance(self._graph.nodes[p.target], Population)
            and bool((p.map.weight != 0).any())
        )

    def _tie_rows(self, p: Projection, site: str) -> None:
        """Channels of a site that share a row of a map share its step."""
        rows, channels = row_targets(self._graph, p)
        first = first_target(rows, channels, p.map.n_channels)[rows]
        for a, b in zip(self.elements(site, first), self.elements(site, channels), strict=True):
            if a != b:
                self._ties.tie(int(a), int(b), 1.0)

    def _tie_outputs(self) -> None:
        """What an output reads has one step for all channels."""
        for output in self._graph.outputs:
            name = self._graph.incoming(output.name)[0].source
            if name in self._first and emits_free(self._graph, name):
                node = self._graph.nodes[name]
                first = self._first[name]
                for channel in range(1, node.shape[getattr(node, "channel_axis", 0)]):
                    self._ties.tie(first, first + channel, 1.0)

    def _try(self, p: Projection) -> bool:
        """Tie source and target of a projection; undone where it cannot hold."""
        self._ties.keep()
        if self._tie_projection(p) and self._groups.merge(p.source, p.target):
            self.tied.add(p.name)
            return True
        self._ties.undo()
        return False

    def _tie_projection(self, p: Projection) -> bool:
        rows, channels = row_sources(self._graph, p)
        target = first_target(*row_targets(self._graph, p), p.map.n_channels)
        by_row = row_weights(p.map)
        assert by_row is not None
        weight = by_row[rows]
        if p.source in self._first:
            weight = weight * emission_step(self._graph, p.source)
        source_elements = self.elements(p.source, channels)
        target_elements = self.elements(p.target, target[rows])
        for a, b, w in zip(source_elements, target_elements, weight, strict=True):
            if w and not self._ties.tie(int(a), int(b), float(w)):
                return False
        return True

    def _depend(self, p: Projection) -> None:
        """A projection with weights of its own: its source's steps are found first."""
        site = target_site(self._graph, p)
        source = origin(self._graph, p.source)
        if site is None:
            return
        if isinstance(source, Product):
            for port in source.ports:
                self._groups.add(f"{source.name}#{port}", site)
        elif emits_free(self._graph, p.source):
            self._groups.add(p.source, site)


def _is_skip(p: Projection) -> bool:
    return p.map.kind == "identity" and bool((np.abs(p.map.weight) == 1).all())
