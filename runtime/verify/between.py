"""Values that the lowering's form of a source has and PyTorch has not, from those it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import onnx

from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.arrays import Array


class Between:
    """Computes some tensors of an ONNX model from others.

    Args:
        model: a normalised model.
        wanted: tensors to compute.
        known: tensors that are given, beside the model's inputs.
    """

    def __init__(
        self, model: onnx.ModelProto, wanted: Collection[str], known: Collection[str]
    ) -> None:
        given = {*known, *(i.name for i in model.graph.input)}
        nodes, self.needed = _nodes_between(model, set(wanted), given)
        """Given tensors that the computation reads."""
        self._runner = OnnxRunner(_part(model, nodes, self.needed, wanted)) if wanted else None

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """The wanted tensors, from the values of the needed ones."""
        return self._runner.run(values) if self._runner else {}


def _nodes_between(
    model: onnx.ModelProto, wanted: set[str], given: set[str]
) -> tuple[list[onnx.NodeProto], frozenset[str]]:
    """The nodes that lead to `wanted`, in order, and which of `given` they read."""
    constants = {tensor.name for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    open_tensors, needed = set(wanted), set()
    for node in reversed(model.graph.node):
        if not open_tensors & set(node.output):
            continue
        nodes.insert(0, node)
        read = {name for name in node.input if name} - constants
        needed |= read & given
        open_tensors |= read - given
    return nodes, frozenset(needed)


def _part(
    model: onnx.ModelProto,
    nodes: Collection[onnx.NodeProto],
    inputs: Collection[str],
    outputs: Collection[str],
) -> onnx.ModelProto:
    """A model of `nodes` alone."""
    graph = model.graph
    known = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
    read = {name for node in nodes for name in node.input}
    part = onnx.ModelProto()
    part.CopyFrom(model)
    for field in ("node", "input", "output", "initializer", "value_info"):
        part.graph.ClearField(field)
    part.graph.node.extend(nodes)
    part.graph.input.extend(known[name] for name in sorted(inputs))
    part.graph.output.extend(known[name] for name in sorted(outputs))
    part.graph.initializer.extend(t for t in model.graph.initializer if t.name in read)
    return part
