"""Loihi's neurons where registers end: engines against the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.backends.registry import get_engine
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Delta, LoihiLIF, LoihiReadout, Sigma, SigmaDelta
from snnc.ir.nodes import Input, Output, Population

RNG = np.random.default_rng(0)
MODELS: dict[str, Any] = {
    "wraps": LoihiReadout(decay_u=0, decay_v=4096, threshold=2**17),
    "saturates": LoihiReadout(decay_u=4096, decay_v=1, threshold=2**17, bias=np.array(9)),
    "resets": LoihiLIF(decay_u=500, decay_v=300, threshold=60, reset_interval=4, reset_offset=2),
    "neurons": LoihiReadout(decay_u=4000, decay_v=100, threshold=50, bias=np.arange(4) - 2),
    "delta": Delta(threshold=2, spike_exp=2, state_exp=2),
    "sigma-delta": SigmaDelta(threshold=1, spike_exp=3, state_exp=5, bias=np.arange(4)),
    "sigma": Sigma(),
}
REACH = {"wraps": 2**17, "saturates": 2**17, "neurons": 300}


def graph(name: str) -> Graph:
    model, shape = MODELS[name], (4,)
    reach = REACH.get(name, 90)
    nodes: list[Any] = [
        Input(name="x", shape=(3,), lo=-1, hi=1),
        Population(name="n", shape=shape, model=model),
        Output(name="y", shape=shape),
    ]
    weight = RNG.integers(-reach, reach, (4, 3)) // 3
    return Graph(
        nodes,
        [
            Projection(name="p", source="x", target="n", map=Dense(weight=weight)),
            Projection(name="read", source="n", target="y", map=Identity(shape=shape)),
        ],
    ).validate()


@pytest.mark.parametrize("engine", ["event", "dense"])
@pytest.mark.parametrize("name", MODELS)
def test_as_the_oracle(name: str, engine: str) -> None:
    net = graph(name)
    feeds = {"x": RNG.integers(-1, 2, (2, 40, 3))}
    for schedule in ("sequential", "pipelined"):
        settings = RunSettings(schedule=schedule)
        expected, found = (
            get_engine(e).prepare(net, settings, n_frames=40).run(feeds).counts["n"]
            for e in ("oracle", engine)
        )
        assert np.array_equal(expected, found)
        assert expected.any()
