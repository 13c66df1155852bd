"""What boxes hear, against every single synapse."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from snnc.backends.conformance import Case, cases
from snnc.backends.mapping.reach import Reach, arriving, take
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense
from snnc.ir.neurons import Accumulator
from snnc.ir.nodes import Input, Population, Product
from tests.backends.mapping.cuts import random_cuts, reached


def check(graph: Graph, p: Projection, rng: np.random.Generator) -> None:
    cuts, ends, reach = random_cuts(graph, rng), reached(graph, p), Reach(graph, p)
    numbers = reach.arrange(np.arange(graph.nodes[p.source].size), -1)
    for index, box in enumerate(cuts[p.target].boxes):
        inside = set(np.flatnonzero(cuts[p.target].owner == cuts[p.target].first + index))
        heard = take(numbers, reach.heard(box))
        heard = heard[heard >= 0]
        assert len(set(heard)) == len(heard)
        assert set(heard) == {n for n, reaches in enumerate(ends) if reaches & inside}


@settings(max_examples=25, deadline=None)
@given(case=cases())
def test_every_box_of_random_graphs(case: Case) -> None:
    rng = np.random.default_rng(case.graph.nodes[case.graph.inputs[0].name].size)
    for p in case.graph.projections.values():
        if isinstance(case.graph.nodes[p.target], Population | Product):
            check(case.graph, p, rng)


def test_a_shape_that_is_not_the_map_s() -> None:
    """Tokens 3 to 9 of a 4x4 map are no rectangle of it."""
    rng = np.random.default_rng(0)
    conv = Conv(
        weight=np.ones((2, 3, 3, 3), dtype=int),
        in_shape=(3, 4, 4),
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    nodes = [
        Input(name="x", shape=(3, 4, 4), hi=1),
        Population(name="p", shape=(2, 16), model=Accumulator()),
    ]
    p = Projection(name="w", source="x", target="p", map=conv)
    for _ in range(5):
        check(Graph(nodes, [p]), p, rng)


@settings(max_examples=25, deadline=None)
@given(case=cases())
def test_synaptic_events_of_each_neuron(case: Case) -> None:
    for p in case.graph.projections.values():
        size = case.graph.nodes[p.source].size
        rate = np.random.default_rng(size).integers(0, 5, size).astype(np.float64)
        begins, targets, _ = p.map.to_csr()
        expected = np.zeros(p.map.out_size)
        for neuron, position in enumerate(p.position(size).tolist()):
            if position >= 0:
                np.add.at(expected, targets[begins[position] : begins[position + 1]], rate[neuron])
        np.testing.assert_array_equal(arriving(p, rate), expected)


def test_synaptic_events_of_tokens() -> None:
    p = Projection(
        name="w", source="x", target="y", map=Dense(weight=np.ones((2, 3), dtype=int), lead=(2,))
    )
    rate = np.array([1.0, 0, 2, 0, 0, 5])
    assert arriving(p, rate).tolist() == [3, 3, 5, 5]
