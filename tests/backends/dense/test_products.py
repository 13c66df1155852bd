"""Exact sums from products of bytes: every kind of map that takes them, against the oracle."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest

from snnc.backends.conformance import differences
from snnc.backends.dense import DenseEngine
from snnc.backends.oracle import OracleEngine
from snnc.ir.arrays import IntArray
from snnc.ir.codes import Code, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Conv, Dense, Identity, LinearMap
from snnc.ir.neurons import Accumulator, IntegerFire
from snnc.ir.nodes import Input, Output, Population

RNG = np.random.default_rng(3)


def weights(*shape: int, largest: int = 127) -> IntArray:
    return RNG.integers(-largest, largest + 1, shape)


def conv(weight: IntArray, in_shape: tuple[int, ...], **given: Any) -> Conv:
    n = len(in_shape) - 1
    window = {"stride": (1,) * n, "padding": ((0, 0),) * n, "dilation": (1,) * n}
    return Conv(weight=weight, in_shape=in_shape, **{**window, **given})


MAPS: dict[str, LinearMap] = {
    "tokens": Dense(weight=weights(5, 64), lead=(3,)),
    "plain": Dense(weight=weights(7, 80)),
    "one tap": conv(weights(6, 64, 1, 1), (64, 5, 4)),
    "one tap, one axis": conv(weights(6, 64, 1), (64, 9)),
    "strided tap": conv(weights(6, 64, 1, 1), (64, 5, 4), stride=(2, 3)),
    "taps": conv(weights(6, 64, 3, 3), (64, 5, 4), padding=((1, 1), (1, 1))),
    "strides, dilations, uneven borders": conv(
        weights(6, 64, 3, 2), (64, 9, 8), stride=(2, 1), dilation=(1, 3), padding=((2, 0), (0, 1))
    ),
}


def network(map_: LinearMap, hi: int, bias: IntArray, exponent: int) -> Graph:
    shape, axis = map_.out_shape, map_.channel_axis % len(map_.out_shape)
    return Graph(
        [
            Input(name="x", shape=map_.in_shape, lo=0, hi=hi),
            Population(name="p", shape=shape, model=Accumulator(), bias=bias, channel_axis=axis),
            Output(name="out", shape=shape),
        ],
        [
            Projection(name="w", source="x", target="p", map=map_, exponent=exponent),
            Projection(name="read", source="p", target="out", map=Identity(shape=shape)),
        ],
    )


def operators(session: Any) -> set[str]:
    model = onnx.load_from_string(session.program.builder.model([session.program.wires["p"].name]))
    return {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize(("bias", "exponent"), [(0, 0), (-77, 2)])
def test_sums_are_the_oracles(name: str, bias: int, exponent: int) -> None:
    map_ = MAPS[name]
    n = map_.out_shape[map_.channel_axis]
    graph = network(map_, 100, bias * np.arange(1, n + 1) * (bias != 0), exponent)
    feeds = {"x": RNG.integers(0, 101, (4, 2, *map_.in_shape))}
    feeds["x"][0] = 100
    session = DenseEngine(threads=1).prepare(graph, RunSettings(), n_frames=2)
    assert "MatMulIntegerToFloat" in operators(session)
    expected = OracleEngine().prepare(graph, RunSettings(), n_frames=2).run(feeds)
    assert not differences(expected, session.run(feeds))


@pytest.mark.parametrize(("hi", "largest"), [(255, 127), (4, 300)])
def test_what_16_bits_do_not_hold_stays_with_float32(hi: int, largest: int) -> None:
    """Kernels without VNNI add two products in 16 bits: 2 * 255 * 127 passes them."""
    weight = weights(5, 64, largest=largest)
    weight[0] = largest
    graph = network(Dense(weight=weight), hi, np.array(0), 0)
    feeds = {"x": np.full((2, 1, 64), hi)}
    session = DenseEngine(threads=1).prepare(graph, RunSettings())
    assert "MatMulIntegerToFloat" not in operators(session)
    assert session.run(feeds).counts["p"][0, 0, 0] == 64 * hi * largest


def block(c_in: int, c_mid: int, stride: int) -> Graph:
    """A convolution and its activation; both sums into `p`, of a window and of one tap; a matrix.

    Args:
        c_in, c_mid: channels of the input and of the activation.
        stride: of the first convolution and of the tap.
    """
    first = conv(
        weights(c_mid, c_in, 3, 3, largest=20),
        (c_in, 7, 5),
        stride=(stride, stride),
        padding=((1, 1), (1, 1)),
    )
    shape = first.out_shape
    window = conv(weights(6, c_mid, 3, 3), shape, padding=((1, 1), (1, 1)))
    tap = conv(weights(6, c_in, 1, 1), (c_in, 7, 5), stride=(stride, stride))
    flat = Dense(weight=weights(5, int(np.prod(shape))))
    fire = IntegerFire(lo=0, thresholds=np.arange(1, 5)[None] * weights(c_mid, 1, largest=90) ** 2)
    return Graph(
        [
            Input(name="x", shape=(c_in, 7, 5), lo=0, hi=6),
            Population(name="k", shape=shape, model=replace(fire, thresholds=fire.thresholds + 1)),
            Population(name="p", shape=window.out_shape, model=Accumulator(), bias=weights(6)),
            Population(name="q", shape=(5,), model=Accumulator()),
            Output(name="one", shape=window.out_shape),
            Output(name="other", shape=(5,)),
        ],
        [
            Projection(name="a", source="x", target="k", map=first),
            Projection(name="b", source="k", target="p", map=window, exponent=1),
            Projection(name="c", source="x", target="p", map=tap),
            Projection(name="d", source="k", target="q", map=flat),
            Projection(name="e", source="p", target="one", map=Identity(shape=window.out_shape)),
            Projection(name="f", source="q", target="other", map=Identity(shape=(5,))),
        ],
    )


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("c_in", "c_mid", "products"),
    [(64, 64, 3), (3, 64, 3), (64, 8, 2), (3, 8, 1)],
)
def test_sums_of_windows_taps_and_matrices(
    c_in: int, c_mid: int, products: int, stride: int
) -> None:
    graph = block(c_in, c_mid, stride)
    feeds = {"x": RNG.integers(0, 7, (3, 2, *graph.nodes["x"].shape))}
    session = DenseEngine(threads=1).prepare(graph, RunSettings(), n_frames=2)
    wires = session.program.wires
    model = session.program.builder.model([wires["p"].name, wires["q"].name])
    made = list(onnx.load_from_string(model).graph.node)
    # from 64 channels on; one tap beside such a window; a matrix of all neurons: at least 96
    assert sum(node.op_type == "MatMulIntegerToFloat" for node in made) == products
    thin = [
        n for n in made if n.op_type == "Conv" and [1, 1] in [list(a.ints) for a in n.attribute]
    ]
    assert not any([2, 2] in [list(a.ints) for a in node.attribute] for node in thin)
    expected = OracleEngine().prepare(graph, RunSettings(), n_frames=2).run(feeds)
    assert not differences(expected, session.run(feeds))


def stream(channels: int) -> Graph:
    """A residual stream `s`, `t` that activations read, and sums that one reads directly."""
    shape = channels, 6, 4

    def window(largest: int) -> Conv:
        weight = weights(channels, channels, 3, 3, largest=largest)
        return conv(weight, shape, padding=((1, 1), (1, 1)))

    def fire(name: str) -> Population:
        steps = RNG.integers(30, 200, (channels, 1)) * np.arange(1, 5) + RNG.integers(-50, 50)
        model = IntegerFire(lo=0, thresholds=steps)
        return Population(name=name, shape=shape, model=model, bias=weights(channels))

    def plain(name: str, source: str, target: str) -> Projection:
        return Projection(name=name, source=source, target=target, map=Identity(shape=shape))

    tap = conv(weights(channels, channels, 1, 1, largest=9), shape)
    return Graph(
        [
            Input(name="x", shape=shape, lo=0, hi=4),
            Population(name="s", shape=shape, model=Accumulator(), bias=weights(channels)),
            fire("k"),
            Population(name="t", shape=shape, model=Accumulator()),
            fire("l"),
            fire("m"),
            Output(name="one", shape=shape),
            Output(name="other", shape=shape),
        ],
        [
            Projection(name="xs", source="x", target="s", map=window(9)),
            Projection(name="xs tap", source="x", target="s", map=tap),
            plain("sk", "s", "k"),
            Projection(name="kt", source="k", target="t", map=window(9)),
            plain("st", "s", "t"),
            plain("tl", "t", "l"),
            Projection(name="lm", source="l", target="m", map=window(9)),
            Projection(name="xm", source="x", target="m", map=tap),
            plain("l out", "l", "one"),
            plain("m out", "m", "other"),
        ],
    )


@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
@pytest.mark.parametrize("channels", [64, 8])
def test_streams_with_channels_last_are_the_oracles(channels: int, code: Code) -> None:
    graph, settings = stream(channels), RunSettings(code)
    feeds = {"x": RNG.integers(0, 5, (3, 2, channels, 6, 4))}
    session = DenseEngine(threads=1).prepare(graph, settings, n_frames=2)
    expected = OracleEngine().prepare(graph, settings, n_frames=2).run(feeds)
    assert not differences(expected, session.run(feeds))
    program = session.program
    model = program.builder.model([program.wires[name].name for name in ("l", "m")])
    made = [n for n in onnx.load_from_string(model).graph.node if n.op_type == "QuantizeLinear"]
    by_channel = [len(program.builder.constants[n.input[1]].dims) for n in made]
    # by channel, but where channels lie last: there that would take each number for itself
    assert by_channel == [0, 0, 0] if channels == 64 else 0 not in by_channel
    seen = {each.tensor: each.shape for each in program.seen}
    if code != "delta":
        turned = program.builder.unturned(program.wires["t"].name, 3)
        assert (turned in seen and seen[turned] == (6, 4, 64)) == (channels == 64)
