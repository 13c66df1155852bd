"""A graph under change: passes that go node by node cost as much as what they touch.

Making a new graph for every node that is rewritten would be quadratic in the graph's size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import HostOp, Node, Output

_Key = tuple[int, ...]
"""Where something stands: what replaces it stands in its place."""


class Draft:
    """Nodes and projections of a graph, to be replaced one by one.

    A name is there once; nothing else is checked before `finish` makes a graph of it.

    Attributes:
        nodes, projections: by name.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.nodes: dict[str, Node] = dict(graph.nodes)
        self.projections: dict[str, Projection] = {}
        self._places: dict[str, _Key] = {name: (n,) for n, name in enumerate(self.nodes)}
        self._projection_places: dict[str, _Key] = {}
        self._incoming: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._outgoing: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._added = max(len(self.nodes), len(graph.projections))
        for n, p in enumerate(graph.projections.values()):
            self._connect(p, (n,))

    def incoming(self, name: str) -> list[Projection]:
        """Projections into a node."""
        return [self.projections[p] for p in self._incoming[name]]

    def outgoing(self, name: str) -> list[Projection]:
        """Projections out of a node."""
        return [self.projections[p] for p in self._outgoing[name]]

    def is_event(self, p: Projection) -> bool:
        """As `Graph.is_event`."""
        return not isinstance(self.nodes[p.target], Output | HostOp)

    def add(self, *parts: Node | Projection) -> None:
        """Put nodes or projections behind all others.

        Raises:
            GraphError: a name is there already.
        """
        for part in parts:
            self._added += 1
            self._put(part, (self._added,))

    def replace(self, old: Node | Projection, parts: Iterable[Node | Projection]) -> None:
        """Put others of the same kind where something stands; none: it is gone.

        A node's projections stay; they are the caller's to replace.

        Raises:
            GraphError: a name is there already.
        """
        if isinstance(old, Projection):
            key = self._projection_places.pop(old.name)
            del self.projections[old.name]
            del self._incoming[old.target][old.name]
            del self._outgoing[old.source][old.name]
        else:
            key = self._places.pop(old.name)
            del self.nodes[old.name]
        several = list(parts)
        for n, part in enumerate(several):
            self._put(part, (*key, n) if len(several) > 1 else key)

    def finish(self, metadata: Mapping[str, Any] | None = None) -> Graph:
        """The graph that it has become."""
        nodes = sorted(self.nodes, key=self._places.__getitem__)
        projections = sorted(self.projections, key=self._projection_places.__getitem__)
        return self._graph.replace(
            nodes=[self.nodes[name] for name in nodes],
            projections=[self.projections[name] for name in projections],
            metadata=metadata,
        )

    def _put(self, part: Node | Projection, key: _Key) -> None:
        if isinstance(part, Projection):
            self._connect(part, key)
        elif part.name in self.nodes:
            raise GraphError("two nodes have this name", where=part.name)
        else:
            self.nodes[part.name], self._places[part.name] = part, key

    def _connect(self, p: Projection, key: _Key) -> None:
        if p.name in self.projections:
            raise GraphError("two projections have this name", where=p.name)
        self.projections[p.name], self._projection_places[p.name] = p, key
        self._incoming[p.target][p.name] = self._outgoing[p.source][p.name] = None
