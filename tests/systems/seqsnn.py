"""Spiking transformers for sequences (Spikformer with CPG-PE, or XNOR attention with Gray and
Log-PE), described anew from their equations.

T frames of L positions; frames come first, as in forward(x (T, 1, L, C), code (T, 1, L, bits)).
Both inputs are spikes: x of the temporal encoder, whose convolution of the analog series stays on
the host, and `code` of the generators of the positional code, constant spike trains.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.ir.arrays import Array
from tests.systems.calibrate import norms, randomise

BITS = 10
Attention = Literal["dot", "xnor"]


class Lif(nn.Module):
    """v = v + (x - v) / 2;  s = v >= threshold;  v = 0 where s; all frames at once."""

    def __init__(self, threshold: float = 1.0) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of x, shape (T, …)."""
        v, spikes = torch.zeros_like(x[0]), []
        for i in x:
            v = v + (i - v) / 2
            s = (v >= self.threshold).to(x.dtype)
            v = v * (1 - s)
            spikes.append(s)
        return torch.stack(spikes)

    def reset(self) -> None:
        """Nothing stays between calls: each takes all frames."""

    def snnc_neuron(self) -> SpikingNeuron:
        """What it computes."""
        return SpikingNeuron(
            decay=np.array(0.5),
            gain=np.array(0.5),
            threshold=np.array(self.threshold),
            reset="zero",
            time_axis=0,
        )


class Layer(nn.Module):
    """Linear, batch norm over the channels, LIF; with `code` its synapses from the generators."""

    def __init__(self, n_in: int, n_out: int, *, code: bool = False, norm: bool = True) -> None:
        super().__init__()
        self.fc = nn.Linear(n_in, n_out)
        self.from_code = nn.Linear(BITS, n_out) if code else None
        self.bn = nn.BatchNorm1d(n_out) if norm else None
        self.lif = Lif()

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Spikes (T, 1, L, n_out)."""
        y = self.fc(x)
        if self.from_code is not None:
            y = y + self.from_code(code)
        if self.bn is not None:
            y = (
                self.bn(y.flatten(0, 1).transpose(-1, -2))
                .transpose(-1, -2)
                .unflatten(0, x.shape[:2])
            )
        spikes: Tensor = self.lif(y)
        return spikes


class SelfAttention(nn.Module):
    """Q K^T V of spikes, or the similarity of codes: how many bits of q and k agree."""

    r: Tensor

    def __init__(self, dim: int, heads: int, attention: Attention, length: int) -> None:
        super().__init__()
        self.heads, self.attention = heads, attention
        # published: 0.125 at 168 positions and 32 dimensions a head
        self.qk_scale = 0.125 * 168 / length * 32 * heads / dim / 16
        self.q, self.k, self.v = (Layer(dim, dim) for _ in range(3))
        self.lif, self.out = Lif(0.5), Layer(dim, dim)
        self.scale = nn.Parameter(torch.tensor(-3.0))
        self.register_buffer("r", torch.from_numpy(log_pe(length)).float())

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Spikes (T, 1, L, D)."""
        T, B, L, D = x.shape
        q, k, v = (
            layer(x, code).reshape(T, B, L, self.heads, D // self.heads).transpose(2, 3)
            for layer in (self.q, self.k, self.v)
        )
        if self.attention == "dot":
            a = (q @ k.transpose(-1, -2)) * self.qk_scale
        else:
            bits = code.unsqueeze(2).expand(T, B, self.heads, L, BITS)
            q, k = torch.cat([q, bits], -1), torch.cat([k, bits], -1)
            same = q.shape[-1] - q.sum(-1, keepdim=True) - k.sum(-1).unsqueeze(-2)
            same = same + 2 * (q @ k.transpose(-1, -2))
            a = (same + self.r) * self.scale.sigmoid()
        y = (a @ v).transpose(2, 3).reshape(T, B, L, D)
        spikes: Tensor = self.out(self.lif(y), code)
        return spikes


class Block(nn.Module):
    """x + attention(x), then x + mlp(x): sums of spikes, which grow with depth."""

    def __init__(self, dim: int, heads: int, attention: Attention, length: int) -> None:
        super().__init__()
        self.attention = SelfAttention(dim, heads, attention, length)
        cpg = attention == "dot"
        self.up, self.down = Layer(dim, 4 * dim, code=cpg), Layer(4 * dim, dim, code=cpg)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Counts (T, 1, L, D)."""
        x = x + self.attention(x, code)
        y: Tensor = x + self.down(self.up(x, code), code)
        return y


class SequenceTransformer(nn.Module):
    """Encoder, blocks, mean over the frames."""

    def __init__(
        self, channels: int, dim: int, heads: int, depth: int, length: int, attention: Attention
    ) -> None:
        super().__init__()
        self.encoder = Layer(channels, dim, code=attention == "dot", norm=False)
        self.blocks = nn.ModuleList(Block(dim, heads, attention, length) for _ in range(depth))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Features (1, L, D)."""
        y = self.encoder(x, code)
        for block in self.blocks:
            y = block(y, code)
        return y.mean(0)


def cpg(positions: int, n: int = BITS) -> Array:
    """Spikes of the pattern generators: H(sin(p w_i) - 0.8), H(cos(p w_i) - 0.8)."""
    p = np.arange(positions)[:, None]
    w = 10000.0 ** (-np.arange(0, n, 2) / n)
    table = np.zeros((positions, n))
    table[:, 0::2] = np.sin(p * w) >= 0.8
    table[:, 1::2] = np.cos(p * w) >= 0.8
    return table


def gray(positions: int, n: int = BITS) -> Array:
    """Bits of the Gray code of each position."""
    i = np.arange(positions)
    return ((i ^ (i >> 1))[:, None] >> np.arange(n) & 1).astype(float)


def log_pe(length: int) -> Array:
    """R: ceil(log2 L) on the diagonal, falling to 0 towards the row's end, symmetric."""
    top = math.ceil(math.log2(length))
    r = np.diag(np.full(length, float(top)))
    for i in range(length - 1):
        ramp = np.rint(np.linspace(top - 1, 0, length - i - 1))
        r[i, i + 1 :] = r[i + 1 :, i] = ramp
    return r


def codes(frames: int, length: int, kind: Literal["cpg", "gray"]) -> Array:
    """The code of every frame and position, shape (T, L, bits): positions run over T L."""
    table = cpg(frames * length) if kind == "cpg" else gray(frames * length)
    return table.reshape(frames, length, -1)


def series(n: int, frames: int, length: int, channels: int, seed: int = 0) -> Array:
    """Spikes of noisy waves against T rising thresholds, shape (N, T, L, C)."""
    rng = np.random.default_rng(seed)
    at = np.arange(length)[None, :, None]
    phase, pace = rng.uniform(0, 6, (n, 1, channels)), rng.uniform(0.2, 0.9, (n, 1, channels))
    wave = np.sin(at * pace + phase) + rng.normal(0, 0.3, (n, length, channels))
    levels = np.linspace(-0.7, 0.7, frames)
    return (wave[:, None] > levels[None, :, None, None]).astype(float)


def calibrated(model: nn.Module, x: Tensor, code: Tensor) -> nn.Module:
    """Random weights, and batch norms with which every layer fires.

    Args:
        model: changed in place.
        x, code: (T, N, L, …).
    """
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.copy_(torch.randn_like(p) * 1.5 / p.shape[1] ** 0.5)
        model.encoder.fc.weight.mul_(2)  # type: ignore[operator,union-attr]
    randomise(model, shift=1.0)
    for norm in norms(model):
        norm.reset_running_stats()
        norm.momentum = None
    with torch.no_grad():
        model.train()(x, code)
    return model.eval()


def mean_counts(model: nn.Module, x: Any, code: Any) -> dict[str, float]:
    """Mean spikes of every LIF."""
    found: dict[str, float] = {}
    hooks = [
        m.register_forward_hook(
            lambda _m, _i, out, name=name: found.update({name: float(out.mean())})
        )
        for name, m in model.named_modules()
        if isinstance(m, Lif)
    ]
    with torch.no_grad():
        model(x, code)
    for hook in hooks:
        hook.remove()
    return found
