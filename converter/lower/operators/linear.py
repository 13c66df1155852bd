"""Layers with weights: convolution and matrix products with constants."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.operators.product import product_of
from snnc.converter.lower.operators.window import window_of
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.through import through
from snnc.converter.lower.values import Affine, Constant, Value
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import Conv, Dense, LinearMap


@lowers("Conv", fate="event", why="synapses")
def convolution(lowering: Lowering, node: SourceNode) -> Value:
    """Convolution over one or two spatial axes."""
    value = lowering.events(lowering.operand(node, 0))
    weight = np.asarray(lowering.constant(node, 1), dtype=np.float64)
    if len(value.shape) not in (3, 4) or value.shape[0] != 1:
        raise UnsupportedOperator(
            f"a convolution over a value of shape {value.shape}; one or two spatial axes and a "
            "batch of 1 are supported",
            where=node.where,
        )
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


@lowers("Gemm", fate="event", why="synapses")
def gemm(lowering: Lowering, node: SourceNode) -> Value:
    """For one row x: y = alpha * x W + beta * b."""
    value = lowering.events(lowering.operand(node, 0))
    weight = np.asarray(lowering.constant(node, 1), dtype=np.float64)
    bias = lowering.constant(node, 2)
    if node.get("transA", 0) or len(value.shape) != 2:
        raise UnsupportedOperator("a matrix product with its input transposed", where=node.where)
    matrix = weight if node.get("transB", 0) else weight.T
    map_ = Dense(weight=matrix * node.get("alpha", 1.0), lead=_lead(value.shape))
    if bias is not None:
        bias = np.asarray(bias, dtype=np.float64) * node.get("beta", 1.0)
    return apply_layer(lowering, node, value, map_, (value.shape[0], len(matrix)), bias)


@lowers("MatMul", fate="event", why="synapses")
def matmul(lowering: Lowering, node: SourceNode) -> Value:
    """With a constant matrix a layer on the last axis (or on the last but one, from the left)."""
    a, b = lowering.operand(node, 0), lowering.operand(node, 1)
    out = lowering.view.shape(node.outputs[0])
    if isinstance(b, Constant) and b.array.ndim == 2:
        value = lowering.events(a)
        weight = np.asarray(b.array, dtype=np.float64).T
        return apply_layer(
            lowering, node, value, Dense(weight=weight, lead=_lead(value.shape)), out, None
        )
    if isinstance(a, Constant) and a.array.ndim == 2:
        value = lowering.events(b)
        if all(n == 1 for n in value.shape[:-2]):
            return _from_the_left(lowering, node, value, a.array, out)
    if isinstance(a, Constant) or isinstance(b, Constant):
        raise UnsupportedOperator(
            "a matrix product with more than one constant matrix",
            where=node.where,
            hint="write it as one linear layer for each",
        )
    return product_of(lowering, node, "matmul")


def _from_the_left(
    lowering: Lowering, node: SourceNode, value: Affine, matrix: FloatArray, out: Shape
) -> Value:
    """W x with x of shape (K, N): a pointwise convolution over K channels."""
    map_ = Conv(
        weight=np.asarray(matrix, dtype=np.float64)[:, :, None],
        in_shape=value.shape[-2:],
        stride=(1,),
        padding=((0, 0),),
        dilation=(1,),
    )
    return apply_layer(lowering, node, value, map_, out, None)


def _lead(shape: Shape) -> Shape:
    """Leading axes of a value that share a layer's weights."""
    lead = shape[:-1]
    while lead and lead[0] == 1:
        lead = lead[1:]
    return lead


def apply_layer(
    lowering: Lowering,
    node: SourceNode,
    value: Affine,
    map_: LinearMap,
    shape: Shape,
    bias: FloatArray | None,
) -> Affine:
    """The layer's output, its synapses under the layer's own name."""
    name = node.module_path or node.name
    return through(lowering, value, map_, name=name, shape=shape, bias=bias, tensor=node.outputs[0])
