"""The real values that integers stand for."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, along
from snnc.ir.errors import GraphError
from snnc.ir.nodes import HostOp, Input, Node, Population, Product


def step_map(node: Node) -> FloatArray:
    """Real value of integer 1 of a node that emits, broadcastable against (…, *shape)."""
    if isinstance(node, Population | HostOp):
        return node.step_map()
    if isinstance(node, Input | Product):
        return along(np.asarray(node.step, dtype=np.float64), len(node.shape), 0)
    raise GraphError("it emits nothing", where=node.name)


def real_values(node: Node, integers: IntArray) -> Array:
    """What the source has where a node has `integers`, shape (…, *shape).

    float64, but in the type of the data for an input of integers.
    """
    if isinstance(node, Input) and np.dtype(node.dtype).kind in "bui":
        return (integers + node.zero_point).astype(node.dtype)
    return integers * step_map(node)
