"""Rewrites of the normalised ONNX that change no value that remains, not by a bit.

A max-pool or a transpose in front of an elementwise activation goes behind it: an activation that
does not decrease commutes with a maximum, any elementwise operation with a permutation. Then the
activation fires where the layer computes, and the source's own tensors still say what it gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.converter.sources.model import SourceModel
from snnc.ir.arrays import Array, Shape

_ROUNDING = frozenset({"Round", "Floor", "Ceil"})
_RISING = frozenset({"Add", "Sub", "Clip", "Relu", "Min", "Max", "Cast", "Identity"}) | _ROUNDING
_SCALING = frozenset({"Mul", "Div"})
_SHAPING = frozenset({"BatchNormalization", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})


def rewrite(source: SourceModel) -> SourceView:
    """The source, with pools and transposes behind the activations that they precede."""
    model = onnx.ModelProto()
    model.CopyFrom(source.onnx)
    view = SourceView(model, source)
    moved = False
    readers = view.consumers()
    for node in view.nodes:
        if _may_move(view, node):
            chain = _activation_behind(view, readers, node)
            if chain:
                _swap(view, model, node, chain)
                moved = True
    if not moved:
        return view
    _sort(model)
    return SourceView(model, source)


def _may_move(view: SourceView, node: SourceNode) -> bool:
    """Not a transpose that undoes an earlier one: together the two are nothing at all."""
    if node.op_type != "Transpose":
        return node.op_type == "MaxPool" and len(node.outputs) == 1
    before = view.producer.get(node.inputs[0])
    while before is not None and before.op_type in _RISING | _SCALING | _SHAPING:
        before = view.producer.get(before.inputs[0])
    return before is None or before.op_type != "Transpose"


def _activation_behind(
    view: SourceView, readers: Mapping[str, list[SourceNode]], node: SourceNode
) -> list[SourceNode]:
    """The elementwise operators behind a node, up to the end of an integer activation."""
    chain: list[SourceNode] = []
    tensor, n_activation, rounded = node.outputs[0], 0, False
    while True:
        next_nodes = readers.get(tensor, [])
        if len(next_nodes) != 1 or tensor in view.source.outputs:
            break
        reader = next_nodes[0]
        if reader.inputs[0] != tensor or not _commutes(view, node, reader):
            break
        chain.append(reader)
        rounded = rounded or reader.op_type in _ROUNDING
        if rounded:
            n_activation = len(chain)
        tensor = reader.outputs[0]
    return chain[:n_activation]


def _commutes(view: SourceView, node: SourceNode, reader: SourceNode) -> bool:
    arguments = [view.constants.get(name) for name in reader.inputs[1:] if name]
    if any(a is None for a in arguments):
        return False
    constants = [np.asarray(a) for a in arguments]
    pooling = node.op_type == "MaxPool"
    if reader.op_type in _SCALING and not all((c > 0).all() for c in constants):
        return False
    if reader.op_type not in _RISING | _SCALING:
        return False
    shape = view.shape(node.outputs[0])
    return all(_is_uniform(c, shape, by_channel=pooling) for c in constants)


def _is_uniform(constant: Array, shape: Shape, *, by_channel: bool) -> bool:
    """Is a constant the same at every position (of a channel, axis 1)?"""
    if constant.size == 1:
        return constant.ndim <= len(shape)
    if not by_channel or constant.ndim > len(shape):
        return False
    full = (1,) * (len(shape) - constant.ndim) + constant.shape
    return all(n == 1 for axis, n in enumerate(full) if axis != 1)


def _swap(
    view: SourceView, model: onnx.ModelProto, node: SourceNode, chain: Sequence[SourceNode]
) -> None:
    """Turn x -> node -> chain -> y into x -> chain -> node -> y."""
    shape = view.shape(node.inputs[0])
    end = chain[-1].outputs[0]
    before = node.inputs[0]
    for member in chain:
        proto = member.proto
        proto.input[0] = before
        before = f"{proto.output[0]}/before-{node.proto.op_type}"
        elem = _elem_type(view.dtype(proto.output[0]))
        proto.output[0] = before
        model.graph.value_info.append(helper.make_tensor_value_info(before, elem, shape))
    node.proto.input[0] = before
    node.proto.output[0] = end


def _elem_type(dtype: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def _sort(model: onnx.ModelProto) -> None:
    """Back into an order in which every tensor is computed before it is read."""
    graph = model.graph
    known = {t.name for t in graph.initializer} | {i.name for i in graph.input} | {""}
    waiting, ordered = list(graph.node), []
    while waiting:
        rest = []
        for node in waiting:
            if all(name in known for name in node.input):
                ordered.append(node)
                known.update(node.output)
            else:
                rest.append(node)
        if len(rest) == len(waiting):
            raise ValueError("the rewritten graph has a cycle")
        waiting = rest
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in ordered]
    del graph.node[:]
    graph.node.extend(copies)
