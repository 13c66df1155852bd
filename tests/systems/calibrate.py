"""Batch norms of random networks, set so that every layer works and none is saturated."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def norms(module: nn.Module) -> list[Norm]:
    """All batch norms, in order of registration."""
    return [m for m in module.modules() if isinstance(m, Norm)]


def randomise(module: nn.Module, *, seed: int = 0, shift: float = 0.3) -> None:
    """Random scales of both signs and random offsets for all batch norms.

    Args:
        module: changed in place.
        seed: of scales and offsets.
        shift: mean of the offsets: integer activations of reals around it are mostly 0 and 1.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for norm in norms(module):
            n = norm.num_features
            turned = torch.rand(n, generator=generator) < 0.1
            scale = torch.rand(n, generator=generator) * 0.8 + 0.6
            norm.weight.copy_(torch.where(turned, -scale, scale))
            norm.bias.copy_(torch.randn(n, generator=generator) * 0.3 + shift)


def measure(module: nn.Module, x: Tensor) -> None:
    """Set all batch norms' statistics to those of `x`; the module ends in evaluation mode.

    Args:
        module: changed in place.
        x: what its forward takes, samples first.
    """
    for norm in norms(module):
        norm.reset_running_stats()
        norm.momentum = None  # plain averages over what is seen
    with torch.no_grad():
        module.train()
        module(x)
    module.eval()
