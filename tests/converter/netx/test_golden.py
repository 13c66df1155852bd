"""Intel's networks against the outputs that Intel ships with them (lava-dl, BSD-3).

More of them stand in lava-dl's repository: see docs/netx.md for what was measured there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snnc.ir.arrays import IntArray
from snnc.ir.nodes import Population
from tests import needs
from tests.converter.netx.files import counts, dense, read, write
from tests.needs import data_file

OXFORD = "golden/lava_oxford_dense_cuba.npz"
PILOTNET = "golden/lava_pilotnet_lif_fc.npz"


@pytest.mark.parametrize("engine", ["event", "dense"])
def test_oxford_layer(tmp_path: Path, engine: str) -> None:
    """512,000 spike slots; spikes enter with one step of delay, as in Lava."""
    with np.load(data_file(OXFORD)) as z:
        neuron = {name: int(z[name]) for name in ("iDecay", "vDecay", "vThMant")}
        spikes = [np.unpackbits(z[name], axis=1).T for name in ("spikes_in", "spikes_out")]
        weight = z["weight"]
    layer = dense(weight, {"type": "CUBA", **neuron})
    graph = read(write(tmp_path / "oxford.net", layer), net_timing="lava").graph
    given = counts(graph, spikes[0].astype(np.int64), engine)["dense0"]
    assert given.size == 512_000
    assert np.array_equal(given, spikes[1])
    assert given.any()


@pytest.mark.parametrize(("layer", "offset"), [(1, 7), (2, 8)])
def test_pilotnet_lif_layers(tmp_path: Path, layer: int, offset: int) -> None:
    """u, v and spikes; Loihi's v register holds 128 in the step of a spike.

    The recording was made with a reset every 17 steps, in layer n at step n: neither is in any
    file, both were found by trying.
    """
    with np.load(data_file(PILOTNET)) as z:
        entering, spikes = (z[f"fc-{layer - n}"].T.astype(np.int64) for n in (1, 0))
        u, v = (z[f"fc-{layer}-{name}"].T for name in ("u", "v"))
        neuron = {"type": "LOIHI", "iDecay": 4096, "vDecay": 1024, "vThMant": 25}
        net = dense(z[f"fc{layer}_w"], neuron, bias=z[f"fc{layer}_b"])
    path = write(tmp_path / "fc.net", net)
    # the layer itself runs one frame behind what enters
    options = {"net_timing": "lava", "reset_interval": 17, "reset_offset": offset - 1}
    graph = read(path, **options).graph
    given = counts(graph, entering, "event")["dense0"]
    assert np.array_equal(given, spikes)
    node = graph.nodes["dense0"]
    assert isinstance(node, Population)
    late = np.concatenate([np.zeros_like(entering[:1]), entering[:-1]])
    state = node.model.initial_state((1, *node.shape))
    (projection,) = graph.incoming("dense0")
    for t, x in enumerate(late):
        _, state = node.latch(projection.apply(x[None]), state)
        assert np.array_equal(state["u"][0], u[t])
        assert np.array_equal(np.where(spikes[t], 128, state["v"][0]), v[t])


def test_oxford_network_runs() -> None:
    """Both layers of the shipped network, engine against engine."""
    source = read(data_file("models/lava_net/oxford_network.net"))
    x = (np.random.default_rng(0).random((60, 200)) < 0.02).astype(np.int64)
    event, dense_ = (counts(source.graph, x, engine) for engine in ("event", "dense"))
    assert all(np.array_equal(event[name], dense_[name]) for name in event)
    assert event["dense1"].any()


def test_pilotnet_sdnn() -> None:
    """Intel's trained network, layer by layer as PyTorch convolves and Lava's equations go on.

    In Lava's timing it reproduces the nine golden outputs of lava-dl's own test, too.
    """
    torch = needs.module("torch")
    path = data_file("models/lava_net/pilotnet_sdnn_network.net")
    x = np.random.default_rng(1).integers(-64, 65, (3, 3, 33, 100))
    given = counts(read(path).graph, x, "event")
    with h5py.File(path) as file:
        layers = [_Layer(torch, file[f"layer/{i}"]) for i in (1, 2, 3, 4, 6, 7, 8, 9)]
    sent = 0
    for t, frame in enumerate(x):
        told = ((frame << 12) - sent) >> 6
        sent = frame << 12
        assert np.array_equal(given["input0"][t], told)
        for layer in layers:
            told = layer(told)
            assert np.array_equal(given[layer.name][t], told)
    assert given["dense9"].any()


class _Layer:
    """One layer of the file, frame by frame: Lava's `SigmaDelta`, or its `Sigma`."""

    def __init__(self, torch: Any, group: Any) -> None:
        self.torch = torch
        self.name = group["type"][0].decode() + group.name.split("/")[-1]
        self.weight = group["weight"][()].astype(np.int64)
        self.threshold = int(group["neuron/vThMant"][()]) << 12
        self.is_last = "sigma_output" in group["neuron"]
        bias: Any = 0 if self.is_last else group["bias"][()].astype(np.int64) << 12
        self.bias = bias if self.weight.ndim == 2 else bias[:, None, None]
        self.folding = [tuple(group[key][()]) for key in ("stride", "padding") if key in group]
        self.sigma: Any = 0
        self.sent: Any = 0

    def __call__(self, told: IntArray) -> IntArray:
        self.sigma = self.sigma + self._weighted(told)
        if self.is_last:
            return np.asarray(self.sigma)
        change = np.maximum(self.sigma + self.bias, 0) - self.sent
        change = np.where(np.abs(change) >= self.threshold, change, 0)
        self.sent = self.sent + change
        return change >> 6

    def _weighted(self, told: IntArray) -> IntArray:
        if self.weight.ndim == 2:
            return np.asarray(self.weight @ told.reshape(-1))
        image, kernel = (
            self.torch.tensor(a, dtype=self.torch.float64) for a in (told, self.weight)
        )
        stride, padding = self.folding
        conv = self.torch.nn.functional.conv2d(image[None], kernel, None, stride, padding)
        return conv[0].numpy().astype(np.int64)
