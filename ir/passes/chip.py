"""Passes that bring an integer graph to what a chip has; they run when its limits demand it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from snnc.ir.graph import Graph
from snnc.ir.passes.base import Pass

METADATA = "chip_passes"
"""Under this key a graph says which of these passes changed it, first to last."""


@dataclass(frozen=True)
class ChipPass(Pass):
    """A pass over the integer form that keeps the counts of all populations that were there."""

    @abstractmethod
    def note(self, before: Graph, after: Graph) -> str:
        """What it did, one sentence for the user."""


def run_chip_passes(graph: Graph, passes: Iterable[ChipPass]) -> tuple[Graph, tuple[str, ...]]:
    """Apply passes first to last; the graph's metadata name those that changed it.

    Returns:
        The graph, and a note for each change.
    """
    notes, changed = [], []
    for each in passes:
        after = each(graph)
        if after is graph:
            continue
        notes.append(each.note(graph, after))
        changed.append(each.kind)
        graph = after
    if changed:
        graph = graph.replace(metadata={**graph.metadata, METADATA: changed})
    return graph, tuple(notes)
