"""A network whose output reads bursts directly."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population


def direct() -> tuple[Graph, IntArray, IntArray]:
    """x (1, 4, 4) -> act (12) -> head (3) -> out; the head's weight (3, 12) and bias (3,)."""
    rng = np.random.default_rng(11)
    weight, bias = rng.integers(-9, 10, size=(3, 12)), rng.integers(-5, 6, size=3)
    fire = IntegerFire(lo=0, thresholds=np.array([[3, 9, 15, 21]]))
    first = rng.integers(-4, 6, size=(12, 16))
    nodes = [
        Input(name="x", shape=(1, 4, 4), hi=4),
        Population(name="act", shape=(12,), model=fire),
        Population(name="head", shape=(3,), model=Accumulator(), bias=bias),
        Output(name="out", shape=(3,)),
    ]
    flat = np.arange(16)
    links = [
        Projection(name="x>act", source="x", target="act", map=Dense(weight=first), gather=flat),
        Projection(name="act>head", source="act", target="head", map=Dense(weight=weight)),
        Projection(name="head>out", source="head", target="out", map=Identity(shape=(3,))),
    ]
    return Graph(nodes, links, name="direct").validate(), weight, bias
