"""SpikeGPT, described anew from its equations: one token a call, state handed from call to call.

    x = step(embedding);  block: x = x + LIF(TimeMix(LN(x)));  x = x + LIF(ChannelMix(LN(x)))

TimeMix is RWKV's: token shift, sigmoid(r) * WKV(k, v) with a running (p, q, o) in log space;
ChannelMix is sigmoid(r) * W relu(W k)^2. LIF: tau 2 with decaying input, threshold 1, hard reset;
time is the token index.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snnc.nn import LIF

ROWS = 5
"""Rows of the state for each layer: shifted tokens of both mixes, p, q, o."""


@dataclass(frozen=True)
class Size:
    """Layers, width, words."""

    layers: int = 2
    width: int = 32
    words: int = 48


class HalfLIF(nn.Module):
    """v = v + (x - v) / 2, a spike from 1 on, back to 0."""

    def __init__(self) -> None:
        super().__init__()
        self.lif = LIF(0.5, threshold=1.0, reset="zero")

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(x * 0.5)


def mix(x: Tensor, before: Tensor, share: Tensor) -> Tensor:
    """The token shift."""
    return x * share + before * (1 - share)


class TimeMix(nn.Module):
    """Linear attention with an exponential decay by channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.rand(width) * 3 - 2)
        self.first = nn.Parameter(torch.rand(width) * 0.6)
        self.share = nn.Parameter(torch.rand(3, width))
        self.key, self.value, self.receptance, self.output = (
            nn.Linear(width, width, bias=False) for _ in range(4)
        )

    def forward(
        self, x: Tensor, before: Tensor, p: Tensor, q: Tensor, o: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        k = self.key(mix(x, before, self.share[0]))
        v = self.value(mix(x, before, self.share[1]))
        r = torch.sigmoid(self.receptance(mix(x, before, self.share[2])))
        now = k + self.first
        largest = torch.maximum(o, now)
        a, b = torch.exp(o - largest), torch.exp(now - largest)
        wkv = (a * p + b * v) / (a * q + b)
        faded = o - torch.exp(self.decay)
        largest = torch.maximum(faded, k)
        a, b = torch.exp(faded - largest), torch.exp(k - largest)
        return self.output(r * wkv), a * p + b * v, a * q + b, largest


class ChannelMix(nn.Module):
    """A gated squared ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.rand(2, width))
        self.key = nn.Linear(width, 4 * width, bias=False)
        self.receptance = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        k = torch.relu(self.key(mix(x, before, self.share[0])))
        r = torch.sigmoid(self.receptance(mix(x, before, self.share[1])))
        return r * self.value(k * k)


class Block(nn.Module):
    """Both mixes, each through a LIF onto the stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.att, self.ffn = TimeMix(width), ChannelMix(width)
        self.lif1, self.lif2 = HalfLIF(), HalfLIF()

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x (N, C), state (N, 5, C)."""
        y = self.ln1(x)
        mixed, p, q, o = self.att(y, state[:, 0], state[:, 1], state[:, 2], state[:, 3])
        x = x + self.lif1(mixed)
        z = self.ln2(x)
        x = x + self.lif2(self.ffn(z, state[:, 4]))
        return x, torch.stack([y, p, q, o, z], 1)


class SpikeGPT(nn.Module):
    """The next token's scores and the state, from a token (N, 1) and the state (N, 5 L, C)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        self.emb = nn.Embedding(size.words, size.width)
        self.ln0, self.ln_out = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.blocks = nn.ModuleList(Block(size.width) for _ in range(size.layers))
        self.head = nn.Linear(size.width, size.words, bias=False)

    def forward(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        x = self.ln0((self.emb(token[:, 0]) > 0).float())
        after = []
        for i, block in enumerate(self.blocks):
            x, held = block(x, state[:, i * ROWS : (i + 1) * ROWS])
            after.append(held)
        return self.head(self.ln_out(x)), torch.cat(after, 1)

    def start(self) -> Tensor:
        """The state before the first token."""
        state = torch.zeros(1, self.size.layers * ROWS, self.size.width)
        state[:, 3::ROWS] = -1e30
        return state

    def reset(self) -> None:
        """Forget every membrane."""
        for module in self.modules():
            if isinstance(module, LIF):
                module.reset()


def build(size: Size, seed: int = 0) -> SpikeGPT:
    """Random weights, scaled so that the LIFs fire now and then."""
    torch.manual_seed(seed)
    net = SpikeGPT(size).eval()
    with torch.no_grad():
        for block in net.blocks:
            assert isinstance(block, Block)
            block.att.output.weight *= 12
            block.ffn.value.weight *= 12
    return net


def greedy(net: SpikeGPT, prompt: list[int], n: int) -> list[int]:
    """n tokens behind a prompt, each the most likely one, by PyTorch."""
    net.reset()
    state = net.start()
    said: list[int] = []
    with torch.no_grad():
        for i in range(len(prompt) + n - 1):
            token = prompt[i] if i < len(prompt) else said[-1]
            scores, state = net(torch.tensor([[token]]), state)
            if i >= len(prompt) - 1:
                said.append(int(scores.argmax()))
    net.reset()
    return said
