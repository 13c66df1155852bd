"""Small integer-activation networks for the tests of sources and verification."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Steps(nn.Module):
    """round(clip(x, 0, D)) / D, written plainly."""

    def __init__(self, levels: int = 4) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(torch.clamp(x, 0, self.levels)) / self.levels


class ConvNet(nn.Module):
    """Two convolutions with batch norm, a residual add and a linear head on 8×8 images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6))
        self.fire = Steps()
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
        self.fire2 = Steps()
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.block(self.fire(x))
        return self.head(self.fire2(x).flatten(2).sum(2))


def conv_net(seed: int = 0) -> ConvNet:
    """A `ConvNet` with random weights and calibrated batch norms, in evaluation mode."""
    torch.manual_seed(seed)
    net = ConvNet()
    with torch.no_grad():
        for m in net.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.momentum = None
                m.weight.uniform_(0.5, 2.0)
                m.bias.uniform_(-0.5, 1.5)
        net.train()
        net(torch.randint(0, 17, (32, 1, 8, 8)).float())
    return net.eval()


def build_conv_net() -> ConvNet:
    """A factory as a user would name it."""
    return ConvNet()
