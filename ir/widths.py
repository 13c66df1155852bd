"""Promise 3: nothing that a graph computes passes the width that carries it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from snnc.ir.arrays import bits
from snnc.ir.errors import WidthExceeded
from snnc.ir.graph import Graph
from snnc.ir.limits import Limits
from snnc.ir.neurons.firing import FixedFiring
from snnc.ir.nodes import Node, Population
from snnc.ir.ranges import NodeRange


@dataclass(frozen=True)
class Carried:
    """What has a width in a node: its bounds, and what makes it smaller beside fewer bits."""

    what: str
    lo: int
    hi: int
    width: int | None
    way_out: str = ""


def check_width(graph: Graph, ranges: Mapping[str, NodeRange], limits: Limits) -> None:
    """Refuse a graph that can pass the target's width.

    Raises:
        WidthExceeded: with the first node that does, its bound and the ways out.
    """
    for name, r in ranges.items():
        node = graph.nodes[name]
        where = node.module_path or name
        checked = isinstance(node, Population) and node.model.checked_bits
        if checked:  # a run that passes this width stops, whatever could come in the worst case
            half = 1 << (checked - 1)
            _check(where, Carried("state", -half, half - 1, limits.membrane_bits), limits.target)
            continue
        for each in _carried(node, r, limits):
            _check(where, each, limits.target)


def saturated(
    graph: Graph, ranges: Mapping[str, NodeRange], limits: Limits
) -> Mapping[str, NodeRange]:
    """Bounds with membranes that are held where the chip's register ends: it saturates there."""
    if limits.membrane_bits is None:
        return ranges
    end = 1 - 2 ** (limits.membrane_bits - 1)
    found = dict(ranges)
    for node in graph.populations:
        model, r = node.model, ranges[node.name]
        if isinstance(model, FixedFiring) and bool((model.v_min == end).all()):
            found[node.name] = replace(r, membrane_lo=max(r.membrane_lo, end))
    return found


def _carried(node: Node, r: NodeRange, limits: Limits) -> Iterator[Carried]:
    lasting = isinstance(node, Population) and not node.model.forgets
    fewer_frames = "fewer frames in a sample, " if lasting else ""
    yield Carried("membrane", r.membrane_lo, r.membrane_hi, limits.membrane_bits, fewer_frames)
    spread = "code `burst`, which brings no count at one tick, "
    tick = "summed current of a tick"
    yield Carried(tick, r.tick_lo, r.tick_hi, limits.current_bits, spread)
    if limits.payload_bits:
        yield Carried("graded payload", r.sent_lo, r.sent_hi, limits.payload_bits)


def _check(where: str, carried: Carried, target: str) -> None:
    needed = bits(carried.lo, carried.hi)
    if carried.width is None or needed <= carried.width:
        return
    excess = needed - carried.width
    raise WidthExceeded(
        f"the {carried.what} can need {needed} bits ({carried.lo:,} … {carried.hi:,}), "
        f"{target} has {carried.width}",
        where=where,
        hint=f"{excess} fewer --weight-bits, fewer levels of what it reads, {carried.way_out}"
        "or a target with wider registers (`sim`)",
    )
