"""Products of three operands: both orders give the same, the cheaper is taken."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from snnc.backends.oracle import OracleEngine
from snnc.ir.arrays import Shape
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Node, Output, Population, Product
from snnc.ir.passes import AssociateProducts
from snnc.ir.passes.associate_products import triples


def wire(source: str, target: str, shape: Shape, port: str = "in") -> Projection:
    return Projection(
        name=f"{source} -> {target}",
        source=source,
        target=target,
        map=Identity(shape=shape),
        port=port,
    )


def attention(order: Literal["left", "right"], a: Shape, b: Shape, c: Shape) -> Graph:
    """(A B) C or A (B C), each operand an input of integers."""
    shapes = {"a": a, "b": b, "c": c}
    out = (*a[:-1], c[-1])
    nodes: list[Node] = [Input(name=n, shape=s, lo=-2, hi=4) for n, s in shapes.items()]
    first, second = ("a", "b") if order == "left" else ("b", "c")
    held = (*shapes[first][:-1], shapes[second][-1])
    ends = [("inner", held), ("c", c)] if order == "left" else [("a", a), ("inner", held)]
    nodes += [
        Product(
            name="inner",
            shape=held,
            a_shape=shapes[first],
            b_shape=shapes[second],
            source_tensor="qk",
        ),
        Product(name="outer", shape=out, a_shape=ends[0][1], b_shape=ends[1][1]),
        Population(name="sum", shape=out, model=Accumulator()),
        Output(name="y", shape=out),
    ]
    projections = [
        wire(first, "inner", shapes[first], "a"),
        wire(second, "inner", shapes[second], "b"),
        wire(ends[0][0], "outer", ends[0][1], "a"),
        wire(ends[1][0], "outer", ends[1][1], "b"),
        wire("outer", "sum", out),
        wire("sum", "y", out),
    ]
    return Graph(nodes, projections).validate()


SHAPES: list[tuple[Shape, Shape, Shape]] = [
    ((2, 7, 3), (2, 3, 7), (2, 7, 4)),  # tokens outnumber channels: A (B C) is cheaper
    ((2, 3, 7), (2, 7, 3), (2, 3, 5)),  # the other way round
    ((2, 1, 6), (2, 6, 2), (2, 2, 9)),
]


@pytest.mark.parametrize("order", ["left", "right"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_the_cheaper_order_gives_the_same(
    order: Literal["left", "right"], shapes: tuple[Shape, Shape, Shape]
) -> None:
    graph = attention(order, *shapes)
    (triple,) = triples(graph)
    turned = AssociateProducts()(graph)
    (after,) = triples(turned)
    assert after.pairs == min(triple.pairs, triple.other_pairs)
    assert (turned is graph) == (triple.pairs <= triple.other_pairs)
    if turned is not graph:
        assert turned.nodes["inner"].source_tensor is None
        assert (after.pairs, after.other_pairs) == (triple.other_pairs, triple.pairs)
    rng = np.random.default_rng(0)
    values = [rng.integers(-2, 5, (3, *s)) for s in shapes]
    feeds = {n: v[:, None] for n, v in zip("abc", values, strict=True)}
    for each in (graph, turned):
        result = OracleEngine().prepare(each, RunSettings()).run(feeds)
        assert np.array_equal(result.counts["sum"][:, 0], values[0] @ values[1] @ values[2])


def test_pairs_by_hand() -> None:
    (triple,) = triples(attention("left", *SHAPES[0]))
    assert triple.pairs == 2 * (7 * 3 * 7 + 7 * 7 * 4)
    assert triple.other_pairs == 2 * (3 * 7 * 4 + 7 * 3 * 4)


def test_an_inner_product_that_is_read_twice_stays() -> None:
    graph = attention("left", *SHAPES[0])
    held = graph.nodes["inner"].shape
    read = [Population(name="more", shape=held, model=Accumulator()), Output(name="z", shape=held)]
    graph = graph.replace(
        nodes=[*graph.nodes.values(), *read],
        projections=[
            *graph.projections.values(),
            wire("inner", "more", held),
            wire("more", "z", held),
        ],
    )
    assert AssociateProducts()(graph) is graph
