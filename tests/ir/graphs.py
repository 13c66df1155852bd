"""Small graphs that several tests of the event graph share."""

from __future__ import annotations

import numpy as np

from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, IntegerFire, Max
from snnc.ir.nodes import Input, Output, Population


def small_graph(seed: int = 0) -> Graph:
    """Input 1x6x6 -> conv -> max-pool -> dense accumulator -> output."""
    rng = np.random.default_rng(seed)
    thresholds = np.array([[1, 5, 9, 20], [2, 3, 4, 5]])
    kernel = rng.integers(-3, 4, (2, 1, 3, 3))
    conv = Conv(
        weight=kernel, in_shape=(1, 6, 6), stride=(1, 1), padding=((1, 1),) * 2, dilation=(1, 1)
    )
    pool = SumPool(in_shape=(2, 6, 6), kernel=(2, 2), stride=(2, 2), padding=((0, 0),) * 2)
    nodes = [
        Input(name="x", shape=(1, 6, 6), lo=0, hi=4),
        Population(
            name="conv",
            shape=(2, 6, 6),
            model=IntegerFire(lo=0, thresholds=thresholds),
            bias=np.array([1, -1]),
        ),
        Population(name="pool", shape=(2, 3, 3), model=Max()),
        Population(name="head", shape=(3,), model=Accumulator()),
        Output(name="y", shape=(3,)),
    ]
    projections = [
        Projection(name="x->conv", source="x", target="conv", map=conv),
        Projection(name="conv->pool", source="conv", target="pool", map=pool),
        Projection(
            name="pool->head",
            source="pool",
            target="head",
            map=Dense(weight=rng.integers(-9, 10, (3, 18))),
        ),
        Projection(name="head->y", source="head", target="y", map=Identity(shape=(3,))),
    ]
    return Graph(nodes, projections).validate()
