"""Names for what passes add: never one that is there, nor one that the user knows."""

from __future__ import annotations

from collections.abc import Container

from snnc.ir.graph import Graph
from snnc.ir.nodes import InputPart
from snnc.ir.signs import pairs


def free_name(wanted: str, *taken: Container[str]) -> str:
    """The name wanted, with a number where it is taken."""
    name, n = wanted, 1
    while any(name in each for each in taken):
        n += 1
        name = f"{wanted} ({n})"
    return name


def node_names(graph: Graph) -> frozenset[str]:
    """What no new node may be called: its counts would pass for another's.

    That is every node, and every population and input that two nodes stand for.
    """
    wholes = (node.whole for node in graph.inputs if isinstance(node, InputPart))
    return frozenset((*graph.nodes, *pairs(graph), *wholes))
