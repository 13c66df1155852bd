"""Layers with weights: convolution and matrix products with constants."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order, rearranged
from snnc.converter.lower.operators.window import spread_of, window_of
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.through import through
from snnc.converter.lower.values import Affine, Value
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import Conv, LinearMap


@lowers("Conv", fate="event", why="synapses")
def convolution(lowering: Lowering, node: SourceNode) -> Value:
    """Convolution over one to three spatial axes."""
    value = lowering.events(lowering.operand(node, 0))
    weight = np.asarray(lowering.constant(node, 1), dtype=np.float64)
    check_spatial(node, value.shape)
    out = lowering.view.shape(node.outputs[0])
    window = window_of(node, value.shape, weight.shape[2:], out)
    map_ = Conv(
        weight=weight,
        in_shape=value.shape[1:],
        stride=window.stride,
        padding=window.padding,
        dilation=window.dilation,
        groups=node.get("group", 1),
    )
    bias = lowering.constant(node, 2)
    along = (-1,) + (1,) * (len(value.shape) - 2)
    return apply_layer(
        lowering, node, value, map_, out, None if bias is None else bias.reshape(along)
    )


@lowers("ConvTranspose", fate="event", why="synapses")
def transposed_convolution(lowering: Lowering, node: SourceNode) -> Value:
    """A convolution over the value with zeros between its elements, its kernel turned around."""
    value = lowering.wiring(lowering.operand(node, 0))
    weight = np.asarray(lowering.constant(node, 1), dtype=np.float64)
    check_spatial(node, value.shape)
    out = lowering.view.shape(node.outputs[0])
    spread = spread_of(node, value.shape, weight.shape[2:], out)
    value = rearranged(value, in_order(spread.index.reshape(-1)), spread.index.shape, None)
    groups = node.get("group", 1)
    map_ = Conv(
        weight=_turned(weight, groups),
        in_shape=spread.index.shape[1:],
        stride=(1,) * len(spread.padding),
        padding=spread.padding,
        dilation=spread.dilation,
        groups=groups,
    )
    bias = lowering.constant(node, 2)
    along = (-1,) + (1,) * (len(value.shape) - 2)
    return apply_layer(
        lowering, node, value, map_, out, None if bias is None else bias.reshape(along)
    )


def _turned(weight: FloatArray, groups: int) -> FloatArray:
    """(C_in, C_out / groups, *kernel) as a convolution's weights, the kernel turned around."""
    n_in, n_group = weight.shape[:2]
    blocks = weight.reshape(groups, n_in // groups, n_group, *weight.shape[2:]).swapaxes(1, 2)
    turned = np.flip(blocks, axis=tuple(range(3, blocks.ndim)))
    return np.ascontiguousarray(turned.reshape(groups * n_group, *turned.shape[2:]))


def check_spatial(node: SourceNode, shape: Shape) -> None:
    """Raise `UnsupportedOperator` where a sliding window has no one to three axes to slide on."""
    if len(shape) not in (3, 4, 5) or shape[0] != 1:
        raise UnsupportedOperator(
            f"{node.op_type} over a value of shape {shape}; one to three spatial axes and a batch "
            "of 1 are supported",
            where=node.where,
        )


def apply_layer(
    lowering: Lowering,
    node: SourceNode,
    value: Affine,
    map_: LinearMap,
    shape: Shape,
    bias: FloatArray | None,
    *,
    whole: bool = True,
) -> Affine:
    """The layer's output, its synapses under the layer's own name.

    Args:
        lowering: the lowering.
        node: the layer.
        value: what it takes.
        map_: its weights.
        shape: of the result.
        bias: broadcasts to `shape`.
        whole: is that the operator's result, or a step on the way to it?
    """
    name = node.module_path or node.name
    tensor = node.outputs[0] if whole else None
    return through(lowering, value, map_, name=name, shape=shape, bias=bias, tensor=tensor)
