"""Graphs: order, names, projections, equality, validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from snnc.ir.errors import GraphError
from snnc.ir.graph import Graph, Projection, structurally_equal
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, FloatFire
from snnc.ir.nodes import HostOp, Input, Output, Population, Product
from snnc.ir.rules import FireRule
from tests.ir.graphs import small_graph


def test_nodes_come_in_topological_order() -> None:
    graph = small_graph()
    shuffled = Graph([*graph.nodes.values()][::-1], [*graph.projections.values()][::-1])
    assert list(shuffled.nodes) == ["x", "conv", "pool", "head", "y"]


def test_equality_is_explicit() -> None:
    a, b = small_graph(), small_graph()
    assert a != b
    assert structurally_equal(a, b)
    assert not structurally_equal(a, small_graph(seed=1))


def test_a_maximum_emits_what_its_source_emits() -> None:
    assert small_graph().emits("pool") == "count"
    assert small_graph().emits("head") == "value"


def test_gather_permutes_drops_and_leaves_out() -> None:
    p = Projection(
        name="p",
        source="a",
        target="b",
        map=Dense(weight=np.array([[1, 10, 100]])),
        gather=np.array([2, -1, 0]),
    )
    assert p.apply(np.array([[5, 7, 3]])).tolist() == [[3 + 500]]
    assert p.position(3).tolist() == [2, -1, 0]
    assert p.fan_out(3).tolist() == [1, 0, 1]


def test_exponent_multiplies_by_a_power_of_two() -> None:
    p = Projection(name="p", source="a", target="b", map=Identity(shape=(2,)), exponent=3)
    assert p.apply(np.array([[1, -2]])).tolist() == [[8, -16]]


def change(graph: Graph, name: str, **fields: object) -> Graph:
    nodes = [replace(n, **fields) if n.name == name else n for n in graph.nodes.values()]  # type: ignore[arg-type]
    return graph.replace(nodes=nodes)


def rewire(graph: Graph, name: str, **fields: object) -> Graph:
    items = graph.projections.values()
    return graph.replace(
        projections=[replace(p, **fields) if p.name == name else p for p in items]  # type: ignore[arg-type]
    )


BROKEN: dict[str, tuple[Callable[[Graph], Graph], str]] = {
    "unknown end": (lambda g: rewire(g, "conv->pool", source="nowhere"), "no node `nowhere`"),
    "cycle": (lambda g: rewire(g, "x->conv", source="pool"), "cycle"),
    "unknown port": (lambda g: rewire(g, "x->conv", port="side"), "no port `side`"),
    "sizes": (
        lambda g: rewire(g, "pool->head", map=Dense(weight=np.ones((3, 17), dtype=int))),
        "into a map",
    ),
    "float weight": (
        lambda g: rewire(g, "pool->head", map=Dense(weight=np.full((3, 18), 0.5))),
        "not integer",
    ),
    "negative exponent": (lambda g: rewire(g, "pool->head", exponent=-1), "not negative"),
    "gather twice": (
        lambda g: rewire(g, "pool->head", gather=np.zeros(18, dtype=int)),
        "a neuron twice",
    ),
    "weighted maximum": (lambda g: change(g, "pool", bias=np.array(1)), "maximum has weights 1"),
    "float model": (
        lambda g: change(g, "head", model=FloatFire(rule=FireRule(()), lo=0, hi=1)),
        "no place in the integer form",
    ),
    "bias shape": (lambda g: change(g, "head", bias=np.array([1, 2])), "bias has shape"),
    "step": (lambda g: change(g, "head", step=np.array(0.0)), "step is positive"),
    "analog": (lambda g: change(g, "x", grid=False), "without a grid"),
    "input grid": (lambda g: change(g, "x", lo=5), "lo <= hi"),
    "two readers": (
        lambda g: g.replace(
            projections=[
                *g.projections.values(),
                Projection(name="extra", source="head", target="y", map=Identity(shape=(3,))),
            ]
        ),
        "reads one node",
    ),
    "weighted output": (
        lambda g: rewire(g, "head->y", map=Identity(shape=(3,), weight=np.array(2))),
        "identity with weight 1",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_every_broken_rule_is_named(case: str) -> None:
    break_it, message = BROKEN[case]
    with pytest.raises(GraphError, match=message):
        break_it(small_graph()).validate()


def test_two_nodes_of_one_name_are_refused() -> None:
    with pytest.raises(GraphError, match="x: two nodes"):
        Graph([Input(name="x", shape=(1,)), Input(name="x", shape=(1,))], [])


@pytest.mark.parametrize(
    ("shapes", "fits"),
    [
        (((2, 3, 4), (2, 4, 5), (2, 3, 5)), True),
        (((3, 4), (4, 5), (3, 5)), True),
        (((3, 4), (3, 5), (3, 5)), False),
        (((4,), (4, 5), (5,)), False),
    ],
)
def test_products_check_their_shapes(shapes: tuple[tuple[int, ...], ...], fits: bool) -> None:
    a, b, out = shapes
    product = Product(name="p", shape=out, a_shape=a, b_shape=b)
    if fits:
        product.validate()
        assert product.pairs() == np.prod(out) * a[-1]
    else:
        with pytest.raises(GraphError, match="does not give"):
            product.validate()


def test_host_op_takes_an_analog_input() -> None:
    graph = Graph(
        [
            Input(name="x", shape=(3, 4, 4), grid=False),
            HostOp(name="stem", shape=(2,), onnx="stem", lo=0, hi=4),
            Population(name="head", shape=(2,), model=Accumulator()),
            Output(name="y", shape=(2,)),
        ],
        [
            Projection(name="a", source="x", target="stem", map=Identity(shape=(3, 4, 4))),
            Projection(name="b", source="stem", target="head", map=Identity(shape=(2,))),
            Projection(name="c", source="head", target="y", map=Identity(shape=(2,))),
        ],
    ).validate()
    assert [n.name for n in graph.sources] == ["stem"]
