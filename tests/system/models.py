"""Small networks of integer activations in their published forms, as a user would write them.

None uses `snnc.nn`: what is recognised must be what people have. Weights are random with a fixed
seed; batch norms hold statistics that keep every layer alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.ir.arrays import IntArray


class HalfEven(nn.Module):
    """round(clamp(x, 0, D)) / D, as in the E-SpikeFormer base models."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(torch.clamp(x, 0, self.levels)) / self.levels


class HalfUp(HalfEven):
    """floor(clamp(x, 0, D) + 0.5) / D, as in the large models."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.floor(torch.clamp(x, 0, self.levels) + 0.5) / self.levels


class Qcfs(nn.Module):
    """clamp(floor(x * L / t + 0.5) / L, 0, 1) * t with one threshold for each channel."""

    def __init__(self, levels: int, channels: int) -> None:
        super().__init__()
        self.levels = levels
        t = torch.linspace(0.5, 2.0, channels).reshape(1, -1, 1, 1)
        self.t: Tensor
        self.register_buffer("t", t)

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(torch.floor(x * self.levels / self.t + 0.5) / self.levels, 0, 1) * self.t


class Signed(nn.Module):
    """clamp(round(x / s), -D, D) * s, a signed quantiser."""

    def __init__(self, levels: int, step: float) -> None:
        super().__init__()
        self.levels, self.step = levels, step

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(torch.round(x / self.step), -self.levels, self.levels) * self.step


Activation = Callable[[int], nn.Module]


def norm(channels: int) -> nn.BatchNorm2d:
    """A batch norm with statistics, scales of both signs, and offsets."""
    layer = nn.BatchNorm2d(channels)
    with torch.no_grad():
        layer.running_mean = torch.randn(channels) * 0.2
        layer.running_var = torch.rand(channels) + 0.5
        layer.weight.copy_(
            (torch.rand(channels) + 0.7) * torch.where(torch.rand(channels) < 0.2, -1, 1)
        )
        layer.bias.copy_(torch.randn(channels) * 0.3 + 1.0)
    return layer


class Mlp(nn.Sequential):
    """Two hidden layers."""

    def __init__(self, act: Activation, levels: int) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(64, 30),
            act(levels),
            nn.Linear(30, 20),
            act(levels),
            nn.Linear(20, 10),
        )


class ConvNet(nn.Module):
    """Strided, padded and depthwise convolutions, batch norm, max-pool, flatten."""

    def __init__(self, act: Activation, levels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, (3, 2), stride=(1, 2), padding=(1, 0))
        self.norm = norm(6)
        self.act1 = act(levels)
        self.depthwise = nn.Conv2d(6, 12, 3, padding=1, groups=6, bias=False)
        self.norm2 = norm(12)
        self.act2 = act(levels)
        self.head = nn.Linear(12 * 4 * 2, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act1(self.norm(self.conv(x)))
        x = self.act2(self.norm2(self.depthwise(x)))
        return self.head(torch.flatten(F.max_pool2d(x, 2), 1))


class Residual(nn.Module):
    """A membrane shortcut: the stream is real, each branch reads it through an activation."""

    def __init__(self, act: Activation, levels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.act1, self.act2, self.act3 = act(levels), act(levels), act(levels)
        self.conv1 = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.norm1 = norm(6)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.pre = norm(6)
        self.head = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        stream = self.stem(x)
        stream = stream + self.norm1(self.conv1(self.act1(self.pre(stream))))
        stream = stream + self.conv2(self.act2(stream))
        return self.head(self.act3(F.adaptive_avg_pool2d(stream, 1)).flatten(1))


class Concat(nn.Module):
    """Two branches with per-channel steps, average-pooled and concatenated."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(1, 5, 1)
        self.act1, self.act2 = Qcfs(levels, 4), Signed(levels, 0.25)
        self.mix = nn.Conv2d(9, 6, 3, padding=1)
        self.act3 = HalfEven(levels)
        self.head = nn.Linear(6 * 16, 10)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.act1(self.left(x)), self.act2(self.right(x))], 1)
        mixed = self.act3(self.mix(F.avg_pool2d(both, 2)))
        return self.head(torch.flatten(mixed, 1))


class Ties(nn.Module):
    """Weights and inputs on a grid of halves: a large share of pre-activations are ties."""

    def __init__(self, act: Activation, levels: int) -> None:
        super().__init__()
        self.first, self.act1 = nn.Linear(64, 40), act(levels)
        self.second, self.act2 = nn.Linear(40, 20), act(levels)
        self.head = nn.Linear(20, 10)
        with torch.no_grad():
            for layer, unit in ((self.first, 0.5), (self.second, 0.5 * levels)):
                size = layer.weight.shape
                layer.weight.copy_(torch.randint(-1, 2, size) * unit)
                layer.bias.copy_(torch.randint(-2, 3, size[:1]) * 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act2(self.second(self.act1(self.first(torch.flatten(x, 1))))))


@dataclass(frozen=True)
class Case:
    """A network of this page with its levels."""

    name: str
    make: Callable[[], nn.Module]
    levels: int


CASES = [
    Case("mlp half-even D=4", lambda: Mlp(HalfEven, 4), 4),
    Case("mlp half-up D=15", lambda: Mlp(HalfUp, 15), 15),
    Case("mlp half-even D=1", lambda: Mlp(HalfEven, 1), 1),
    Case("conv half-even D=4", lambda: ConvNet(HalfEven, 4), 4),
    Case("conv half-up D=1", lambda: ConvNet(HalfUp, 1), 1),
    Case("conv half-up D=15", lambda: ConvNet(HalfUp, 15), 15),
    Case("residual half-even D=4", lambda: Residual(HalfEven, 4), 4),
    Case("residual half-up D=15", lambda: Residual(HalfUp, 15), 15),
    Case("concat per-channel D=4", lambda: Concat(4), 4),
    Case("ties half-even D=4", lambda: Ties(HalfEven, 4), 4),
    Case("ties half-up D=4", lambda: Ties(HalfUp, 4), 4),
]


def build(case: Case) -> nn.Module:
    """The network of a case, the same each time."""
    torch.manual_seed(7)
    return case.make().eval()


def digits(n: int) -> IntArray:
    """Integer images 0..16, shape (n, 1, 8, 8), from scikit-learn's digits."""
    from sklearn.datasets import load_digits

    return load_digits().images[:n, None].astype(np.int64)
