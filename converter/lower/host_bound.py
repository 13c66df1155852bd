"""How large a value from the host can get: what width analysis starts from.

A bound on |value| for each channel or tensor, sound for input within `ANALOG_LIMIT` (or within its
declared grid), and cheap whatever the host computes. Integers beyond it are refused at run time.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnc.converter.lower.source import SourceNode, SourceView
from snnc.ir.arrays import FloatArray

ANALOG_LIMIT = 16.0
"""Largest magnitude taken for analog input without a declared range.

Standardised data stay far below; whoever feeds raw values declares their range.
"""

_UNKNOWN_LIMIT = 2.0**24
_BY_CHANNEL = frozenset(
    {"AveragePool", "Cast", "GlobalAveragePool", "Identity", "LpNormalization", "MaxPool", "Neg"}
    | {"Abs", "Dropout", "Elu", "Gelu", "HardSwish", "Mish", "Relu", "Selu", "Swish"}
)
_MOVING = frozenset(
    {
        "DepthToSpace",
        "Expand",
        "Flatten",
        "Gather",
        "GatherElements",
        "GatherND",
        "Pad",
        "ReduceMax",
    }
    | {"ReduceMean", "ReduceMin", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Tile"}
    | {"TopK", "Transpose", "Unsqueeze"}
)
_UNIT = frozenset(
    {"And", "Cos", "Equal", "Erf", "Greater", "GreaterOrEqual", "HardSigmoid", "Less"}
    | {"LessOrEqual", "Not", "Or", "Sigmoid", "Sign", "Sin", "Softmax", "Softsign", "Tanh", "Xor"}
)
_LARGEST_EXPONENT = 16.0
_ROUNDING = 1e-6


def largest_magnitude(view: SourceView, tensor: str) -> float:
    """A bound on the absolute value of any element of a tensor."""
    bounds = _bounds(view, _held_bounds(view), tensor)
    # a bound that says nothing is as good as the widest: values are checked when they come
    return min(float(bounds[tensor].max()), _UNKNOWN_LIMIT)


def _bounds(
    view: SourceView, held: Mapping[str, float], until: str | None = None
) -> dict[str, FloatArray]:
    """Bounds of the tensors up to one.

    Args:
        view: the source.
        held: bounds of what the host keeps from frame to frame, by graph input.
        until: tensor to stop at; None: all.
    """
    bounds = {name: np.array(bound) for name, bound in held.items()}
    for declared in view.source.inputs:
        grid = declared.grid
        ends = (ANALOG_LIMIT,) if grid is None else (c * grid.step for c in grid.count_range)
        bounds[declared.name] = np.array(max(abs(end) for end in ends))
    for node in view.nodes:
        bound = _bound(view, node, [_input_bound(view, bounds, n) for n in node.inputs if n])
        bounds.update(dict.fromkeys(node.outputs, bound))
        if until in node.outputs:
            break
    return bounds


def _held_bounds(view: SourceView) -> dict[str, float]:
    """Bounds of held states that fade: the fixed point of |m| <- a |m| + b with a < 1."""
    states = view.source.states
    if not states:
        return {}

    def after(held: Mapping[str, float]) -> dict[str, float]:
        bounds = _bounds(view, held)
        largest = (float(_input_bound(view, bounds, s.given).max()) for s in states)
        return {s.taken: bound for s, bound in zip(states, largest, strict=True)}

    unknown = {s.taken: _UNKNOWN_LIMIT for s in states}
    found = dict(unknown)
    for state in states:
        name, begin = state.taken, float(np.abs(state.initial).max(initial=0.0))
        b, with_one = (after({**unknown, name: x})[name] for x in (0.0, 1.0))
        if with_one - b < 1:
            limit = max(begin, b / (1 - (with_one - b)) * (1 + _ROUNDING))
            # the bound is no straight line everywhere: it has to hold itself up
            if after({**unknown, name: limit})[name] <= limit:
                found[name] = limit
    return found


def is_bounded(view: SourceView, tensor: str) -> bool:
    """Is anything known about how large a tensor's elements can get?"""
    return largest_magnitude(view, tensor) < _UNKNOWN_LIMIT


def _input_bound(view: SourceView, bounds: dict[str, FloatArray], name: str) -> FloatArray:
    if name in bounds:
        return bounds[name]
    constant = view.constants.get(name)
    if constant is None or constant.dtype.kind not in "fiu":
        return np.array(_UNKNOWN_LIMIT)
    return np.array(np.abs(constant.astype(np.float64)).max(initial=0.0))


def _bound(view: SourceView, node: SourceNode, inputs: list[FloatArray]) -> FloatArray:
    kind = node.op_type
    if kind in _UNIT:
        return np.array(1.0)
    if kind in _BY_CHANNEL:
        return inputs[0]
    if kind in _MOVING:
        return inputs[0].max()
    if kind in ("Round", "Floor", "Ceil"):
        return inputs[0] + 1
    if kind in ("Clip", "Concat", "Max", "Min", "Where"):
        return np.array(max(i.max() for i in inputs[kind == "Where" :]))
    found = _normalised(view, node, inputs)
    if found is None and inputs:
        found = _curved(node, float(inputs[0].max()))
    return _arithmetic(view, node, inputs) if found is None else np.array(found)


def _arithmetic(view: SourceView, node: SourceNode, inputs: list[FloatArray]) -> FloatArray:
    kind = node.op_type
    if kind in ("Add", "Sub"):
        return _same(inputs[0]) + _same(inputs[1], inputs[0])
    if kind == "Mul":
        return _same(inputs[0]) * _same(inputs[1], inputs[0])
    if kind == "MatMul" and node.inputs[1] not in view.constants:
        inner = (view.known_shape(node.inputs[0]) or (_UNKNOWN_LIMIT,))[-1]
        return np.array(inner * inputs[0].max() * inputs[1].max())
    return _layer_bound(view, node, inputs)


def _curved(node: SourceNode, largest: float) -> float | None:
    """Functions of one value."""
    kind = node.op_type
    if kind == "Exp" and largest <= _LARGEST_EXPONENT:
        return float(np.exp(largest))
    if kind == "Sqrt":
        return float(np.sqrt(largest))
    if kind == "Softplus":
        return largest + 1.0
    if kind == "LeakyRelu":
        return largest * max(1.0, abs(node.get("alpha", 0.01)))
    return None


def _normalised(view: SourceView, node: SourceNode, inputs: list[FloatArray]) -> float | None:
    """Layer norm and its kin: no element lies farther from the mean than sqrt(n) deviations."""
    kind = node.op_type
    if kind in ("LayerNormalization", "RMSNormalization"):
        shape = view.known_shape(node.inputs[0])
        axis = node.get("axis", -1)
        if shape is None:
            return None
        spread = float(np.sqrt(np.prod(shape[axis:])))
        offset = float(inputs[2].max()) if len(inputs) > 2 else 0.0
        return spread * float(inputs[1].max()) + offset
    if kind == "InstanceNormalization":
        shape = view.known_shape(node.inputs[0])
        if shape is None:
            return None
        return float(np.sqrt(np.prod(shape[2:])) * inputs[1].max() + inputs[2].max())
    if kind in ("Div", "Mul"):
        return _own_deviation(view, node)
    return None


def _own_deviation(view: SourceView, node: SourceNode) -> float | None:
    """The bound of d / sqrt(mean(d * d) + e), or d times its reciprocal: a norm written out."""
    kinds: tuple[str, ...] = ("Sqrt", "Add", "ReduceMean")
    if node.op_type == "Mul":
        kinds = ("Reciprocal", *kinds)
    for value, scale in (node.inputs[:2], node.inputs[1::-1]):
        mean = _chain_end(view, scale, kinds)
        if mean is None:
            continue
        squares = view.producer.get(mean.inputs[0])
        before, after = view.known_shape(mean.inputs[0]), view.known_shape(mean.outputs[0])
        if squares is not None and before and after and _is_square(view, squares, value):
            return float(np.sqrt(np.prod(before) / np.prod(after)))
    return None


def _chain_end(view: SourceView, tensor: str, kinds: tuple[str, ...]) -> SourceNode | None:
    """The last of a row of operators, from the one that makes `tensor` backwards."""
    node = None
    for kind in kinds:
        node = view.producer.get(tensor)
        if node is None or node.op_type != kind:
            return None
        tensor = next((n for n in node.inputs if n in view.producer), "")
    return node


def _is_square(view: SourceView, node: SourceNode, of: str) -> bool:
    if node.op_type == "Mul":
        return node.inputs == (of, of)
    power = view.constants.get(node.inputs[1]) if node.op_type == "Pow" else None
    return power is not None and node.inputs[0] == of and bool((power == 2).all())


def _layer_bound(view: SourceView, node: SourceNode, inputs: list[FloatArray]) -> FloatArray:
    """Operators with constant parameters; a wide bound for what is not known."""
    kind = node.op_type
    constants = [view.constants.get(name) for name in node.inputs[1:]]
    if not constants or any(c is None for c in constants):
        return np.array(_UNKNOWN_LIMIT)
    weights = [np.asarray(c, dtype=np.float64) for c in constants]
    if kind in ("Conv", "Gemm", "MatMul"):
        return _linear(node, weights, inputs[0])
    if kind == "BatchNormalization":
        weight, bias, mean, var = weights
        scale = np.abs(weight / np.sqrt(var + node.get("epsilon", 1e-5)))
        return np.asarray(scale * (inputs[0] + np.abs(mean)) + np.abs(bias))
    if kind == "Div":
        return inputs[0] / np.abs(weights[0]).min()
    return np.array(_UNKNOWN_LIMIT)


def _same(bound: FloatArray, other: FloatArray | None = None) -> FloatArray:
    """Bounds by channel where the other operand has them too, else one for all."""
    if other is not None and bound.shape == other.shape:
        return bound
    return bound if other is None else np.asarray(bound.max())


def _linear(node: SourceNode, weights: list[FloatArray], largest: FloatArray) -> FloatArray:
    weight = np.abs(weights[0])
    if node.op_type == "Conv":
        by_input = weight.reshape(*weight.shape[:2], -1).sum(axis=2)
        matched = largest if largest.ndim and node.get("group", 1) == 1 else largest.max()
        sums = (by_input * matched).sum(axis=1)
    elif node.get("transB", 0):
        sums = weight.sum(axis=1).max() * largest.max()
    else:
        sums = weight.sum(axis=-2).max() * largest.max()
    bias = np.abs(weights[1]) if len(weights) > 1 else np.zeros(())
    if node.op_type != "Conv":
        factor = max(abs(node.get("alpha", 1.0)), abs(node.get("beta", 1.0)))
        return np.array((sums + bias.max()) * factor)
    return np.asarray(sums + bias)
