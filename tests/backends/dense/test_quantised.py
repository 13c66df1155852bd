"""Convolutions of bytes against the integers that they stand for."""

import numpy as np
import pytest

from snnc.backends.conformance import differences, evaluate
from snnc.backends.dense.engine import DenseEngine
from snnc.backends.dense.program import compile_graph
from snnc.backends.dense.quantised import fit_bytes
from snnc.backends.dense.staircase import steps_of
from snnc.backends.oracle import OracleEngine
from snnc.ir.arrays import IntArray, Shape
from snnc.ir.codes import Code, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Identity, SumPool
from snnc.ir.neurons import IntegerFire, Max
from snnc.ir.nodes import Input, Node, Output, Population


def chain(
    weights: list[IntArray],
    models: list[IntegerFire],
    in_shape: Shape,
    lo: int,
    hi: int,
    *,
    groups: int = 1,
    exponent: int = 0,
    bias: int = 0,
) -> Graph:
    """Padded 3 x 3 convolutions one after the other, a maximum over windows at the end."""
    nodes: list[Node] = [Input(name="x", shape=in_shape, lo=lo, hi=hi)]
    projections = []
    for n, (weight, model) in enumerate(zip(weights, models, strict=True)):
        map_ = Conv(
            weight=weight,
            in_shape=nodes[-1].shape,
            stride=(1, 1),
            padding=((1, 1), (1, 1)),
            dilation=(1, 1),
            groups=groups,
        )
        source, name = nodes[-1].name, f"p{n}"
        nodes.append(Population(name=name, shape=map_.out_shape, model=model, bias=np.array(bias)))
        projections.append(
            Projection(name=f"w{n}", source=source, target=name, map=map_, exponent=exponent)
        )
    shape = nodes[-1].shape
    pool = SumPool(in_shape=shape, kernel=(2, 2), stride=(2, 2), padding=((0, 1), (1, 0)))
    nodes.append(Population(name="max", shape=pool.out_shape, model=Max()))
    nodes.append(Output(name="out", shape=pool.out_shape))
    projections += [
        Projection(name="pool", source=nodes[-3].name, target="max", map=pool),
        Projection(name="read", source="max", target="out", map=Identity(shape=pool.out_shape)),
    ]
    return Graph(nodes, projections)


def n_byte_convolutions(graph: Graph) -> int:
    nodes = compile_graph(graph, RunSettings(), 1).builder.nodes
    return sum(node.op_type == "QLinearConv" for node in nodes)


def check(graph: Graph, feeds: dict[str, IntArray]) -> None:
    codes: tuple[Code, ...] = ("graded", "burst")
    for code in codes:
        settings = RunSettings(code)
        expected = OracleEngine().prepare(graph, settings).run(feeds)
        assert not differences(expected, DenseEngine().prepare(graph, settings).run(feeds))
    for name, k in evaluate(graph, feeds).items():
        assert (expected.counts[name] == k).all()


def thresholds(step: float, n_levels: int, origin: float = 0.0) -> IntArray:
    return np.ceil(step * (np.arange(n_levels) + 0.5) + origin).astype(np.int64)


def feed(shape: Shape, lo: int, hi: int) -> dict[str, IntArray]:
    rng = np.random.default_rng(3)
    x = rng.integers(lo, hi + 1, (4, 1, *shape))
    x[0], x[1] = lo, hi
    return {"x": x}


@pytest.mark.parametrize(("lo", "hi"), [(0, 4), (0, 15), (-8, 7), (-64, 63)])
def test_two_layers_and_a_maximum_stay_in_bytes(lo: int, hi: int) -> None:
    rng = np.random.default_rng(5)
    first, second = rng.integers(-127, 128, (6, 3, 3, 3)), rng.integers(-127, 128, (5, 6, 3, 3))
    spread = 400.0 * max(hi, -lo) / 4
    first_steps = [thresholds(spread * f, 4) for f in rng.random(6) + 0.2]
    second_steps = [thresholds(s, 5, -2 * s) for s in 300.7 * (rng.random(5) + 0.4)]
    models = [
        IntegerFire(lo=0, thresholds=np.stack(first_steps)),
        IntegerFire(lo=-2, thresholds=np.stack(second_steps)),
    ]
    graph = chain([first, second], models, (3, 6, 5), lo, hi, bias=17)
    assert n_byte_convolutions(graph) == 2
    check(graph, feed((3, 6, 5), lo, hi))


@pytest.mark.parametrize("sign", [-1, 1])
def test_pairs_at_the_limit_do_not_saturate(sign: int) -> None:
    """2 * 129 * 127 = 32766 is the largest pair that 16 bits hold; all of them at once."""
    weight = np.full((2, 8, 3, 3), 127 * sign)
    model = IntegerFire(lo=-4, thresholds=thresholds(100000.0, 8, -400000.0)[None])
    graph = chain([weight], [model], (8, 4, 4), 0, 129)
    assert n_byte_convolutions(graph) == 1
    check(graph, feed((8, 4, 4), 0, 129))


@pytest.mark.parametrize(
    ("largest", "lo", "hi", "exponent"),
    [(127, 0, 130, 0), (127, -128, 127, 0), (64, 0, 4, 1), (200, 0, 4, 0)],
)
def test_what_kernels_could_saturate_stays_in_float32(
    largest: int, lo: int, hi: int, exponent: int
) -> None:
    weight = np.random.default_rng(1).integers(-largest, largest + 1, (4, 2, 3, 3))
    weight[0, 0, 0, 0] = largest
    model = IntegerFire(lo=0, thresholds=thresholds(900.0, 3)[None])
    graph = chain([weight], [model], (2, 4, 4), lo, hi, exponent=exponent)
    assert n_byte_convolutions(graph) == 0
    check(graph, feed((2, 4, 4), lo, hi))


def test_depthwise_with_an_exponent() -> None:
    weight = np.random.default_rng(2).integers(-15, 16, (4, 1, 3, 3))
    model = IntegerFire(lo=0, thresholds=thresholds(77.3, 15)[None])
    graph = chain([weight], [model], (4, 5, 5), 0, 15, groups=4, exponent=3)
    assert n_byte_convolutions(graph) == 1
    check(graph, feed((4, 5, 5), 0, 15))


def test_half_even_ties_are_met() -> None:
    """round_half_even(i / 4): ties alternate, and rounding is what QLinearConv does."""
    line = fit_bytes([steps_of(np.array([3, 6, 11, 14]), 0, -100, 100)])
    assert line is not None
    assert (line.scale[0], line.offset[0]) == (0.25, 0)


@pytest.mark.parametrize("lo", [0, -3])
def test_a_sum_of_two_becomes_bytes_by_one_operator(lo: int) -> None:
    """A residual add, read by an activation: QuantizeLinear where nothing can fold the scale."""
    rng = np.random.default_rng(7)
    shape = (3, 4, 5)
    stairs = np.stack([thresholds(s, 6, lo * s) for s in 60.3 * (rng.random(3) + 0.5)])
    nodes: list[Node] = [Input(name=n, shape=shape, lo=-300, hi=300) for n in "ab"]
    model = IntegerFire(lo=lo, thresholds=stairs)
    nodes.append(Population(name="p", shape=shape, model=model, bias=np.array([5, -7, 0])))
    nodes.append(Output(name="out", shape=shape))
    pairs = (("a", "p"), ("b", "p"), ("p", "out"))
    graph = Graph(
        nodes,
        [Projection(name=a + b, source=a, target=b, map=Identity(shape=shape)) for a, b in pairs],
    )
    kinds = [n.op_type for n in compile_graph(graph, RunSettings(), 1).builder.nodes]
    assert kinds.count("QuantizeLinear") == 1
    (a,) = feed(shape, -300, 300).values()
    check(graph, {"a": a, "b": rng.integers(-300, 301, a.shape)})


def test_a_quotient_gets_room_for_its_rounding() -> None:
    """Ties at halves are met by a product alone."""
    ties = [steps_of(np.array([3, 6, 11, 14]), 0, -100, 100)]
    assert fit_bytes(ties, divides=True) is None
    assert fit_bytes([steps_of(np.array([3, 7, 11, 15]), 0, -100, 100)], divides=True) is not None


def test_irregular_steps_have_no_line() -> None:
    assert fit_bytes([steps_of(np.array([3, 50, 51, 400]), 0, -100, 1000)]) is None


@pytest.mark.parametrize(("lo", "levels"), [(-300, 100), (-256, 255), (-255, 255), (-128, 127)])
def test_staircases_below_zero(lo: int, levels: int) -> None:
    """A zero point beyond a byte is none."""
    thresholds = np.arange(levels)[None] * 5 - 200
    models = [IntegerFire(lo=lo, thresholds=thresholds), IntegerFire(lo=0, thresholds=thresholds)]
    weight = np.random.default_rng(3).integers(-3, 4, (3, 3, 3, 3))
    graph = chain([weight, weight], models, (3, 6, 7), -300, -100)
    x = np.random.default_rng(4).integers(-300, -99, (3, 1, 3, 6, 7))
    expected = evaluate(graph, {"x": x})
    got = DenseEngine(threads=1).prepare(graph, RunSettings("graded")).run({"x": x}).counts
    for name, counts in expected.items():
        assert np.array_equal(counts, got[name]), name
