"""Matrix products of every form: sums over indices that two operands share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.layout import in_order, rearranged
from snnc.converter.lower.move import reshaped
from snnc.converter.lower.operators.linear import apply_layer
from snnc.converter.lower.operators.product import multiplied
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.sparse import axis_by_axis
from snnc.converter.lower.values import Affine, Constant, Value, ViewOp
from snnc.ir.arrays import FloatArray, Shape, size_of
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.maps import Conv, Dense, LinearMap

Labels = tuple[str, ...]


@lowers("Gemm", fate="event", why="synapses", product="contraction")
def gemm(lowering: Lowering, node: SourceNode) -> Value:
    """Y = alpha * A B + beta * c, either matrix transposed."""
    left = ("k", "m") if node.get("transA", 0) else ("m", "k")
    right = ("n", "k") if node.get("transB", 0) else ("k", "n")
    bias = lowering.constant(node, 2)
    if bias is not None:
        bias = np.asarray(bias, dtype=np.float64) * node.get("beta", 1.0)
    return _two(lowering, node, left, right, ("m", "n"), node.get("alpha", 1.0), bias)


@lowers("MatMul", fate="event", why="synapses", product="contraction")
def matmul(lowering: Lowering, node: SourceNode) -> Value:
    """As numpy's: leading axes are a batch, a vector is a row or a column."""
    a, b = (lowering.operand(node, i) for i in (0, 1))
    n = max(len(a.shape), len(b.shape), 2) - 2
    batch = tuple(f"b{i}" for i in range(n))
    left = ("k",) if len(a.shape) == 1 else (*batch[n + 2 - len(a.shape) :], "m", "k")
    right = ("k",) if len(b.shape) == 1 else (*batch[n + 2 - len(b.shape) :], "k", "n")
    out = (*batch, *left[:-1][-1:], *(("n",) if len(b.shape) > 1 else ()))
    return _two(lowering, node, left, right, out)


@lowers("Einsum", fate="event", why="synapses", product="contraction")
def einsum(lowering: Lowering, node: SourceNode) -> Value:
    """A sum over products of one or two operands, by index."""
    shapes = [lowering.operand(node, i).shape for i in range(len(node.inputs))]
    terms, out = _equation(node, [len(s) for s in shapes])
    if len(terms) == 1:
        return _one(lowering, node, terms[0], out)
    if len(terms) != 2:
        raise UnsupportedOperator(
            f"an Einsum of {len(terms)} operands", where=node.where, hint="take them two by two"
        )
    return _two(lowering, node, terms[0], terms[1], out)


@lowers("CumSum", fate="event", why="synapses")
def cumulative_sum(lowering: Lowering, node: SourceNode) -> Value:
    """Sums up to each place along an axis."""
    value = lowering.wiring(lowering.operand(node, 0))
    given = lowering.constant(node, 1)
    assert given is not None
    axis = int(given.reshape(())) % len(value.shape)
    n = value.shape[axis]
    matrix = np.tril(np.ones((n, n)), k=-1 if node.get("exclusive", 0) else 0)
    if node.get("reverse", 0):
        matrix = matrix[::-1, ::-1]
    behind = [np.eye(size) for size in value.shape[axis + 1 :]]
    map_ = axis_by_axis(value.shape[:axis] or (1,), [matrix, *behind])
    return apply_layer(lowering, node, value, map_, value.shape, None)


def _equation(node: SourceNode, n_axes: list[int]) -> tuple[list[Labels], Labels]:
    """Index labels of the operands and of the result; what `...` stands for gets names too."""
    text = str(node.get("equation")).replace(" ", "")
    inputs, arrow, result = text.partition("->")
    terms = []
    for term, n in zip(inputs.split(","), n_axes, strict=True):
        before, dots, after = term.partition("...")
        hidden = n - len(before) - len(after)
        rest = tuple(f"...{i}" for i in range(-hidden, 0)) if dots else ()
        terms.append((*before, *rest, *after))
    rest = max((tuple(x for x in t if x.startswith(".")) for t in terms), key=len)
    if arrow:
        before, dots, after = result.partition("...")
        return terms, (*before, *(rest if dots else ()), *after)
    every = list(chain.from_iterable(terms))
    once = sorted(x for x in set(every) if every.count(x) == 1 and not x.startswith("."))
    return terms, (*rest, *once)


def _one(lowering: Lowering, node: SourceNode, labels: Labels, out: Labels) -> Value:
    value = lowering.operand(node, 0)
    return contracted(lowering, node, value, labels, np.ones(()), (), out)


def _two(
    lowering: Lowering,
    node: SourceNode,
    left: Labels,
    right: Labels,
    out: Labels,
    factor: float = 1.0,
    bias: FloatArray | None = None,
) -> Value:
    a, b = (lowering.operand(node, i) for i in (0, 1))
    for value, labels, other, others in ((a, left, b, right), (b, right, a, left)):
        if isinstance(other, Constant):
            weight = np.asarray(other.array, dtype=np.float64) * factor
            return contracted(lowering, node, value, labels, weight, others, out, bias)
    result = _product(lowering, node, a, left, b, right, out)
    if factor == 1.0 and bias is None:
        return result
    raise UnsupportedOperator(
        "a Gemm of two values with a factor or an offset",
        where=node.where,
        hint="write it as a matrix product, a multiplication and an addition",
    )


@dataclass(frozen=True)
class _Roles:
    """Labels by what happens to them.

    Attributes:
        batch: in both operands and the result.
        summed: in both operands only.
        left, right: in one operand and the result.
    """

    batch: Labels
    summed: Labels
    left: Labels
    right: Labels


def _roles(a: Labels, b: Labels, out: Labels) -> _Roles:
    return _Roles(
        batch=tuple(x for x in out if x in a and x in b),
        summed=tuple(x for x in a if x in b and x not in out),
        left=tuple(x for x in out if x in a and x not in b),
        right=tuple(x for x in out if x in b and x not in a),
    )


def _without_ones(shape: Shape, labels: Labels, node: SourceNode) -> tuple[Shape, Labels]:
    """Axes of length 1 say nothing: the other operand or the result says how long they are."""
    if len(set(labels)) != len(labels):
        raise UnsupportedOperator("an index stands twice at one operand", where=node.where)
    kept = [(n, x) for n, x in zip(shape, labels, strict=True) if n > 1]
    return tuple(n for n, _ in kept), tuple(x for _, x in kept)


def contracted(
    lowering: Lowering,
    node: SourceNode,
    value: Value,
    labels: Labels,
    weight: FloatArray,
    weight_labels: Labels,
    out: Labels,
    bias: FloatArray | None = None,
) -> Value:
    """A layer: the sum of value times weight over every index that the result does not have.

    Args:
        lowering: the lowering.
        node: the operator.
        value: what the weights act on.
        labels: its axes.
        weight: any constant.
        weight_labels: its axes.
        out: the result's axes.
        bias: broadcasts to the result.
    """
    shape, labels = _without_ones(value.shape, labels, node)
    w_shape, w_labels = _without_ones(weight.shape, weight_labels, node)
    weight = weight.reshape(w_shape)
    sizes = dict(zip(w_labels, w_shape, strict=True)) | dict(zip(labels, shape, strict=True))
    alone = tuple(x for x in labels if x not in w_labels and x not in out)
    weight = np.broadcast_to(
        weight.reshape((*w_shape, *(1,) * len(alone))), (*w_shape, *(sizes[x] for x in alone))
    )
    w_labels = (*w_labels, *alone)
    kept = tuple(x for x in w_labels if x in labels or x in out)
    weight = np.asarray(weight.sum(axis=tuple(i for i, x in enumerate(w_labels) if x not in kept)))
    roles = _roles(labels, kept, out)
    order = (*roles.batch, *roles.right, *roles.summed)
    weight = weight.transpose([kept.index(x) for x in order]).reshape(
        [
            size_of(tuple(sizes[x] for x in part))
            for part in (roles.batch, roles.right, roles.summed)
        ]
    )
    first = (*roles.batch, *roles.summed, *roles.left)
    if not roles.batch and (labels != first or not roles.left):
        map_, taken, made = _tokens(weight, roles, sizes)
    else:
        map_, taken, made = _channels(weight, roles, sizes), first, None
    made = made or (*roles.batch, *roles.right, *roles.left)
    return _applied(lowering, node, _taken(lowering, value, shape, labels, taken), map_, made, out,
                    sizes, bias)  # fmt: skip


def _tokens(
    weight: FloatArray, roles: _Roles, sizes: dict[str, int]
) -> tuple[LinearMap, Labels, Labels]:
    """A layer on the last axis; what it takes and what it makes."""
    lead = tuple(sizes[x] for x in roles.left)
    map_ = Dense(weight=weight[0], lead=lead)
    return map_, (*roles.left, *roles.summed), (*roles.left, *roles.right)


def _channels(weight: FloatArray, roles: _Roles, sizes: dict[str, int]) -> LinearMap:
    """A pointwise convolution, a group for each index of the batch."""
    n_batch, n_out, n_in = weight.shape
    positions = size_of(tuple(sizes[x] for x in roles.left))
    return Conv(
        weight=weight.reshape(n_batch * n_out, n_in, 1),
        in_shape=(n_batch * n_in, positions),
        stride=(1,),
        padding=((0, 0),),
        dilation=(1,),
        groups=n_batch,
    )


def _taken(
    lowering: Lowering, value: Value, shape: Shape, labels: Labels, wanted: Labels
) -> Affine:
    """The value with its axes in another order; only their C order counts."""
    if labels == wanted:
        return lowering.events(value)
    at = np.arange(size_of(shape)).reshape(shape).transpose([labels.index(x) for x in wanted])
    return rearranged(lowering.wiring(value), in_order(at.reshape(-1)), at.shape, None)


def _applied(
    lowering: Lowering,
    node: SourceNode,
    value: Affine,
    map_: LinearMap,
    made: Labels,
    out: Labels,
    sizes: dict[str, int],
    bias: FloatArray | None,
) -> Value:
    """The layer on a value, its result's axes in the order of `out`."""
    shape = lowering.view.shape(node.outputs[0])
    long = tuple(x for x in out if x in made)
    if bias is not None:
        bias = np.broadcast_to(bias, shape).reshape([sizes[x] for x in long])
        bias = bias.transpose([long.index(x) for x in made])
    if made == long:
        bias = None if bias is None else bias.reshape(shape)
        return apply_layer(lowering, node, value, map_, shape, bias)
    inner = tuple(sizes[x] for x in made)
    result = apply_layer(lowering, node, value, map_, inner, bias, whole=False)
    at = np.arange(size_of(inner)).reshape(inner).transpose([made.index(x) for x in long])
    return lowering.pend(node, result, ViewOp(in_order(at.reshape(-1))), shape)


def _product(
    lowering: Lowering,
    node: SourceNode,
    a: Value,
    left: Labels,
    b: Value,
    right: Labels,
    out: Labels,
) -> Value:
    """Both operands depend on the data: matrices side by side, multiplied by a `Product`."""
    shape = lowering.view.shape(node.outputs[0])
    (shape_a, left), (shape_b, right) = (
        _without_ones(a.shape, left, node),
        _without_ones(b.shape, right, node),
    )
    roles = _roles(left, right, out)
    if set(left) | set(right) != {*roles.batch, *roles.summed, *roles.left, *roles.right}:
        raise UnsupportedOperator(
            "an index of one operand is summed over by itself",
            where=node.where,
            hint="take that sum before the product",
        )
    sizes = dict(zip(left, shape_a, strict=True)) | dict(zip(right, shape_b, strict=True))
    parts = [
        tuple(sizes[x] for x in p) for p in (roles.batch, roles.left, roles.summed, roles.right)
    ]
    batch, rows, summed, columns = parts[0], *(size_of(p) for p in parts[1:])
    x = reshaped(
        _ordered(lowering, a, shape_a, left, (*roles.batch, *roles.left, *roles.summed)),
        (*batch, rows, summed),
    )
    y = reshaped(
        _ordered(lowering, b, shape_b, right, (*roles.batch, *roles.summed, *roles.right)),
        (*batch, summed, columns),
    )
    made = (*roles.batch, *roles.left, *roles.right)
    long = tuple(x for x in out if x in made)
    if made == long:
        return multiplied(lowering, node, "matmul", x, y, shape)
    inner = tuple(sizes[x] for x in made)
    result = multiplied(lowering, node, "matmul", x, y, inner, whole=False)
    at = np.arange(size_of(inner)).reshape(inner).transpose([made.index(x) for x in long])
    return lowering.pend(node, result, ViewOp(in_order(at.reshape(-1))), shape)


def _ordered(
    lowering: Lowering, value: Value, shape: Shape, labels: Labels, wanted: Labels
) -> Affine:
    return lowering.wiring(_taken(lowering, value, shape, labels, wanted))
