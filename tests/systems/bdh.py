"""BDH (the dragon hatchling), described anew: one layer's weights, several passes, byte tokens.

    x = LN(emb);  pass:  u = q(relu(x E))        sparse codes by head
                         y = LN((rope(u) rope(u)^T, strictly lower) x)
                         w = q(relu(y Ev)) * u
                         x = LN(x + LN(w D))

q is an integer quantiser, which the published code does not have: without one nothing fires.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Size:
    """Passes, heads, width, codes of a head, tokens, words."""

    passes: int = 2
    heads: int = 2
    width: int = 24
    codes: int = 32
    tokens: int = 6
    words: int = 32


def code(x: Tensor, levels: int = 4, scale: float = 2.0) -> Tensor:
    """A ReLU code of integers."""
    return torch.round(torch.clamp(x * scale, 0, levels)) / scale


def rope(u: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Pairs of codes turned by an angle that grows with the position."""
    even, odd = u[..., 0::2], u[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Bdh(nn.Module):
    """Scores (N, T, words) of tokens (N, T)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.emb = nn.Embedding(size.words, size.width)
        self.norm = nn.LayerNorm(size.width, elementwise_affine=False)
        scale = size.width**-0.5
        self.encode = nn.Parameter(torch.randn(size.heads, size.width, size.codes) * scale)
        self.encode_v = nn.Parameter(torch.randn(size.heads, size.width, size.codes) * scale)
        self.decode = nn.Parameter(
            torch.randn(size.heads * size.codes, size.width) * (size.heads * size.codes) ** -0.5
        )
        self.head = nn.Linear(size.width, size.words, bias=False)
        angle = torch.arange(size.tokens)[:, None] * 10000 ** -torch.linspace(0, 1, size.codes // 2)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", torch.cos(angle))
        self.register_buffer("sin", torch.sin(angle))
        mask = torch.tril(torch.ones(size.tokens, size.tokens), -1)
        self.mask: Tensor
        self.register_buffer("mask", mask)

    def forward(self, token: Tensor) -> Tensor:
        x = self.norm(self.emb(token))[:, None]  # (N, 1, T, C)
        for _ in range(self.size.passes):
            u = code(x @ self.encode)  # (N, heads, T, codes)
            turned = rope(u, self.cos, self.sin)
            y = self.norm((turned @ turned.transpose(-1, -2) * self.mask) @ x)
            w = code(y @ self.encode_v) * u
            flat = w.transpose(1, 2).flatten(2)[:, None]
            x = self.norm(x + self.norm(flat @ self.decode))
        return self.head(x[:, 0])


def build(size: Size, seed: int = 0) -> Bdh:
    """Random weights."""
    torch.manual_seed(seed)
    return Bdh(size).eval()
