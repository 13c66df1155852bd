"""Loihi's and sigma-delta neurons in bundles: Lava against the oracle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.backends.lava.engine import LavaEngine
from snnc.backends.lava.environment import Environment
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from tests.converter.netx.files import CUBA, counts, dense, read, write
from tests.needs import data_file

pytestmark = pytest.mark.lava
RNG = np.random.default_rng(8)
SDNN: dict[str, Any] = {"type": "SDNN", "vThMant": 2, "activation": "relu"}


def even(*shape: int) -> Any:
    return RNG.integers(-40, 41, shape) * 2


NETS: dict[str, list[dict[str, Any]]] = {
    "spiking": [
        dense(even(8, 6), CUBA, bias=np.arange(8) - 2),
        {**dense(even(5, 8)), "type": "dense_rec", "weight_rec": even(5, 5)},
        dense(even(3, 5), None),
    ],
    "sigma-delta": [
        {"type": "input", "shape": np.array([6]), "neuron": SDNN},
        dense(even(8, 6), SDNN, bias=np.arange(8)),
        dense(even(3, 8), {**SDNN, "sigma_output": True}),
    ],
}


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("name", NETS)
def test_lava_gives_the_oracles_integers(
    tmp_path: Path, lava: Environment, name: str, schedule: Any
) -> None:
    graph = read(write(tmp_path / "a.net", *NETS[name]), reset_interval=4).graph
    (entering,) = graph.inputs
    x = RNG.integers(entering.lo, entering.hi + 1, (10, 6))
    found, expected = on_lava(graph, x, RunSettings(schedule=schedule)), counts(graph, x)
    assert expected
    for node, value in expected.items():
        assert np.array_equal(found[node], value), node


@pytest.mark.slow
def test_a_layer_against_intels_recording(tmp_path: Path, lava: Environment) -> None:
    """Oxford's first layer: 2000 steps of 256 neurons."""
    with np.load(data_file("golden/lava_oxford_dense_cuba.npz")) as z:
        neuron = {name: int(z[name]) for name in ("iDecay", "vDecay", "vThMant")}
        x, spikes = (np.unpackbits(z[name], axis=1).T for name in ("spikes_in", "spikes_out"))
        layer = dense(z["weight"], {"type": "CUBA", **neuron})
    graph = read(write(tmp_path / "oxford.net", layer), net_timing="lava").graph
    found = on_lava(graph, x.astype(np.int64))["dense0"]
    assert found.size == 512_000
    assert np.array_equal(found, spikes)


@pytest.mark.slow
def test_intels_pilotnet(lava: Environment) -> None:
    """Nine layers of sigma-delta neurons, 43,117 of them, against the event engine."""
    path = data_file("models/lava_net/pilotnet_sdnn_network.net")
    graph = read(path, net_timing="lava").graph
    x = RNG.integers(-64, 65, (10, 3, 33, 100))
    found, expected = on_lava(graph, x), counts(graph, x, "event")
    for name, values in expected.items():
        assert np.array_equal(found[name], values), name
    assert expected["dense9"].any()


def on_lava(graph: Graph, x: IntArray, settings: RunSettings | None = None) -> dict[str, IntArray]:
    """What every node gives for one sample x of shape (T, *shape)."""
    session = LavaEngine().prepare(graph, settings or RunSettings(), n_frames=len(x))
    return {name: values[0] for name, values in session.run({"input": x[None]}).counts.items()}
