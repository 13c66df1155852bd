"""Intel's published networks and what Intel's compiler printed about them.

Shapes, weight bits and tables: notebooks under tutorials/lava/lib/dl/netx and the .net files beside
them in the public repository lava-nc/lava-dl (commit d825ac5). The weights of YOLO-KP are not in
it: its bits are those that its rows imply (docs/mapping.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnc.ir.arrays import IntArray, Shape, size_of
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap
from snnc.ir.neurons.passing import Accumulator
from snnc.ir.nodes import Input, Node, Output, Population


@dataclass(frozen=True)
class Layer:
    """A layer and its row.

    Attributes:
        n_out: output channels or neurons.
        bits: of its weights.
        words: synapse words of a core, or of the whole layer where the compiler printed that.
        cores: neuro-cores; 0 where only the whole layer's words are judged.
        tile: of the printed row, (channels, rows, columns) or (neurons,).
        kernel, stride, padding: of a convolution; None: dense.
    """

    n_out: int
    bits: int
    words: int
    cores: int
    tile: Shape
    kernel: int | None = None
    stride: Shape = (1, 1)
    padding: Shape = (0, 0)


@dataclass(frozen=True)
class Net:
    """A published network; `encodes`: its input layer is a population on the chip."""

    name: str
    input: Shape
    layers: tuple[Layer, ...]
    n_cores: int
    encodes: bool = False


TWO, ONE = (2, 2), (1, 1)

OXFORD = Net(
    "oxford",
    (200,),
    (Layer(256, 8, 16200, 3, (256,)), Layer(200, 7, 16128, 2, (200,))),
    n_cores=5,
)
MNIST = Net(
    "mnist",
    (784,),
    (
        Layer(128, 8, 12544, 3, (50,)),
        Layer(64, 8, 2688, 1, (64,)),
        Layer(10, 8, 256, 1, (10,)),
    ),
    n_cores=5,
)
PILOTNET_SDNN = Net(
    "pilotnet-sdnn",
    (3, 66, 200),
    (
        Layer(24, 6, 81, 25, (24, 32, 4), 3, TWO),
        Layer(36, 5, 864, 13, (36, 15, 4), 3, TWO),
        Layer(48, 4, 1620, 3, (48, 7, 8), 3, TWO),
        Layer(64, 5, 2592, 3, (64, 4, 8), 3, (2, 1), (1, 0)),
        Layer(64, 4, 2880, 2, (64, 2, 16), 3),
        Layer(100, 4, 66560, 12, (100,)),
        Layer(50, 6, 1500, 1, (50,)),
        Layer(10, 5, 150, 1, (10,)),
        Layer(1, 4, 10, 1, (1,)),
    ),
    n_cores=61,
)
PILOTNET_SNN = Net(
    "pilotnet-snn",
    (3, 66, 200),
    (
        Layer(24, 5, 81, 25, (24, 32, 4), 3, TWO),
        Layer(36, 4, 864, 13, (36, 15, 4), 3, TWO),
        Layer(48, 4, 1620, 3, (48, 7, 8), 3, TWO),
        Layer(64, 4, 2160, 3, (64, 4, 8), 3, (2, 1), (1, 0)),
        Layer(64, 4, 2880, 2, (64, 2, 16), 3),
        Layer(100, 3, 61440, 12, (100,)),
        Layer(50, 4, 1300, 1, (50,)),
        Layer(10, 5, 150, 1, (10,)),
        Layer(1, 6, 10, 1, (1,)),
    ),
    n_cores=74,
    encodes=True,
)
YOLO_KP = Net(
    "yolo-kp",
    (3, 448, 448),
    (
        Layer(16, 5, 54, 224, (16, 28, 8), 3, TWO, ONE),
        Layer(32, 6, 576, 112, (32, 14, 8), 3, TWO, ONE),
        Layer(64, 5, 1728, 56, (64, 14, 4), 3, TWO, ONE),
        Layer(128, 5, 6336, 28, (128, 7, 4), 3, TWO, ONE),
        Layer(256, 5, 12672, 56, (128, 7, 4), 3, ONE, ONE),
        Layer(256, 4, 11520, 16, (64, 7, 8), 3, TWO, ONE),
        Layer(512, 5, 13824, 32, (64, 7, 8), 3, ONE, ONE),
        Layer(256, 5, 10752, 14, (256, 7, 2), 1),
        Layer(512, 5, 13824, 32, (64, 7, 8), 3, ONE, ONE),
        Layer(48, 6, 3072, 4, (48, 14, 4), 1),
    ),
    n_cores=574,
)
NETS = (OXFORD, MNIST, PILOTNET_SDNN, PILOTNET_SNN, YOLO_KP)


def graph_of(net: Net) -> Graph:
    """The network with weights of the stated bits and neurons that only sum."""
    nodes: list[Node] = [Input(name="input", shape=net.input, hi=1)]
    projections = []
    if net.encodes:
        nodes.append(Population(name="encode", shape=net.input, model=Accumulator()))
        projections.append(_join("input", "encode", Identity(shape=net.input)))
    for i, layer in enumerate(net.layers):
        before = nodes[-1]
        map_ = _map_of(layer, before.shape)
        shape = map_.out_shape
        nodes.append(Population(name=f"layer{i}", shape=shape, model=Accumulator()))
        projections.append(_join(before.name, f"layer{i}", map_))
    last = nodes[-1]
    nodes.append(Output(name="output", shape=last.shape))
    projections.append(_join(last.name, "output", Identity(shape=last.shape)))
    return Graph(nodes, projections)


def _join(source: str, target: str, map_: LinearMap) -> Projection:
    return Projection(name=f"{source}-{target}", source=source, target=target, map=map_)


def _map_of(layer: Layer, in_shape: Shape) -> LinearMap:
    if layer.kernel is None:
        return Dense(weight=_weights((layer.n_out, size_of(in_shape)), layer.bits))
    return Conv(
        weight=_weights((layer.n_out, in_shape[0], layer.kernel, layer.kernel), layer.bits),
        in_shape=in_shape,
        stride=layer.stride,
        padding=tuple((n, n) for n in layer.padding),
        dilation=(1, 1),
    )


def _weights(shape: Shape, bits: int) -> IntArray:
    """Both ends of the range, and an odd one, so that no common power of two is left."""
    weight = np.ones(shape, dtype=np.int64)
    weight.flat[:2] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return weight
