"""Integer activations written into an ONNX model: divide, clip, round, multiply."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snnc.converter.quantize.sites import along_axis
from snnc.converter.quantize.steps import Quantizer
from snnc.ir.arrays import Array


def quantized_onnx(model: onnx.ModelProto, quantizers: Iterable[Quantizer]) -> onnx.ModelProto:
    """A copy of a normalised model with integer activations at the quantizers' sites.

    Tensors keep their names: that of a site is now the quantised value.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    graph = result.graph
    at = {quantizer.site.node: quantizer for quantizer in quantizers}
    nodes = []
    for node in graph.node:
        quantizer = at.get(node.name)
        if quantizer is None:
            nodes.append(node)
            continue
        before = node.input[0]
        if not quantizer.site.replaced:
            before = f"{node.output[0]}/real"
            nodes.append(_renamed(node, before))
        nodes += _chain(graph, node, quantizer, before)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    return result


def _renamed(node: onnx.NodeProto, output: str) -> onnx.NodeProto:
    kept = onnx.NodeProto()
    kept.CopyFrom(node)
    kept.output[0] = output
    return kept


def _chain(
    graph: onnx.GraphProto, node: onnx.NodeProto, quantizer: Quantizer, before: str
) -> list[onnx.NodeProto]:
    """The four nodes that make the site's tensor out of `before`."""
    tensor = node.output[0]
    step, lo, hi = (f"{tensor}/{name}" for name in ("step", "lo", "hi"))
    _constant(graph, step, along_axis(quantizer.step, quantizer.site))
    _constant(graph, lo, np.array(quantizer.lo))
    _constant(graph, hi, np.array(quantizer.levels))
    scaled, clipped, counts = (f"{tensor}/{name}" for name in ("scaled", "clipped", "counts"))
    chain = [
        ("Div", [before, step], scaled),
        ("Clip", [scaled, lo, hi], clipped),
        ("Round", [clipped], counts),
        ("Mul", [counts, step], tensor),
    ]
    made = []
    for operator, inputs, output in chain:
        new = helper.make_node(operator, inputs, [output], name=f"{node.name}_{operator.lower()}")
        new.metadata_props.extend(node.metadata_props)
        made.append(new)
    return made


def _constant(graph: onnx.GraphProto, name: str, values: Array) -> None:
    graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
