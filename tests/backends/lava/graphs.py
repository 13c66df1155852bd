"""Small integer graphs that together use every process that a bundle can hold."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Array, Shape
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap, Sparse, SumPool
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, IntegerFire, Max, NeuronModel
from snnc.ir.nodes import Input, Node, Output, Population, Product


class Drawing:
    """A graph under construction, with its own random numbers."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.projections: list[Projection] = []

    def weights(self, *shape: int, largest: int = 127) -> Array:
        return self.rng.integers(-largest - 1, largest + 1, shape)

    def staircase(self, lo: int, n_levels: int, spread: int, n_channels: int = 1) -> IntegerFire:
        thresholds = np.sort(self.rng.integers(-spread, spread, (n_channels, n_levels)), axis=1)
        return IntegerFire(lo=lo, thresholds=thresholds)

    def input(self, name: str, shape: Shape, lo: int, hi: int) -> None:
        self.nodes.append(Input(name=name, shape=shape, lo=lo, hi=hi))

    def population(self, name: str, shape: Shape, model: NeuronModel, **more: object) -> None:
        self.nodes.append(Population(name=name, shape=shape, model=model, **more))  # type: ignore[arg-type]

    def project(self, source: str, target: str, map_: LinearMap, **more: object) -> None:
        name = f"{source} -> {target} {len(self.projections)}"
        ends = {"source": source, "target": target}
        self.projections.append(Projection(name=name, map=map_, **ends, **more))  # type: ignore[arg-type]

    def finish(self, name: str, *outputs: str) -> Graph:
        for source in outputs:
            shape = next(node.shape for node in self.nodes if node.name == source)
            self.nodes.append(Output(name=f"output {source}", shape=shape))
            self.project(source, f"output {source}", Identity(shape=shape))
        return Graph(self.nodes, self.projections, name=name).validate()


def mlp(levels: int) -> Graph:
    """12 -> 10 -> 8 -> 3, counts 0 to `levels`; thresholds by channel."""
    draw = Drawing(levels)
    draw.input("x", (12,), 0, levels)
    draw.population("hidden.0", (10,), draw.staircase(0, levels, 150 * levels, 10))
    draw.project("x", "hidden.0", Dense(weight=draw.weights(10, 12)))
    bias = draw.rng.integers(-40, 40, 8)
    draw.population("hidden.1", (8,), draw.staircase(0, levels, 150 * levels), bias=bias)
    draw.project("hidden.0", "hidden.1", Dense(weight=draw.weights(8, 10)))
    draw.population("logits", (3,), Accumulator())
    draw.project("hidden.1", "logits", Dense(weight=draw.weights(3, 8)))
    return draw.finish("mlp", "logits")


def residual_conv_net() -> Graph:
    """Signed counts; padded, strided, dilated and depthwise conv; residual, pools, concat."""
    draw = Drawing(7)
    one, same = (1, 1), ((1, 1), (1, 1))
    draw.input("x", (2, 8, 8), -4, 4)
    bias = draw.rng.integers(-50, 50, 4)
    draw.population("stem", (4, 8, 8), draw.staircase(0, 4, 300, 4), bias=bias)
    kernel = draw.weights(4, 2, 3, 3)
    stem = Conv(weight=kernel, in_shape=(2, 8, 8), stride=one, padding=same, dilation=one)
    draw.project("x", "stem", stem)
    draw.population("stream.0", (4, 4, 4), Accumulator(), bias=np.array(3))
    depthwise = Conv(
        weight=draw.weights(4, 1, 3, 3, largest=20), in_shape=(4, 8, 8), stride=(2, 2),
        padding=same, dilation=one, groups=4,
    )  # fmt: skip
    draw.project("stem", "stream.0", depthwise, exponent=1)
    wide = Conv(
        weight=draw.weights(4, 4, 1, 1, largest=3000), in_shape=(4, 8, 8), stride=(2, 2),
        padding=((0, 0), (0, 0)), dilation=one,
    )  # fmt: skip
    draw.project("stem", "stream.0", wide)
    draw.population("fire", (4, 4, 4), draw.staircase(-1, 3, 6000))
    draw.project("stream.0", "fire", Identity(shape=(4, 4, 4)))
    draw.population("stream.1", (4, 4, 4), Accumulator())
    draw.project("stream.0", "stream.1", Identity(shape=(4, 4, 4)))
    dilated = Conv(
        weight=draw.weights(4, 4, 2, 3), in_shape=(4, 4, 4), stride=one, padding=((1, 1), (1, 1)),
        dilation=(2, 1),
    )  # fmt: skip
    draw.project("fire", "stream.1", dilated, exponent=2)
    draw.population("fire.1", (4, 4, 4), draw.staircase(0, 4, 6000))
    draw.project("stream.1", "fire.1", Identity(shape=(4, 4, 4)))
    draw.population("max pool", (4, 2, 2), Max())
    pool = SumPool(in_shape=(4, 4, 4), kernel=(3, 3), stride=(2, 2), padding=((1, 0), (1, 0)))
    draw.project("fire.1", "max pool", pool)
    draw.population("max of signed", (4, 2, 2), Max())
    draw.project("fire", "max of signed", _pool((4, 4, 4)))
    draw.population("sum pool", (4, 2, 2), draw.staircase(0, 4, 8))
    draw.project("fire", "sum pool", _pool((4, 4, 4)))
    draw.population("logits", (3,), Accumulator())
    taken = draw.rng.permutation(16)[:12].astype(np.int64)
    taken[3] = -1
    draw.project("max pool", "logits", Dense(weight=draw.weights(3, 12)), gather=taken)
    draw.project("max of signed", "logits", Dense(weight=draw.weights(3, 16)))
    draw.project("sum pool", "logits", Dense(weight=draw.weights(3, 16)))
    return draw.finish("residual", "logits")


def odd_net() -> Graph:
    """State across frames, a product, leading axes, conv over one axis, listed synapses."""
    draw = Drawing(3)
    draw.input("x", (3, 4), 0, 3)
    draw.population("tokens", (3, 4), draw.staircase(-1, 3, 200, 4), channel_axis=1)
    draw.project("x", "tokens", Dense(weight=draw.weights(4, 4), lead=(3,)))
    leak = FixedIntegrateFire.binary(
        np.array([90, 60, 75]), leak_multiplier=np.array(3000), leak_shift=12, reset="zero"
    )
    draw.population("lif", (3, 4), leak, bias=np.array([5, -3, 0]))
    over_time = Conv(
        weight=draw.weights(3, 3, 3, largest=40), in_shape=(3, 4), stride=(1,), padding=((2, 0),),
        dilation=(1,),
    )  # fmt: skip
    draw.project("x", "lif", over_time)
    product = Product(name="scores", shape=(3, 3), op="matmul", a_shape=(3, 4), b_shape=(4, 3))
    draw.nodes.append(product)
    draw.project("tokens", "scores", Identity(shape=(3, 4)), port="a")
    transposed = np.arange(12).reshape(3, 4).T.ravel().copy()
    draw.project("lif", "scores", Identity(shape=(4, 3)), port="b", gather=transposed)
    draw.population("if", (5,), FixedIntegrateFire.binary(np.array(100), strict=True))
    listed = Sparse(
        in_shape=(3, 3), out_shape=(5,), indptr=np.array([0, 2, 2, 3, 4, 6, 7, 8, 9, 10]),
        targets=np.array([0, 3, 1, 4, 0, 2, 3, 1, 4, 2]), weight=draw.weights(10),
    )  # fmt: skip
    draw.project("scores", "if", listed)
    return draw.finish("odd", "if")


def two_nets() -> Graph:
    """Two parts that never meet, and an input that reaches nothing."""
    draw = Drawing(5)
    for name in ("a", "b"):
        draw.input(f"in {name}", (3,), -2, 2)
        draw.population(name, (2,), draw.staircase(0, 2, 100))
        draw.project(f"in {name}", name, Dense(weight=draw.weights(2, 3)))
    draw.input("unused", (2,), -1, 3)
    return draw.finish("two", "a", "b", "unused")


def _pool(in_shape: Shape) -> SumPool:
    return SumPool(in_shape=in_shape, kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)))


def feeds_for(graph: Graph, n_samples: int, n_frames: int = 1, seed: int = 0) -> dict[str, Array]:
    """Random counts over the whole range of every source."""
    rng = np.random.default_rng(seed)
    return {
        source.name: rng.integers(source.lo, source.hi + 1, (n_samples, n_frames, *source.shape))
        for source in graph.sources
    }
