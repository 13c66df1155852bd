"""Two integer networks that others trained (ai8x MNIST), as plain PyTorch and as integer loops.

A layer is clamp(floor(conv(x, w, b) * 2^(shift - 7) + 0.5), 0, 127); the first input is
pixel - 128. Files: models/ai8x_int8 of the data folder.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.ir.arrays import IntArray
from tests.needs import data_file

Weights = Mapping[str, IntArray]

ACCURACY = {"mnist": 9941, "extrasmall": 9455}
"""Right answers of 10,000 test images in integer arithmetic, as published with the data."""


def load_weights(name: str) -> dict[str, IntArray]:
    """Integer weights, biases and shifts by layer."""
    stem = {"mnist": "ai85-mnist-qat8-q", "extrasmall": "ai85-mnist-extrasmall-qat8-q"}[name]
    with np.load(data_file(f"models/ai8x_int8/{stem}.npz")) as archive:
        return {key: archive[key].astype(np.int64) for key in archive.files}


def load_images(limit: int | None = None) -> tuple[IntArray, IntArray]:
    """Test images as the nets take them, pixel - 128, shape (N, 1, 28, 28), and labels."""
    with np.load(data_file("images/mnist_t10k.npz")) as archive:
        x, y = archive["x"][:limit], archive["y"][:limit]
    return x.astype(np.int64)[:, None] - 128, y.astype(np.int64)


class Layer(nn.Module):
    """An integer convolution with power-of-two requantisation."""

    def __init__(self, weights: Weights, name: str, padding: int) -> None:
        super().__init__()
        weight = torch.tensor(weights[f"{name}.weight"], dtype=torch.float32)
        self.conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=padding, bias=False)
        self.conv.weight.data = weight
        self.scale = 2.0 ** (int(weights[f"{name}.shift"]) - 7)

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(torch.floor(self.conv(x) * self.scale + 0.5), 0, 127)


class Net(nn.Module):
    """Either network; which one is told by the layers in the file."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.small = "conv4.weight" not in weights
        self.conv1 = Layer(weights, "conv1", 1)
        self.conv2 = Layer(weights, "conv2", 2)
        self.conv3 = Layer(weights, "conv3", 1)
        self.conv4 = nn.Identity() if self.small else Layer(weights, "conv4", 1)
        weight = torch.tensor(weights["fc.weight"], dtype=torch.float32)
        self.fc = nn.Linear(weight.shape[1], weight.shape[0])
        self.fc.weight.data = weight
        self.fc.bias.data = torch.tensor(weights["fc.bias"], dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2(F.max_pool2d(self.conv1(x), 2))
        x = self.conv3(F.max_pool2d(x, 4 if self.small else 2))
        if not self.small:
            x = self.conv4(torch.floor(F.avg_pool2d(x, 2) + 0.5))
        return self.fc(torch.flatten(x, 1))


def integer_loop(weights: Weights, x: IntArray) -> dict[str, IntArray]:
    """Every layer's integers for images (N, 1, 28, 28), in int64 without PyTorch or snnc."""
    small = "conv4.weight" not in weights
    found = {"conv1": _layer(weights, "conv1", x, 1)}
    found["pool1"] = _windows(found["conv1"], 2).max(axis=-1)
    found["conv2"] = _layer(weights, "conv2", found["pool1"], 2)
    found["pool2"] = _windows(found["conv2"], 4 if small else 2).max(axis=-1)
    last = found["conv3"] = _layer(weights, "conv3", found["pool2"], 1)
    if not small:
        found["average"] = (_windows(last, 2).sum(axis=-1) + 2) // 4
        last = found["conv4"] = _layer(weights, "conv4", found["average"], 1)
    found["fc"] = last.reshape(len(x), -1) @ weights["fc.weight"].T + weights["fc.bias"]
    return found


def _layer(weights: Weights, name: str, x: IntArray, padding: int) -> IntArray:
    """(2 i + half) // (2 half) is floor(i / (2 half) + 1 / 2) without a fraction."""
    pad = (padding, padding)
    patches = sliding_window_view(np.pad(x, ((0, 0), (0, 0), pad, pad)), (3, 3), axis=(2, 3))
    i = np.tensordot(patches, weights[f"{name}.weight"], axes=((1, 4, 5), (1, 2, 3)))
    divisor = 2 ** (7 - int(weights[f"{name}.shift"]))
    rounded = (2 * i.transpose(0, 3, 1, 2) + divisor) // (2 * divisor)
    return np.clip(rounded, 0, 127)


def _windows(x: IntArray, size: int) -> IntArray:
    n, c, h, w = x.shape
    tiles = x.reshape(n, c, h // size, size, w // size, size).transpose(0, 1, 2, 4, 3, 5)
    return tiles.reshape(n, c, h // size, w // size, size * size)
