"""Small PyTorch models for the command line: one that converts, others that must be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import snnc

SHAPE = (1, 1, 8, 8)
D = 4


class Fire(nn.Module):
    """round(clamp(x, 0, D))"""

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(torch.clamp(x, 0, D))


class Unbounded(nn.Module):
    """round(relu(x)): integers without a largest one"""

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(torch.relu(x))


class Softmax(nn.Module):
    """No event form"""

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x, dim=1)


def net(activation: Callable[[], nn.Module] = Fire) -> nn.Sequential:
    """Convolution, activation, classifier on 8x8 images."""
    torch.manual_seed(0)
    first = nn.Conv2d(1, 4, 3, stride=2, padding=1)
    with torch.no_grad():
        first.weight *= 0.2
    return nn.Sequential(first, activation(), nn.Flatten(), nn.Linear(4 * 4 * 4, 10)).eval()


def float_net() -> nn.Sequential:
    """The same with a plain ReLU."""
    return net(nn.ReLU)


def net_for_factory() -> nn.Module:
    """What `--factory tests.cli.nets:net_for_factory` builds."""
    return net()


def save(path: Path, model: nn.Module | None = None, **options: Any) -> Path:
    """Write a model as a training script would; inputs are integers 0..16."""
    options.setdefault("input", (0, 16))
    snnc.save_model(net() if model is None else model, torch.zeros(SHAPE), path, **options)
    return path
