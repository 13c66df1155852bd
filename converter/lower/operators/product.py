"""Products of two values that both depend on the data: attention."""

from __future__ import annotations

from typing import Literal

from snnc.converter.lower.builder import neuron_shape
from snnc.converter.lower.context import Lowering
from snnc.converter.lower.fold import drop_scale, scaled
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, wire_to
from snnc.ir.arrays import Shape
from snnc.ir.errors import UnsupportedOperator
from snnc.ir.nodes import Product

Kind = Literal["matmul", "multiply"]


def product_of(lowering: Lowering, node: SourceNode, op: Kind) -> Affine:
    """A `Product` node, with the operands' scales taken out in front of it.

    Raises:
        UnsupportedOperator: the operands' shapes repeat one of them.
    """
    a, factor_a = _operand(lowering, node, 0)
    b, factor_b = _operand(lowering, node, 1)
    out = lowering.view.shape(node.outputs[0])
    shapes = _shapes(a.shape, b.shape, out, op)
    if shapes is None:
        raise UnsupportedOperator(
            f"the product of {a.shape} and {b.shape} repeats one of them",
            where=node.where,
            hint="products of two activations need operands of the same leading shape",
        )
    path = node.module_path or node.name
    scale = factor_a * factor_b
    product = lowering.builder.add(
        Product(
            name=lowering.builder.unique(path),
            shape=shapes[2],
            module_path=path,
            source_tensor=node.outputs[0] if scale == 1.0 else None,
            op=op,
            a_shape=shapes[0],
            b_shape=shapes[1],
        )
    )
    for port, value, shape in (("a", a, shapes[0]), ("b", b, shapes[1])):
        for term in value.terms:
            lowering.builder.project(term, product.name, shape, 0, port)
    lowering.mark(node.name, "event", "a product of what two populations emit")
    bare = wire_to(product.name, out, tensor=node.outputs[0] if scale == 1.0 else None)
    result = scaled(bare, Spread.of(scale, out))
    assert result is not None
    return result


def _operand(lowering: Lowering, node: SourceNode, i: int) -> tuple[Affine, float]:
    value = lowering.wiring(lowering.operand(node, i))
    split = drop_scale(value)
    if split is None:
        value = lowering.collect(value)
        split = drop_scale(value)
        assert split is not None
    return split[0], split[2]


def _shapes(a: Shape, b: Shape, out: Shape, op: Kind) -> tuple[Shape, Shape, Shape] | None:
    """Shapes without leading ones; None where an operand would be repeated."""
    if op == "multiply":
        return (neuron_shape(a), neuron_shape(b), neuron_shape(out)) if a == b == out else None
    if len(a) < 2 or a[:-2] != b[:-2]:
        return None
    lead = a[:-2]
    while lead and lead[0] == 1:
        lead = lead[1:]
    return (*lead, *a[-2:]), (*lead, *b[-2:]), (*lead, *out[-2:])
