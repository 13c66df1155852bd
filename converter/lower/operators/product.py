"""Products of two values that both depend on the data: attention."""

from __future__ import annotations

from typing import Literal

import numpy as np

from snnc.converter.lower.builder import neuron_shape
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.fold import drop_scale, scaled
from snnc.converter.lower.move import expanded
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, Value, wire_to
from snnc.ir.arrays import Shape
from snnc.ir.nodes import Product

Kind = Literal["matmul", "multiply"]


def multiplied(
    lowering: Lowering,
    node: SourceNode,
    op: Kind,
    a: Value,
    b: Value,
    out: Shape,
    *,
    whole: bool = True,
) -> Affine:
    """A `Product` node of two values, with their scales taken out in front of it.

    An operand that the product repeats (numpy's broadcasting) reaches its port several times.

    Args:
        lowering: the lowering.
        node: the operator.
        op: which product.
        a, b: the operands.
        out: shape of the result.
        whole: is that the operator's result, or a step on the way to it?
    """
    shape_a, shape_b = _shapes(a.shape, b.shape, op)
    left, factor_a = _operand(lowering, a, shape_a)
    right, factor_b = _operand(lowering, b, shape_b)
    scale = factor_a * factor_b
    tensor = node.outputs[0] if whole and scale == 1.0 else None
    path = node.module_path or node.name
    port_a, port_b = _trimmed(shape_a, op), _trimmed(shape_b, op)
    product = lowering.builder.add(
        Product(
            name=lowering.builder.unique(path),
            shape=(*port_a[:-1], port_b[-1]) if op == "matmul" else port_a,
            module_path=path,
            source_tensor=tensor,
            op=op,
            a_shape=port_a,
            b_shape=port_b,
        )
    )
    for port, value, shape in (("a", left, port_a), ("b", right, port_b)):
        for term in value.terms:
            lowering.builder.project(term, product.name, shape, 0, port)
    lowering.mark(node.name, "event", "a product of what two populations emit")
    result = scaled(wire_to(product.name, out, tensor=tensor), Spread.of(scale, out))
    assert result is not None
    return result


def _operand(lowering: Lowering, operand: Value, shape: Shape) -> tuple[Affine, float]:
    """Wires without a scale, in the shape that the product takes; and the scale."""
    value = lowering.wiring(operand)
    split = drop_scale(value)
    if split is None:
        value = lowering.collect(value)
        split = drop_scale(value)
        assert split is not None
    return lowering.wiring(expanded(lowering, split[0], shape)), split[2]


def _shapes(a: Shape, b: Shape, op: Kind) -> tuple[Shape, Shape]:
    """What the operands are repeated to; a vector is a row on the left, a column on the right."""
    if op == "multiply":
        both = np.broadcast_shapes(a, b)
        return both, both
    rows, columns = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    lead = np.broadcast_shapes(rows[:-2], columns[:-2])
    return (*lead, *rows[-2:]), (*lead, *columns[-2:])


def _trimmed(shape: Shape, op: Kind) -> Shape:
    """Without leading axes that say nothing."""
    if op == "multiply":
        return neuron_shape(shape)
    lead = shape[:-2]
    while lead and lead[0] == 1:
        lead = lead[1:]
    return (*lead, *shape[-2:])
