"""A transformer block of spikes and of what has no event form."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Quantiser(nn.Module):
    """round(clamp(scale * x, 0, 4)) / 4"""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.round(torch.clamp(x * self.scale, 0, 4)) / 4


class WrittenNorm(nn.Module):
    """A layer norm as exporters write it out."""

    def forward(self, x: Tensor) -> Tensor:
        d = x - x.mean(-1, keepdim=True)
        return d / torch.sqrt((d * d).mean(-1, keepdim=True) + 1e-5)


class Mixed(nn.Module):
    """Softmax attention over spikes, layer norms, a gate: events and host in turns."""

    def __init__(self, n: int = 12) -> None:
        super().__init__()
        self.embed = nn.Linear(6, n)
        self.norm, self.norm2 = WrittenNorm(), nn.LayerNorm(n)
        self.spike, self.spike2, self.spike3 = Quantiser(2), Quantiser(3), Quantiser(2)
        self.q, self.k, self.v = (nn.Linear(n, n) for _ in range(3))
        self.sq, self.sk, self.sv = (Quantiser(3) for _ in range(3))
        self.proj, self.gate, self.value = (nn.Linear(n, n) for _ in range(3))
        self.head = nn.Linear(n, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        y = self.spike(self.norm(x))
        q, k, v = self.sq(self.q(y)), self.sk(self.k(y)), self.sv(self.v(y))
        scores = torch.softmax(q @ k.transpose(-1, -2) / 2, -1)
        y = self.spike2(scores @ v)
        x = x + self.proj(y)
        x = x + torch.sigmoid(self.gate(y)) * self.value(self.spike3(self.norm2(x)))
        return torch.softmax(self.head(x.mean(1)), -1)
