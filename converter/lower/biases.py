"""The exact scale of a quantised bias: the product of its layer's two scales, not its rounding."""

from __future__ import annotations

import numpy as np

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.ir.arrays import Array, FloatArray

_ROUNDING = 2.0**-22
_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm"})
_VIEWS = frozenset(
    {"Flatten", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze", "Clip"}
)


def bias_scale(view: SourceView, node: SourceNode, scale: Array) -> FloatArray:
    """The scale of a DequantizeLinear on constants, in float64.

    Where its values are the bias of a layer with dequantised operands, and its scale is the
    product of theirs but for float32 rounding, it is that product.

    Args:
        view: the source.
        node: the DequantizeLinear.
        scale: as stored.
    """
    own = scale.astype(np.float64)
    readers = view.consumers().get(node.outputs[0], [])
    for reader in readers:
        if reader.op_type not in _LAYERS or reader.inputs[2:3] != (node.outputs[0],):
            continue
        scales = [_scale_of(view, name) for name in reader.inputs[:2]]
        if scales[0] is None or scales[1] is None or scales[0].size > 1:
            continue
        product = np.asarray(scales[0].reshape(()) * scales[1].reshape(-1))
        product = product.reshape(()) if product.size == 1 else product
        same = product.size in (1, own.size) and own.size >= 1
        if same and (np.abs(own / product - 1) <= _ROUNDING).all():
            return np.asarray(np.broadcast_to(product, own.shape))
    return own


def _scale_of(view: SourceView, tensor: str) -> FloatArray | None:
    """The scale with which a tensor was dequantised, views in between aside."""
    node = view.producer.get(tensor)
    while node is not None and node.op_type in _VIEWS:
        node = view.producer.get(node.inputs[0])
    if node is None or node.op_type != "DequantizeLinear":
        return None
    scale = view.constants.get(node.inputs[1])
    return None if scale is None else scale.astype(np.float64)
