"""Drop what no output depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snnc.ir.graph import Graph
from snnc.ir.nodes import Input
from snnc.ir.passes.base import PASSES, Pass


@PASSES.register
@dataclass(frozen=True)
class PruneUnread(Pass):
    """Remove nodes from which no path leads to an output, and their projections.

    Inputs stay: they are the model's interface.
    """

    kind: ClassVar[str] = "prune-unread"

    def rewrite(self, graph: Graph) -> Graph:
        read = {node.name for node in graph.outputs}
        for name in reversed(list(graph.nodes)):  # topological order: readers come first
            if any(p.target in read for p in graph.outgoing(name)):
                read.add(name)
        keep = [n for n in graph.nodes.values() if n.name in read or isinstance(n, Input)]
        if len(keep) == len(graph.nodes):
            return graph
        projections = [p for p in graph.projections.values() if p.target in read]
        return graph.replace(nodes=keep, projections=projections)
