"""The networks of the benchmark: one entry each in `NETS`.

All activations but E-SpikeFormer's are `snnc.nn.IntegerActivation`; the first of them, `encode`,
codes grey values 0 … 255 in the levels of the network, in every party.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import recurrent
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "examples" / "mnist")]
LEVELS = 4


def act() -> nn.Module:
    from snnc.nn import IntegerActivation

    return IntegerActivation(LEVELS)


def conv(c_in: int, c_out: int, kernel: int = 3, stride: int = 1, padding: int = 1) -> nn.Module:
    layer = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(c_out))


class Coded(nn.Module):
    """Grey values in levels, then a body."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.encode, self.body = act(), nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.body(self.encode(x * (LEVELS / 255)))
        return result


class Block(nn.Module):
    """A residual block that reads the stream through an activation."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.act1, self.act2 = act(), act()
        self.conv1, self.conv2 = conv(c_in, c_out, 3, stride), conv(c_out, c_out)
        self.skip = conv(c_in, c_out, 1, stride, 0) if stride > 1 else None

    def forward(self, stream: Tensor) -> Tensor:
        x = self.act1(stream)
        skip = stream if self.skip is None else self.skip(x)
        result: Tensor = skip + self.conv2(self.act2(self.conv1(x)))
        return result


def vgg() -> nn.Module:
    """Six convolutions with maximum pools, for 32 x 32 colour images."""
    layers: list[nn.Module] = []
    c_in = 3
    for width in (64, 128, 256):
        layers += [conv(c_in, width), act(), conv(width, width), act(), nn.MaxPool2d(2)]
        c_in = width
    return Coded(*layers, nn.Flatten(), nn.Linear(256 * 16, 256), act(), nn.Linear(256, 10))


def resnet() -> nn.Module:
    """A ResNet-20 (16, 32, 64 channels) that reads its stream through activations."""
    blocks: list[nn.Module] = [conv(3, 16)]
    for c_in, width, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        blocks += [Block(c_in, width, stride), Block(width, width, 1), Block(width, width, 1)]
    return Coded(*blocks, act(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def pilotnet() -> nn.Module:
    """PilotNet (Bojarski et al., arXiv 1604.07316): 66 x 200 images to one steering angle."""
    layers: list[nn.Module] = []
    plan = ((3, 24, 5, 2), (24, 36, 5, 2), (36, 48, 5, 2), (48, 64, 3, 1), (64, 64, 3, 1))
    for c_in, c_out, kernel, stride in plan:
        layers += [conv(c_in, c_out, kernel, stride, 0), act()]
    layers += [nn.Flatten()]
    for n_in, n_out in ((1152, 100), (100, 50), (50, 10)):
        layers += [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), act()]
    return Coded(*layers, nn.Linear(10, 1))


def mnist() -> nn.Module:
    """The trained network of examples/mnist."""
    from train import MnistNet

    return MnistNet()


def espikeformer() -> nn.Module:
    """E-SpikeFormer of 5 M parameters."""
    from tests.systems.espikeformer import base

    return base("s")


@dataclass(frozen=True, kw_only=True)
class Net:
    """A network of the benchmark.

    Attributes:
        make: the module; random weights, batch norms as after training.
        shape: of one sample.
        n_samples: that are run, as far as the time goes.
        batch: samples at once, beside one at a time.
        convert: further arguments of `snnc convert`.
        exact: float computes it without rounding, so that all parties must agree to the last bit.
    """

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    n_samples: int
    batch: int
    convert: tuple[str, ...] = ()
    exact: bool = False


NETS = {
    "mnist": Net(make=mnist, shape=(1, 28, 28), n_samples=1000, batch=100),
    "vgg": Net(make=vgg, shape=(3, 32, 32), n_samples=100, batch=50),
    "resnet": Net(make=resnet, shape=(3, 32, 32), n_samples=100, batch=50),
    "pilotnet": Net(make=pilotnet, shape=(3, 66, 200), n_samples=100, batch=50),
    "espikeformer": Net(make=espikeformer, shape=(3, 224, 224), n_samples=4, batch=2),
    "recurrent": Net(
        make=recurrent.Recurrent,
        shape=recurrent.SHAPE,
        n_samples=recurrent.N_TEST,
        batch=100,
        convert=recurrent.CONVERT,
        exact=True,
    ),
}


def smooth_images(n: int, shape: tuple[int, ...]) -> Tensor:
    """Grey values 0 … 255 with the falling spectrum of photographs, whole numbers in float32."""
    generator = torch.Generator().manual_seed(0)
    small = (shape[1] // 4 + 1, shape[2] // 4 + 1)
    noise = torch.rand(n, shape[0], *small, generator=generator) * 255
    return nn.functional.interpolate(noise, shape[1:], mode="bilinear").round()


def samples(
    name: str, data: Path, n_samples: int | None = None
) -> tuple[Tensor, np.ndarray | None]:
    """What a network takes, with labels where there are any; `n_samples` of it, or the usual."""
    net = NETS[name]
    n = net.n_samples if n_samples is None else min(n_samples, net.n_samples)
    if name == "mnist":
        with np.load(data / "mnist_t10k.npz") as archive:
            x, y = archive["x"][:n], archive["y"][:n]
        return torch.from_numpy(x.reshape(-1, *net.shape).astype(np.float32)), y
    if name == "recurrent":
        x, y = recurrent.test_data()
        return torch.from_numpy(x[:n]), y[:n]
    if name == "espikeformer":
        generator = torch.Generator().manual_seed(0)
        return torch.randn(n, *net.shape, generator=generator), None
    return smooth_images(n, net.shape), None


def settled(name: str, x: Tensor) -> nn.Module:
    """A network without training whose activations are neither dead nor saturated."""
    torch.manual_seed(0)
    model = NETS[name].make()
    if name == "espikeformer":
        from tests.systems.espikeformer import calibrate

        return calibrate(model, torch.cat([x, x.flip(3)]), lower=1.2)
    from tests.systems.calibrate import measure, randomise

    randomise(model, shift=0.2)
    measure(model, x[:32])
    return model
