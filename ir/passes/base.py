"""Passes: pure functions from graph to graph, with a name and options.

A pass is a frozen dataclass; its fields are its options. The graph is validated before and
after. What only looks at a graph is an analysis (`snnc.ir.ranges`), not a pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from snnc.ir.errors import GraphError, PassFailed
from snnc.ir.graph import Graph
from snnc.ir.registry import Registry


@dataclass(frozen=True)
class Pass(ABC):
    """A rewriting of graphs.

    Class attributes:
        kind: the name, in kebab-case.
    """

    kind: ClassVar[str]

    @abstractmethod
    def rewrite(self, graph: Graph) -> Graph:
        """A new graph, or the same object where nothing changes."""

    def __call__(self, graph: Graph) -> Graph:
        """Rewrite, with the graph validated on both sides.

        Raises:
            PassFailed: the rewritten graph is not well-formed.
            GraphError: the given one is not.
        """
        graph.validate()
        rewritten = self.rewrite(graph)
        try:
            return rewritten if rewritten is graph else rewritten.validate()
        except GraphError as error:
            raise PassFailed(
                f"the pass `{self.kind}` left a graph that is not well-formed: {error.what}",
                where=error.where,
                hint="this is a bug in the pass",
            ) from error


PASSES: Registry[Pass] = Registry("pass")


def run_passes(graph: Graph, passes: Iterable[Pass]) -> Graph:
    """Apply passes first to last."""
    for each in passes:
        graph = each(graph)
    return graph
