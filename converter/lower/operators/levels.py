"""Sums of comparisons of one value: an integer activation with thresholds of its own."""

from __future__ import annotations

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import ElementOp, Pending, Value, ViewOp


def levels_of(lowering: Lowering, node: SourceNode, a: Value, b: Value) -> Value | None:
    """(x >= s) + (x >= t) as one operation on x; None where the summands are something else."""
    first, second = _reached(a), _reached(b)
    if node.op_type != "Add":
        return None
    if first is None or second is None or first[0] is not second[0]:
        return None
    op = ElementOp("reached", (*first[1], *second[1]))
    return lowering.pend(node, first[0], op, a.shape)


def _reached(value: Value) -> tuple[Value, tuple[Spread, ...]] | None:
    """What is compared, and with which thresholds."""
    while isinstance(value, Pending) and isinstance(value.op, ViewOp) and value.op.index is None:
        value = value.parent
    if not isinstance(value, Pending) or not isinstance(value.op, ElementOp):
        return None
    if value.op.name not in ("greater-equal", "reached") or value.parent.shape != value.shape:
        return None
    return value.parent, value.op.args
