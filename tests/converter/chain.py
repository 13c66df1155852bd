"""A chain of any length in which every pass that a chip asks for has something to do."""

from __future__ import annotations

import numpy as np

from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Identity, LinearMap
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Node, Output, Population
from snnc.ir.passes.bias_synapses import BiasSynapses
from snnc.ir.passes.chip import ChipPass
from snnc.ir.passes.direct_projections import DirectProjections
from snnc.ir.passes.insert_relays import InsertRelays
from snnc.ir.passes.split_signs import SplitSigns
from snnc.ir.passes.split_weights import SplitWeights

SHAPE = (4, 4, 4)


def chain(n_layers: int) -> Graph:
    """Layers of signed counts behind sums; each is also read two layers later, where it waits."""
    random = np.random.default_rng(0)
    nodes: list[Node] = [Input(name="x", shape=SHAPE, lo=-4, hi=4)]
    projections: list[Projection] = []

    def add(source: str, target: str, map_: LinearMap) -> None:
        name = f"{source} -> {target}"
        projections.append(Projection(name=name, source=source, target=target, map=map_))

    def conv() -> Conv:
        return Conv(
            weight=random.integers(-127, 128, (4, 4, 3, 3)),
            in_shape=SHAPE,
            stride=(1, 1),
            padding=((1, 1), (1, 1)),
            dilation=(1, 1),
            groups=1,
        )

    fire = IntegerFire(lo=-4, thresholds=np.arange(-3, 5)[None] * 500)
    for n in range(n_layers):
        before = nodes[-1].name
        for name, model in ((f"sum{n}", Accumulator()), (f"fire{n}", fire)):
            nodes.append(Population(name=name, shape=SHAPE, model=model, bias=np.array(0)))
        add(before, f"sum{n}", conv())
        add(f"sum{n}", f"fire{n}", Identity(shape=SHAPE))
        if n > 1:
            add(f"fire{n - 2}", f"fire{n}", conv())
    nodes.append(Output(name="out", shape=SHAPE))
    add(nodes[-2].name, "out", Identity(shape=SHAPE))
    return Graph(nodes, projections)


def chip_passes() -> list[ChipPass]:
    """All of them, narrow enough to change every layer."""
    settings = RunSettings(code="burst", schedule="pipelined")
    return [
        DirectProjections(),
        SplitSigns(settings=settings),
        BiasSynapses(settings=settings, bias_bits=12, exponent_bits=3),
        SplitWeights(weight_bits=4, max_exponent=7),
        InsertRelays(settings=settings, max_delay=2),
    ]
