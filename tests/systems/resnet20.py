"""ResNet-20 for CIFAR-10 (He et al., 2016; option A shortcuts), described anew.

Published weights: akamaster/pytorch_resnet_cifar10. Pixels 0..255 go in; the normalisation that
the network was trained with is its first layer here, so that an image enters exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.ir.arrays import Array, IntArray
from tests.needs import data_file

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Block(nn.Module):
    """Two convolutions beside a shortcut that pads new channels with zeros."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.stride, self.n_new = stride, n_out - n_in

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.n_new:
            half = self.n_new // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, half))
        return F.relu(y + x)


class ResNet20(nn.Module):
    """Three stages of three blocks; the names of parameters are those of the published file."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(MEAN).reshape(3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(STD).reshape(3, 1, 1))
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = stage(16, 16, 1)
        self.layer2 = stage(16, 32, 2)
        self.layer3 = stage(32, 64, 2)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1((x - self.mean) / self.std)))
        x = self.layer3(self.layer2(self.layer1(x)))
        scores: Tensor = self.linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))
        return scores


def stage(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(n_in, n_out, stride), Block(n_out, n_out, 1), Block(n_out, n_out, 1))


def trained() -> ResNet20:
    """With the published weights."""
    path: Path = data_file("models/torch_float/resnet20_cifar10_state_dict.pt")
    held = torch.load(path, weights_only=True)
    weights = {k.removeprefix("module."): v for k, v in held.get("state_dict", held).items()}
    model = ResNet20()
    missing = model.load_state_dict(weights, strict=False)
    assert not missing.unexpected_keys
    assert set(missing.missing_keys) == {"mean", "std"}
    return model.eval()


def images() -> tuple[Array, IntArray]:
    """The 100 losslessly stored test images: pixels float32 (100, 3, 32, 32), classes."""
    with np.load(data_file("images/cifar10_lossless100.npz")) as held:
        return held["x"].transpose(0, 3, 1, 2).astype(np.float32), held["y"].astype(np.int64)
