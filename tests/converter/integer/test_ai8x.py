"""Integer nets trained by others: counts and logits equal a plain integer loop."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.integer import check_staircases, integer_form
from snnc.ir.arrays import Array
from snnc.ir.graph import Graph
from snnc.ir.maps import Conv, Dense, SumPool
from snnc.ir.neurons import Accumulator, FloatFire, Max
from snnc.ir.nodes import Population
from tests.converter.integer.nets import Net, rule, values
from tests.needs import data_file

RNG = np.random.default_rng(5)


def plain_conv(x: Array, w: Array, pad: int) -> Array:
    """Integer cross-correlation, tap by tap. x (N, C, H, W), w (O, C, k, k)."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    k = w.shape[-1]
    height, width = x.shape[2] - k + 1, x.shape[3] - k + 1
    out = np.zeros((len(x), len(w), height, width), dtype=np.int64)
    for a in range(k):
        for b in range(k):
            patch = x[:, :, a : a + height, b : b + width]
            out += np.einsum("oc,nchw->nohw", w[:, :, a, b], patch)
    return out


def requantise(acc: Array, shift: int) -> Array:
    """clamp(floor(acc * 2^(shift - 7) + 0.5), 0, 127) in integers."""
    down = 7 - shift
    return np.clip((acc + (1 << (down - 1))) >> down, 0, 127)


def blocks(x: Array, size: int) -> Array:
    n, c, h, w = x.shape
    cut = x[:, :, : h // size * size, : w // size * size]
    return cut.reshape(n, c, h // size, size, w // size, size)


def activation(shift: int) -> FloatFire:
    ops = (("mul", 2.0 ** (shift - 7)), ("add", 0.5), ("floor",), ("clip", 0.0, 127.0))
    return FloatFire(rule=rule(*ops), lo=0, hi=127)


class Ai8x:
    """The float graph of an ai8x net and its integer loop, side by side."""

    def __init__(self, x: Array) -> None:
        self.net = Net(x.shape[1:], lo=-128, hi=127)
        self.last, self.x, self.expected = "x", x, {"x": x}

    def _add(self, name: str, model: object, map_: object, value: Array, **fields: object) -> None:
        self.net.add(name, value.shape[1:], model, (self.last, map_), **fields)  # type: ignore[arg-type]
        self.last, self.x, self.expected[name] = name, value, value

    def conv(self, name: str, w: Array, shift: int, pad: int) -> None:
        map_ = Conv(
            weight=w.astype(float),
            in_shape=self.x.shape[1:],
            stride=(1, 1),
            padding=((pad, pad),) * 2,
            dilation=(1, 1),
        )
        value = requantise(plain_conv(self.x, w.astype(np.int64), pad), shift)
        self._add(name, activation(shift), map_, value)

    def max_pool(self, name: str, size: int) -> None:
        self._add(name, Max(), self._pool(size, 1.0), blocks(self.x, size).max(axis=(3, 5)))

    def average_pool(self, name: str, size: int) -> None:
        value = (2 * blocks(self.x, size).sum(axis=(3, 5)) + size * size) // (2 * size * size)
        model = FloatFire(rule=rule(("add", 0.5), ("floor",), ("clip", 0.0, 127.0)), lo=0, hi=127)
        self._add(name, model, self._pool(size, 1 / size**2), value)

    def _pool(self, size: int, weight: float) -> SumPool:
        return SumPool(
            in_shape=self.x.shape[1:],
            kernel=(size, size),
            stride=(size, size),
            padding=((0, 0),) * 2,
            weight=np.array(weight),
        )

    def head(self, w: Array, bias: Array) -> Graph:
        value = self.x.reshape(len(self.x), -1) @ w.T.astype(np.int64) + bias
        map_ = Dense(weight=w.astype(float))
        self._add("fc", Accumulator(), map_, value, bias=bias.astype(float))
        return self.net.graph("fc")


def assert_reproduced(net: Ai8x, graph: Graph) -> None:
    form = integer_form(graph)
    assert form.rounding.is_exact
    assert all(c.n_different == 0 for c in check_staircases(graph, form))
    got = values(form.graph, net.expected["x"])
    for name, expected in net.expected.items():
        node = form.graph.nodes[name]
        found = got[name]
        if isinstance(node, Population) and node.model.emits == "value":
            found = found * node.step
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_a_small_net_with_all_layer_kinds() -> None:
    net = Ai8x(RNG.integers(-128, 128, (20, 1, 12, 12)))
    net.conv("conv1", RNG.integers(-128, 128, (5, 1, 3, 3)), 1, 1)
    net.max_pool("pool1", 2)
    net.conv("conv2", RNG.integers(-128, 128, (6, 5, 3, 3)), -2, 2)
    net.average_pool("pool2", 2)
    net.conv("conv3", RNG.integers(-128, 128, (4, 6, 3, 3)), -1, 1)
    fc = RNG.integers(-128, 128, (10, 4 * 4 * 4))
    assert_reproduced(net, net.head(fc, RNG.integers(-16384, 16384, 10)))


@pytest.mark.data
@pytest.mark.parametrize("n_images", [16])
def test_the_published_extra_small_mnist_net(n_images: int) -> None:
    z = np.load(data_file("models/ai8x_int8/ai85-mnist-extrasmall-qat8-q.npz"))
    images = np.load(data_file("images/mnist_t10k.npz"))["x"][:n_images]
    net = Ai8x(images[:, None].astype(np.int64) - 128)
    net.conv("conv1", z["conv1.weight"], int(z["conv1.shift"]), 1)
    net.max_pool("pool1", 2)
    net.conv("conv2", z["conv2.weight"], int(z["conv2.shift"]), 2)
    net.max_pool("pool2", 4)
    net.conv("conv3", z["conv3.weight"], int(z["conv3.shift"]), 1)
    assert_reproduced(net, net.head(z["fc.weight"], z["fc.bias"]))


@pytest.mark.data
def test_the_published_mnist_net() -> None:
    z = np.load(data_file("models/ai8x_int8/ai85-mnist-qat8-q.npz"))
    images = np.load(data_file("images/mnist_t10k.npz"))["x"][:8]
    net = Ai8x(images[:, None].astype(np.int64) - 128)
    net.conv("conv1", z["conv1.weight"], int(z["conv1.shift"]), 1)
    net.max_pool("pool1", 2)
    net.conv("conv2", z["conv2.weight"], int(z["conv2.shift"]), 2)
    net.max_pool("pool2", 2)
    net.conv("conv3", z["conv3.weight"], int(z["conv3.shift"]), 1)
    net.average_pool("pool3", 2)
    net.conv("conv4", z["conv4.weight"], int(z["conv4.shift"]), 1)
    assert_reproduced(net, net.head(z["fc.weight"], z["fc.bias"]))
