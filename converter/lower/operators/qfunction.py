"""Quantised functions of one value: whatever rises from count to count is a staircase."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.operators.elementwise import with_constant
from snnc.converter.lower.operators.qlinear import operand_of
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.values import Constant, Value
from snnc.converter.sources.quantised import integer_limits
from snnc.ir.arrays import Array
from snnc.ir.errors import NotMonotone

_Function = Callable[[Array, SourceNode], Array]

_FUNCTIONS: dict[str, _Function] = {
    "com.microsoft::QLinearSigmoid": lambda x, node: 1 / (1 + np.exp(-x)),
    "com.microsoft::QLinearLeakyRelu": lambda x, node: np.where(
        x >= 0, x, x * np.float32(node.get("alpha", 0.01))
    ),
}


@lowers(*_FUNCTIONS, fate="event", why="a fire rule")
def function(lowering: Lowering, node: SourceNode) -> Value:
    """A threshold between two counts wherever the stored result rises.

    Raises:
        NotMonotone: it falls somewhere.
    """
    value = lowering.values[operand_of(lowering, node, 0)]
    s, z, s_y, z_y = (_scalar(lowering, node, i) for i in (1, 2, 3, 4))
    bounds = [integer_limits(lowering.view.dtype(t)) for t in (node.inputs[0], node.outputs[0])]
    assert bounds[0] is not None
    assert bounds[1] is not None
    k = np.arange(bounds[0][0], bounds[0][1] + 1) - z
    y = _FUNCTIONS[node.op_type](k * s, node).astype(np.float32)
    q = np.clip(np.rint(y / np.float32(s_y)) + z_y, *bounds[1]).astype(np.int64)
    rises = np.diff(q)
    if (rises < 0).any():
        raise NotMonotone(f"{node.op_type} falls somewhere", where=node.where)
    thresholds = np.repeat((k[1:] - 0.5) * s, rises)
    if not len(thresholds):
        return Constant(np.full(value.shape, q[0]))
    levels = [np.asarray(t) for t in thresholds]
    value = with_constant(lowering, node, value, "reached", *levels, inner=True)
    return with_constant(lowering, node, value, "add", np.asarray(float(q[0])))


def _scalar(lowering: Lowering, node: SourceNode, i: int) -> float:
    found = lowering.constant(node, i)
    return 0.0 if found is None else float(np.asarray(found).astype(np.float64).reshape(()))
