"""The bound of promise 1, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, Max
from snnc.ir.nodes import Input, Output, Population, Product
from snnc.runtime.verify.floatform import FloatForm, downstream
from tests.runtime.verify.graphs import chain, with_node

W = np.array([[1.0, -2.0, 0.5], [0.25, 0.0, -1.0]])
B = np.array([0.5, -0.25])
HEAD = np.array([[1.0, -1.0]])


@pytest.fixture
def form() -> FloatForm:
    return FloatForm(chain(W, B, HEAD))


def hidden(form: FloatForm) -> Population:
    node = form.graph.nodes["hidden"]
    assert isinstance(node, Population)
    return node


def test_value_and_bound_of_a_dense_layer(form: FloatForm) -> None:
    x = np.array([[1.0, 2.0, -3.0]])
    assert form.value(hidden(form), {"x": x}).tolist() == [[1 - 4 - 1.5 + 0.5, 0.25 + 3 - 0.25]]
    magnitude = np.array([[1 + 4 + 1.5 + 0.5, 0.25 + 0 + 3 + 0.25]])
    gamma = (3 + 8) * 2.0**-24
    assert form.bound(hidden(form), {"x": x}).tolist() == (gamma * magnitude).tolist()


def test_bound_of_a_folded_chain_takes_its_magnitude_and_fan_in() -> None:
    graph = with_node(
        chain(W, B, HEAD), "hidden", offset_magnitude=np.array([2.0, 3.0]), stage_fan_in=20
    )
    projections = [
        Projection(
            name=p.name,
            source=p.source,
            target=p.target,
            map=p.map,
            magnitude=np.full((2, 3), 10.0) if p.name == "x>hidden" else None,
        )
        for p in graph.projections.values()
    ]
    form = FloatForm(graph.replace(projections=projections))
    bound = form.bound(hidden(form), {"x": np.array([[1.0, -1.0, 0.5]])})
    gamma = (20 + 8) * 2.0**-24
    assert bound.tolist() == [[gamma * (25 + 2), gamma * (25 + 3)]]


def test_fan_in_of_a_convolution_is_that_of_an_inner_neuron() -> None:
    conv = Conv(
        weight=np.ones((2, 3, 3, 3)),
        in_shape=(3, 5, 5),
        stride=(1, 1),
        padding=((1, 1), (1, 1)),
        dilation=(1, 1),
    )
    nodes = [
        Input(name="x", shape=(3, 5, 5), lo=0, hi=1),
        Population(name="p", shape=(2, 5, 5), model=Accumulator()),
        Output(name="out", shape=(2, 5, 5)),
    ]
    projections = [
        Projection(name="x>p", source="x", target="p", map=conv),
        Projection(name="p>out", source="p", target="out", map=Identity(shape=(2, 5, 5))),
    ]
    form = FloatForm(Graph(nodes, projections, form="float"))
    node = form.checked[0]
    assert isinstance(node, Population)
    assert form.gamma(node) == (27 + 8) * 2.0**-24


def test_product_and_its_bound() -> None:
    shape = (2, 2)
    nodes = [
        Input(name="a", shape=shape, lo=-4, hi=4),
        Input(name="b", shape=shape, lo=-4, hi=4),
        Product(name="ab", shape=shape, a_shape=shape, b_shape=shape),
        Output(name="out", shape=shape),
    ]
    projections = [
        Projection(name="a>", source="a", target="ab", port="a", map=Identity(shape=shape)),
        Projection(name="b>", source="b", target="ab", port="b", map=Identity(shape=shape)),
        Projection(name="o", source="ab", target="out", map=Identity(shape=shape)),
    ]
    form = FloatForm(Graph(nodes, projections, form="float"))
    a, b = np.array([[[1.0, -2.0], [3.0, 0.0]]]), np.array([[[1.0, 1.0], [-1.0, 2.0]]])
    node = form.checked[0]
    assert form.value(node, {"a": a, "b": b}).tolist() == [[[3.0, -3.0], [3.0, 3.0]]]
    u = 2.0**-24
    size = np.array([[[3.0, 5.0], [3.0, 3.0]]])
    expected = 10 * u * size + 2 * 9 * u * size + 81 * u * u * size
    assert np.allclose(form.bound(node, {"a": a, "b": b}), expected, rtol=1e-12, atol=0)


def test_maximum_over_windows_ignores_padding() -> None:
    pool = SumPool(
        weight=np.array(1.0),
        in_shape=(1, 3, 3),
        kernel=(2, 2),
        stride=(2, 2),
        padding=((0, 1), (0, 1)),
    )
    nodes = [
        Input(name="x", shape=(1, 3, 3), lo=-9, hi=9, step=0.5),
        Population(name="m", shape=(1, 2, 2), model=Max()),
        Output(name="out", shape=(1, 2, 2)),
    ]
    projections = [
        Projection(name="x>m", source="x", target="m", map=pool),
        Projection(name="m>o", source="m", target="out", map=Identity(shape=(1, 2, 2))),
    ]
    form = FloatForm(Graph(nodes, projections, form="float"))
    x = -np.arange(1.0, 10.0).reshape(1, 1, 3, 3) / 2
    assert form.value(form.checked[0], {"x": x}).tolist() == [[[[-0.5, -1.5], [-3.5, -4.5]]]]
    assert form.step_of("m") == 0.5
    assert form.is_count(form.checked[0])


def test_downstream_joins_the_frames_of_all_ancestors(form: FloatForm) -> None:
    different = {"hidden": np.array([True, False, False]), "x": np.array([False, False, True])}
    assert downstream(form, "logits", different).tolist() == [True, False, True]
    assert not downstream(form, "x", different).any()


def test_carried_errors_pass_through_absolute_weights(form: FloatForm) -> None:
    logits = form.graph.nodes["logits"]
    assert form.carried(logits, {}, {}) == 0.0
    assert np.asarray(form.carried(logits, {"hidden": np.array([[0.5, 0.25]])}, {})).tolist() == [
        [0.75]
    ]


def test_dense_maps_of_sequences_keep_their_fan_in() -> None:
    dense = Dense(weight=np.ones((4, 6)), lead=(5,))
    nodes = [
        Input(name="x", shape=(5, 6), lo=0, hi=1),
        Population(name="p", shape=(5, 4), model=Accumulator(), channel_axis=1),
        Output(name="out", shape=(5, 4)),
    ]
    projections = [
        Projection(name="x>p", source="x", target="p", map=dense),
        Projection(name="p>o", source="p", target="out", map=Identity(shape=(5, 4))),
    ]
    form = FloatForm(Graph(nodes, projections, form="float"))
    node = form.checked[0]
    assert isinstance(node, Population)
    assert form.gamma(node) == (6 + 8) * 2.0**-24
