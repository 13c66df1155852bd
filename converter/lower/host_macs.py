"""Multiply-accumulates of the operators that stay on the host; elementwise work counts none."""

from __future__ import annotations

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.ir.arrays import Shape, size_of

_WEIGHT_AT = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
_MATMULS = frozenset({"MatMul", "MatMulInteger", "QLinearMatMul", "Gemm"})
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def n_macs(view: SourceView, node: SourceNode) -> int:
    """Multiply-accumulates of one operator for one sample."""
    kind = node.op_type
    if kind in _WEIGHT_AT:
        return _size(view, node.outputs[0]) * size_of(
            _shape(view, node.inputs[_WEIGHT_AT[kind]])[1:]
        )
    if kind == "ConvTranspose":
        return _size(view, node.inputs[0]) * size_of(_shape(view, node.inputs[1])[1:])
    if kind in _MATMULS:
        a = _shape(view, node.inputs[0])
        inner = a[0] if node.get("transA", 0) else a[-1]
        return _size(view, node.outputs[0]) * inner
    if kind == "Einsum":
        return _einsum(view, node)
    if kind in _GATES:
        return _recurrent(view, node)
    if kind == "Attention":
        return _attention(view, node)
    return 0


def _shape(view: SourceView, tensor: str) -> Shape:
    return view.known_shape(tensor) or ()


def _size(view: SourceView, tensor: str) -> int:
    return size_of(_shape(view, tensor))


def _einsum(view: SourceView, node: SourceNode) -> int:
    """Every combination of indices is one product, where there are two operands or more."""
    operands = [name for name in node.inputs if name]
    if len(operands) < 2:
        return 0
    terms = node.get("equation").replace(" ", "").split("->")[0].split(",")
    extent: dict[str, int] = {}
    for term, name in zip(terms, operands, strict=True):
        before, dots, after = term.partition("...")
        shape = _shape(view, name)
        spread = len(shape) - len(before) - len(after) if dots else 0
        labels = [*before, *(f".{i}" for i in range(spread, 0, -1)), *after]
        for label, n in zip(labels, shape, strict=False):
            extent[label] = max(extent.get(label, 1), n)
    return size_of(tuple(extent.values())) * (len(operands) - 1)


def _recurrent(view: SourceView, node: SourceNode) -> int:
    """Every gate reads input and hidden state at every step."""
    steps, batch, n_in = _shape(view, node.inputs[0])
    directions, rows = _shape(view, node.inputs[1])[:2]
    hidden = rows // _GATES[node.op_type]
    return steps * batch * directions * rows * (n_in + hidden)


def _attention(view: SourceView, node: SourceNode) -> int:
    """Scores and their weighted sum."""
    q, k, v = (_shape(view, name) for name in node.inputs[:3])
    scores = size_of(q[:-1]) * k[-2]
    return scores * (q[-1] + v[-1])
