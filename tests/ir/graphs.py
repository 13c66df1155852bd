"""Small graphs that several tests of the event graph share."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, SumPool
from snnc.ir.neurons import Accumulator, IntegerFire, Max
from snnc.ir.nodes import Input, Node, Output, Population


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


def skip_over(n_stages: int, *, levels: int, late: int = 0) -> Graph:
    """x -> a0 -> a1 -> … -> sum, and x -> sum beside it; x reaches a tap as well.

    Args:
        late: frames after which the sum meets x.
    """
    shape = (2,)
    stairs = IntegerFire(lo=0, thresholds=np.arange(1, levels + 1)[None])
    nodes: list[Node] = [Input(name="x", shape=shape, lo=0, hi=levels, step=0.5)]
    nodes += [Population(name=f"a{i}", shape=shape, model=stairs) for i in range(n_stages)]
    nodes += [Population(name="sum", shape=shape, model=Accumulator())]
    chain = ["x", *(f"a{i}" for i in range(n_stages)), "sum"]
    ends = [*pairwise(chain), ("x", "sum")]
    projections = [
        Projection(
            name=f"{s} to {t}",
            source=s,
            target=t,
            map=Identity(shape=shape),
            frames=late if (s, t) == ("x", "sum") else 0,
        )
        for s, t in ends
    ]
    nodes.append(Output(name="y", shape=shape))
    projections.append(Projection(name="read", source="sum", target="y", map=Identity(shape=shape)))
    return Graph(nodes, projections, form="integer").validate()
