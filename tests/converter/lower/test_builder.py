"""Names and projections of the float graph."""

from __future__ import annotations

from snnc.converter.lower.builder import GraphBuilder, neuron_shape
from snnc.ir.maps import Identity
from snnc.ir.nodes import Input, Product


def test_names_stay_readable_and_unique() -> None:
    builder = GraphBuilder()
    assert [builder.unique("block.conv") for _ in range(3)] == [
        "block.conv",
        "block.conv#2",
        "block.conv#3",
    ]


def test_a_projection_never_takes_a_product_s_name() -> None:
    builder = GraphBuilder()
    builder.add(Input(name="x", shape=(2,)))
    builder.add(Product(name="attn", shape=(2,), op="multiply", a_shape=(2,), b_shape=(2,)))
    builder.connect("x", "attn", Identity(shape=(2,)), name="attn", port="a")
    assert list(builder.projections) == ["attn#2"]


def test_axes_that_say_nothing_are_left_out() -> None:
    assert neuron_shape((1, 3, 8, 8)) == (3, 8, 8)
    assert neuron_shape((1, 1, 3, 8, 8)) == (3, 8, 8)
    assert neuron_shape((1, 1, 28, 28)) == (1, 28, 28)
    assert neuron_shape((1, 10)) == (10,)
    assert neuron_shape((1,)) == (1,)
