"""Pixel shuffles: channels become space and the other way round."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.values import Value, ViewOp
from snnc.ir.arrays import Shape, size_of


@lowers("DepthToSpace", "SpaceToDepth", fate="folded", why="a permutation of synapses", waits=True)
def shuffle(lowering: Lowering, node: SourceNode) -> Value:
    """A permutation of neurons; PyTorch's PixelShuffle is DepthToSpace of mode CRD."""
    value = lowering.operand(node, 0)
    split, order = _blocks(node, value.shape)
    index = np.arange(size_of(value.shape)).reshape(split).transpose(order)
    shape = lowering.view.shape(node.outputs[0])
    return lowering.pend(node, value, ViewOp(in_order(index.reshape(-1))), shape)


def _blocks(node: SourceNode, shape: Shape) -> tuple[Shape, tuple[int, ...]]:
    """Six axes with those of a block apart, and the order in which the result has them."""
    (n, c, h, w), b = shape, int(node.get("blocksize"))
    if node.op_type == "SpaceToDepth":
        return (n, c, h // b, b, w // b, b), (0, 3, 5, 1, 2, 4)
    if node.get("mode", "DCR") == "CRD":
        return (n, c // b**2, b, b, h, w), (0, 1, 4, 2, 5, 3)
    return (n, b, b, c // b**2, h, w), (0, 3, 4, 1, 5, 2)
