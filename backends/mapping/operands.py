"""How wide the operands of matrix products are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from snnc.ir.arrays import bits
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.ranges import NodeRange, arriving_range

Widths: TypeAlias = Mapping[str, Mapping[str, int]]
"""Bits of an operand by matrix product and port."""

_UNKNOWN = 64
"""Bits of an operand without bounds: the engines' own integers."""


def operand_bits(
    graph: Graph, settings: RunSettings, ranges: Mapping[str, NodeRange] | None
) -> Widths:
    """Two's complement widths by matrix product and port; without a sign bit where it needs none.

    Args:
        graph: integer form.
        settings: of the run.
        ranges: of its nodes, None where they have no bounds.
    """
    products = [node for node in graph.products if node.op == "matmul"]
    if ranges is None:
        return {node.name: dict.fromkeys(node.ports, _UNKNOWN) for node in products}
    widths: dict[str, dict[str, int]] = {}
    for node in products:
        widths[node.name] = {}
        for port in node.ports:
            into = [p for p in graph.incoming(node.name) if p.port == port]
            found = arriving_range(graph, into, ranges, settings, 1)
            low, high = int(found.partial_lo.min()), int(found.partial_hi.max())
            widths[node.name][port] = bits(low, high) if low < 0 else max(high.bit_length(), 1)
    return widths
