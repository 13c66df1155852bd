"""Streams: sites whose steps are tied, so that what passes between them has weight exactly 1.

A residual stream is a chain of accumulators joined by identities. Tying their steps channel by
channel makes every skip weight 1 (or -1): integers pass through it unchanged. A pool or a scale
over an accumulator ties with a ratio: its weight is 1 as well, its step the stream's times the
real weight. A tie that would make a step depend on itself is not made; such a projection then has
an ordinary integer weight.
"""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx
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
from snnc.ir.arrays import FloatArray, IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Population, Product

_SAME_RATIO = 1e-9


class Ties:
    """Union-find with ratios: value(element) = ratio(element) * value(root of element)."""

    def __init__(self, size: int) -> None:
        self.parent = np.arange(size)
        self.ratio = np.ones(size)

    def find(self, element: int) -> tuple[int, float]:
        """Root of an element and the element's ratio to it."""
        path, at, ratio = [], element, 1.0
        while self.parent[at] != at:
            path.append(at)
            at = int(self.parent[at])
        for each in reversed(path):
            ratio *= float(self.ratio[each])
            self.parent[each], self.ratio[each] = at, ratio
        return at, ratio

    def tie(self, a: int, b: int, ratio: float) -> bool:
        """Make value(b) = ratio * value(a); False where that contradicts what is tied already."""
        root_a, ratio_a = self.find(a)
        root_b, ratio_b = self.find(b)
        if root_a == root_b:
            return abs(ratio_b - ratio * ratio_a) <= _SAME_RATIO * ratio_b
        self.parent[root_b] = root_a
        self.ratio[root_b] = ratio * ratio_a / ratio_b
        return True

    def copy(self) -> Ties:
        """An independent copy."""
        other = Ties(0)
        other.parent, other.ratio = self.parent.copy(), self.ratio.copy()
        return other


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
        self.order = self._order()

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
        self._ties, self._groups = Ties(self._size), {name: name for name in self._first}
        self.tied: set[str] = set()
        self._weighted: list[Projection] = []
        candidates: list[Projection] = []
        for p in self._graph.projections.values():
            site = target_site(self._graph, p)
            if site is None:
                continue
            self._tie_rows(p, site)
            (candidates if self._may_tie(p, apart) else self._weighted).append(p)
        self._tie_outputs()
        rank = {name: i for i, name in enumerate(self._graph.nodes)}
        candidates.sort(key=lambda p: (not _is_skip(p), rank[p.target]))
        for p in candidates:
            if self._try(p):
                continue
            self._weighted.append(p)
            if not self._is_solvable():
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
        ties, groups = self._ties.copy(), dict(self._groups)
        if self._tie_projection(p) and self._is_solvable():
            self.tied.add(p.name)
            return True
        self._ties, self._groups = ties, groups
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
        self._merge_groups(p.source, p.target)
        return True

    def _merge_groups(self, a: str, b: str) -> None:
        old, new = self._groups[b], self._groups[a]
        for name, group in self._groups.items():
            if group == old:
                self._groups[name] = new

    def _is_solvable(self) -> bool:
        return nx.is_directed_acyclic_graph(self._dependencies())

    def _dependencies(self) -> nx.DiGraph:
        """Which group's steps are needed before which."""
        network = nx.DiGraph()
        network.add_nodes_from(self._groups.values())
        for p in self._weighted:
            site = target_site(self._graph, p)
            source = origin(self._graph, p.source)
            if site is None:
                continue
            if isinstance(source, Product):
                for port in source.ports:
                    network.add_edge(self._groups[f"{source.name}#{port}"], self._groups[site])
            elif emits_free(self._graph, p.source):
                network.add_edge(self._groups[p.source], self._groups[site])
        return network

    def _order(self) -> list[list[str]]:
        members: dict[str, list[str]] = {}
        for name, group in self._groups.items():
            members.setdefault(group, []).append(name)
        rank = {group: i for i, group in enumerate(members)}
        order = nx.lexicographical_topological_sort(self._dependencies(), key=rank.__getitem__)
        return [members[group] for group in order]


def _is_skip(p: Projection) -> bool:
    return p.map.kind == "identity" and bool((np.abs(p.map.weight) == 1).all())
