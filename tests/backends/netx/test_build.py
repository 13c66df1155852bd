"""`.net` files that snnc writes: read again they give the same graph; the rest is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from snnc.backends.netx import build
from snnc.backends.netx import write as write_net
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.graph import Graph, Projection, structurally_equal
from snnc.ir.maps import Conv, Dense, Identity
from snnc.ir.neurons import Accumulator, LoihiLIF
from snnc.ir.nodes import Input, Output, Population
from tests.converter.netx.files import CUBA, dense, read, write
from tests.needs import data_file

RNG = np.random.default_rng(5)
SDNN: dict[str, Any] = {"type": "SDNN", "vThMant": 3, "activation": "relu"}


def even(*shape: int) -> Any:
    return RNG.integers(-60, 61, shape) * 2


def conv(weight: Any, shape: tuple[int, ...], neuron: Any, **more: Any) -> dict[str, Any]:
    fields = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **more}
    fields = {key: np.array(value) for key, value in fields.items()}
    return {"type": "conv", "shape": np.array(shape), "weight": weight, "neuron": neuron, **fields}


def data(*shape: int, **more: Any) -> dict[str, Any]:
    return {"type": "input", "shape": np.array(shape), **more}


RECURRENT = {**dense(even(4, 6)), "type": "dense_rec", "weight_rec": even(4, 4)}
NETS: dict[str, list[dict[str, Any]]] = {
    "dense": [dense(even(5, 6), bias=np.arange(5)), dense(even(3, 5))],
    "with an input layer": [data(6), dense(even(5, 6))],
    "input neurons": [data(6, weight=20, bias=3, neuron=CUBA), dense(even(5, 6))],
    "recurrent": [RECURRENT, dense(even(2, 4))],
    "delay": [dense(even(5, 6), delay=np.array(3))],
    "delays of targets": [dense(even(5, 6), delay=np.arange(5))],
    "delays of sources": [dense(even(5, 6), delay=np.arange(6) % 3)],
    "delays of synapses": [dense(even(4, 3), delay=np.arange(12).reshape(4, 3))],
    "no neurons": [dense(even(3, 6), None)],
    "sigma-delta": [
        data(6, neuron=SDNN),
        dense(even(5, 6), SDNN, bias=np.arange(5)),
        dense(even(2, 5), {**SDNN, "sigma_output": True}),
    ],
    "convolutions": [
        data(2, 6, 7),
        conv(even(4, 1, 3, 3), (4, 4, 5), CUBA, groups=2, bias=np.arange(4)),
        conv(even(3, 4, 3, 2), (3, 1, 4), CUBA, padding=(1, 0), stride=(2, 1), dilation=(2, 1)),
        {"type": "flatten", "shape": np.array([12])},
        dense(even(3, 12)),
    ],
}


@pytest.mark.parametrize("timing", ["aligned", "lava"])
@pytest.mark.parametrize("name", NETS)
def test_read_again(tmp_path: Path, name: str, timing: str) -> None:
    path = write(tmp_path / "a.net", *NETS[name], simulation__tSample=9)
    graph = read(path, net_timing=timing).graph
    again = tmp_path / "again" / "a.net"
    again.parent.mkdir()
    write_net(again, build(graph, timing=timing))
    found = read(again, net_timing=timing).graph
    assert structurally_equal(graph, found)


@pytest.mark.parametrize("name", ["oxford_network", "pilotnet_sdnn_network"])
def test_intels_networks_are_written_as_they_are(tmp_path: Path, name: str) -> None:
    """Types, shapes, weights, biases and thresholds of every layer."""
    path = data_file(f"models/lava_net/{name}.net")
    write_net(tmp_path / "again.net", build(read(path).graph))
    with h5py.File(path) as theirs, h5py.File(tmp_path / "again.net") as ours:
        assert len(ours["layer"]) == len(theirs["layer"])
        for i, group in theirs["layer"].items():
            mine = ours[f"layer/{i}"]
            assert mine["type"][0] == group["type"][0]
            assert np.prod(mine["shape"]) == np.prod(group["shape"])
            for key in {"weight", "bias", "stride", "padding", "dilation"} & set(group):
                assert np.array_equal(mine[key], group[key])
            for key in {"iDecay", "vDecay"} & set(group.get("neuron", ())):
                assert mine[f"neuron/{key}"][()] == group[f"neuron/{key}"][()]


LIF = LoihiLIF(decay_u=4096, decay_v=0, threshold=5)


def chain(*layers: tuple[Any, Any], **more: Any) -> Graph:
    """Input -> layer0 -> layer1 … -> output; a layer is its map and its model."""
    nodes: list[Any] = [Input(name="input", shape=layers[0][0].in_shape, lo=0, hi=1)]
    projections = []
    for i, (map_, model) in enumerate(layers):
        nodes.append(Population(name=f"dense{i}", shape=map_.out_shape, model=model))
        source = nodes[-2].name
        projections.append(
            Projection(name=f"p{i}", source=source, target=f"dense{i}", map=map_, **more)
        )
    shape = nodes[-1].shape
    nodes.append(Output(name="output", shape=shape))
    reading = Projection(
        name="read", source=nodes[-2].name, target="output", map=Identity(shape=shape)
    )
    return Graph(nodes, [*projections, reading])


def with_bias(graph: Graph) -> Graph:
    nodes = [
        replace(n, bias=np.array(2)) if isinstance(n, Population) else n
        for n in graph.nodes.values()
    ]
    return graph.replace(nodes=nodes)


def skipping() -> Graph:
    graph = chain((Dense(weight=even(3, 6)), LIF), (Dense(weight=even(3, 3)), LIF))
    more = Projection(name="skip", source="input", target="dense1", map=Dense(weight=even(3, 6)))
    return graph.replace(projections=[*graph.projections.values(), more])


ONE = np.ones((2, 1, 2, 2), dtype=np.int64) * 2
UNEVEN = Conv(
    weight=ONE, in_shape=(1, 4, 4), stride=(1, 1), padding=((0, 1), (0, 0)), dilation=(1, 1)
)
REFUSED: list[tuple[Any, str]] = [
    (lambda: chain((Dense(weight=np.array([[1, 2]])), LIF)), "odd weights"),
    (lambda: chain((Dense(weight=np.array([[300, -2]])), LIF)), "weights from -2 to 300"),
    (lambda: chain((Dense(weight=np.array([[-256, -2]])), LIF)), "none above 0"),
    (lambda: chain((Dense(weight=even(2, 3)), Accumulator())), "no accumulator neurons"),
    (lambda: with_bias(chain((Dense(weight=even(2, 3)), LIF))), "its bias joins the current"),
    (lambda: chain((Dense(weight=even(2, 3)), LIF), frames=63), "a delay of 63 frames"),
    (lambda: chain((UNEVEN, LIF)), "pads both sides alike"),
    (skipping, "read the one before them"),
    (
        lambda: chain((Dense(weight=even(2, 3)), LIF), gather=np.array([2, 1, 0])),
        "in another order",
    ),
    (
        lambda: chain((Dense(weight=even(2, 3)), LIF), (Identity(shape=(2,)), LIF)),
        "no `identity` synapses",
    ),
]


@pytest.mark.parametrize(("make", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_the_format_cannot_say_is_refused_by_name(make: Any, said: str) -> None:
    with pytest.raises(UnsupportedByTarget, match=said):
        build(make())


def test_what_is_not_in_the_file_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.net", dense(even(3, 6)))
    options: dict[str, Any] = {"reset_interval": 4, "readout": "membrane", "reduce": "sum"}
    notes = " ".join(build(read(path, net_timing="lava", **options).graph, timing="lava").notes)
    for words in ("reset every 4 frames", "--readout membrane", "--reduce sum", "--net-timing"):
        assert words in notes
