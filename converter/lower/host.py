"""The part that stays on the host: where it ends, its ONNX subgraph, its multiply-accumulates."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import onnx

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.ir.arrays import size_of

_ROUNDING = frozenset({"Round", "Floor", "Ceil", "QuantizeLinear", "Greater", "GreaterOrEqual"})


@dataclass(frozen=True, kw_only=True)
class HostPart:
    """An ONNX subgraph for the host.

    Attributes:
        model: serialised ONNX: analog inputs to one tensor.
        inputs: the source's inputs that it reads.
        n_macs: multiply-accumulates per sample and frame.
        operators: operator types inside, in order of first appearance.
        nodes: names of the source's nodes inside.
    """

    model: bytes
    inputs: tuple[str, ...]
    n_macs: int
    operators: tuple[str, ...]
    nodes: tuple[str, ...]


def boundaries(view: SourceView, analog: Collection[str]) -> frozenset[str]:
    """Tensors that the host computes and that meet events: where a residual stream begins.

    Args:
        view: the source.
        analog: names of inputs without a grid.
    """
    host, event = set(analog), {i.name for i in view.source.inputs} - set(analog)
    met: set[str] = set()
    for node in view.nodes:
        read = [name for name in node.inputs if name and name not in view.constants]
        of_host = [name for name in read if name in host]
        if any(name in event for name in read):
            met.update(of_host)
            event.update(node.outputs)
        elif of_host:
            (event if node.op_type in _ROUNDING else host).update(node.outputs)
    return frozenset(met)


def extract(view: SourceView, tensor: str) -> HostPart:
    """The subgraph that computes `tensor` from the source's inputs."""
    nodes = _ancestors(view, tensor)
    read = {name for node in nodes for name in node.inputs if name}
    inputs = [i for i in view.source.inputs if i.name in read]
    graph = view.model.graph
    made = onnx.helper.make_graph(
        [node.proto for node in nodes],
        "host",
        [i for i in graph.input if i.name in {j.name for j in inputs}],
        [onnx.helper.make_tensor_value_info(tensor, _elem_type(view, tensor), view.shape(tensor))],
        initializer=[t for t in graph.initializer if t.name in read],
    )
    model = onnx.helper.make_model(made, opset_imports=list(view.model.opset_import))
    model.ir_version = view.model.ir_version
    model.functions.extend(view.model.functions)
    return HostPart(
        model=model.SerializeToString(deterministic=True),
        inputs=tuple(i.name for i in inputs),
        n_macs=sum(n_macs(view, node) for node in nodes),
        operators=tuple(dict.fromkeys(node.op_type for node in nodes)),
        nodes=tuple(node.name for node in nodes),
    )


def n_macs(view: SourceView, node: SourceNode) -> int:
    """Multiply-accumulates of one operator for one sample; elementwise work counts none."""
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    n_out = size_of(view.shape(node.outputs[0]))
    weight = view.shape(node.inputs[1])
    if node.op_type == "Conv":
        return n_out * size_of(weight[1:])
    inner = weight[-1] if node.get("transB", 0) else weight[-2]
    return n_out * inner


def _ancestors(view: SourceView, tensor: str) -> list[SourceNode]:
    needed, todo = set(), [tensor]
    while todo:
        node = view.producer.get(todo.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            todo.extend(name for name in node.inputs if name)
    return [node for node in view.nodes if node.name in needed]


def _elem_type(view: SourceView, tensor: str) -> int:
    import numpy as np

    return int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(view.dtype(tensor))))
