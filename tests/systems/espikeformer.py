"""E-SpikeFormer, described anew from its equations: Base and Large.

Membrane shortcuts: every residual is added to the real-valued stream, every branch starts with an
integer activation. Attention has no softmax; Base multiplies Q and K first, Large K and V. Nothing
here is taken from the published code; the numbers of parameters are equal to its.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.systems.calibrate import measure, norms, randomise

LEVELS = 4
HEADS = 8
CLASSES = 1000

BASE = {
    "t": (24, 48, 96, 128),
    "s": (32, 64, 128, 192),
    "m": (48, 96, 192, 240),
    "l": (64, 128, 256, 360),
}
"""Channels of the four stages."""
LARGE = {"83m": (128, 256, 512), "173m": (196, 384, 768)}


class Spike(nn.Module):
    """k = round(clamp(x, 0, 4)), half-even or half-up, passed on as k / divisor."""

    def __init__(self, rounding: Literal["even", "up"] = "even", divisor: int = LEVELS) -> None:
        super().__init__()
        self.rounding, self.divisor = rounding, divisor

    def forward(self, x: Tensor) -> Tensor:
        k = x.clamp(0, LEVELS)
        k = k.round() if self.rounding == "even" else (k + 0.5).floor()
        return k / self.divisor


HalfUp = partial(Spike, "up")
MakeSpike: TypeAlias = Callable[..., nn.Module]
"""Makes an integer activation; takes `divisor`."""


class ConvNorm(nn.Sequential):
    """A convolution that keeps the size (or halves it), and its batch norm."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
    ) -> None:
        conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=bias)
        super().__init__(conv, nn.BatchNorm2d(c_out))


class PointNorm(nn.Sequential):
    """A linear map of every token (C, N) and its batch norm."""

    def __init__(self, c_in: int, c_out: int, *, bias: bool = False) -> None:
        super().__init__(nn.Conv1d(c_in, c_out, 1, bias=bias), nn.BatchNorm1d(c_out))


class Residual(nn.Module):
    """x + scale * branch(x); without a scale x + branch(x)."""

    def __init__(self, branch: nn.Module, *, scaled: int = 0) -> None:
        super().__init__()
        self.branch = branch
        self.scale = nn.Parameter(torch.full((scaled,), 0.5)) if scaled else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.branch(x)
        if self.scale is None:
            return x + y
        return x + y * self.scale.reshape(-1, *(1,) * (x.ndim - 2))


class Tokens(nn.Module):
    """A module of tokens (N, C, H·W) between maps (N, C, H, W)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.flatten(2)).reshape(x.shape)


class SeparableConv(nn.Sequential):
    """Widen, depthwise, narrow; an integer activation before each."""

    def __init__(self, dim: int, kernel: int, spike: MakeSpike) -> None:
        wide = 2 * dim
        super().__init__(
            spike(),
            ConvNorm(dim, wide, 1),
            spike(),
            ConvNorm(wide, wide, kernel, groups=wide),
            spike(),
            ConvNorm(wide, dim, 1),
        )


def convs(dim: int, spike: MakeSpike, *, bias: bool) -> nn.Module:
    """Two 3x3 convolutions, four times wider between."""
    return nn.Sequential(
        spike(),
        ConvNorm(dim, 4 * dim, 3, bias=bias),
        spike(),
        ConvNorm(4 * dim, dim, 3, bias=bias),
    )


def mlp(dim: int, spike: MakeSpike) -> nn.Module:
    """Two linear maps of every token, four times wider between."""
    return nn.Sequential(
        spike(),
        PointNorm(dim, 4 * dim, bias=True),
        spike(),
        PointNorm(4 * dim, dim, bias=True),
    )


def heads(x: Tensor) -> Tensor:
    """(N, C, tokens) as (N, heads, tokens, C / heads)."""
    n, c, tokens = x.shape
    return x.reshape(n, HEADS, c // HEADS, tokens).transpose(-1, -2)


class BaseAttention(nn.Module):
    """(Q Kᵀ) V · 2 / √(C / heads), four times as many channels in V."""

    def __init__(self, dim: int, spike: MakeSpike) -> None:
        super().__init__()
        self.spike = spike()
        self.q, self.k = (nn.Sequential(PointNorm(dim, dim), spike()) for _ in range(2))
        self.v = nn.Sequential(PointNorm(dim, 4 * dim), spike())
        self.spike_out = spike()
        self.out = PointNorm(4 * dim, dim)
        self.factor = 2 * (dim // HEADS) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        x = self.spike(x)
        q, k, v = heads(self.q(x)), heads(self.k(x)), heads(self.v(x))
        y = q @ k.transpose(-1, -2) @ v * self.factor
        return self.out(self.spike_out(y.transpose(-1, -2).flatten(1, 2)))


class Rep(nn.Sequential):
    """Linear, norm, linear, norm: a chain without a neuron, to be folded into one map."""

    def __init__(self, c_in: int, c_mid: int, c_out: int) -> None:
        super().__init__(PointNorm(c_in, c_mid), PointNorm(c_mid, c_out))


class LargeAttention(nn.Module):
    """Q (Kᵀ V) · 0.125; each of Q, K, V and the output behind a chain of linear maps."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.spike, self.spike_out = HalfUp(), HalfUp()

        def chain() -> nn.Sequential:
            return nn.Sequential(Rep(dim, dim * 3 // 2, dim), nn.BatchNorm1d(dim))

        self.q, self.k, self.v = (nn.Sequential(chain(), HalfUp()) for _ in range(3))
        self.out = chain()

    def forward(self, x: Tensor) -> Tensor:
        x = self.spike(x)
        q, k, v = heads(self.q(x)), heads(self.k(x)), heads(self.v(x))
        y = q @ (k.transpose(-1, -2) @ v) * 0.125
        return self.out(self.spike_out(y.transpose(-1, -2).flatten(1, 2)))


def stem(c_out: int, c_in: int = 3) -> nn.Module:
    """The one layer of multiplications: 7x7 on the image."""
    return ConvNorm(c_in, c_out, 7, stride=2, bias=True)


def down(c_in: int, c_out: int, spike: MakeSpike, *, stride: int = 2) -> nn.Module:
    """Between two stages."""
    return nn.Sequential(spike(), ConvNorm(c_in, c_out, 3, stride=stride, bias=True))


class Base(nn.Module):
    """E-SpikeFormer of 2.7 to 19 M parameters.

    Args:
        dims: channels of the four stages.
        depths: blocks of the second, the third and the fourth stage.
        classes: of the head.
        channels: of the image.
        spike: makes the integer activations.
        scaled: with a layer scale on every branch of the late stages.
    """

    def __init__(
        self,
        dims: tuple[int, int, int, int],
        depths: tuple[int, int, int] = (2, 6, 2),
        classes: int = CLASSES,
        *,
        channels: int = 3,
        spike: MakeSpike = Spike,
        scaled: bool = False,
    ) -> None:
        super().__init__()

        def early(dim: int) -> list[nn.Module]:
            conv = SeparableConv(dim, 7, spike)
            return [Residual(conv), Residual(convs(dim, spike, bias=False))]

        def late(dim: int) -> list[nn.Module]:
            branches = (
                SeparableConv(dim, 3, spike),
                Tokens(BaseAttention(dim, spike)),
                Tokens(mlp(dim, spike)),
            )
            return [Residual(branch, scaled=dim * scaled) for branch in branches]

        d1, d2, d3, d4 = dims
        self.features = nn.Sequential(
            stem(d1 // 2, channels),
            *early(d1 // 2),
            down(d1 // 2, d1, spike),
            *early(d1),
            down(d1, d2, spike),
            *(m for _ in range(depths[0]) for m in early(d2)),
            down(d2, d3, spike),
            *(m for _ in range(depths[1]) for m in late(d3)),
            down(d3, d4, spike, stride=1),
            *(m for _ in range(depths[2]) for m in late(d4)),
        )
        self.spike = spike(divisor=1)
        self.head = nn.Linear(d4, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.spike(self.features(x).flatten(2).mean(2)))


class Large(nn.Module):
    """E-SpikeFormer of 83 or 173 M parameters; its first head reads what no neuron has fired.

    Args:
        dims: channels of the three stages.
        depth: blocks of the third stage.
        rep: each block begins with a chain of linear maps of its own (83 M).
        classes: of both heads.
    """

    def __init__(
        self, dims: tuple[int, int, int], *, depth: int, rep: bool, classes: int = CLASSES
    ) -> None:
        super().__init__()
        d1, d2, d3 = dims

        def block() -> list[nn.Module]:
            first = [Residual(nn.Sequential(HalfUp(), Rep(d3, d3, d3)))] if rep else []
            return [
                *first,
                Residual(LargeAttention(d3), scaled=d3),
                Residual(mlp(d3, HalfUp), scaled=d3),
            ]

        self.maps = nn.Sequential(
            stem(d1 // 2),
            Residual(convs(d1 // 2, HalfUp, bias=True)),
            down(d1 // 2, d1, HalfUp),
            Residual(convs(d1, HalfUp, bias=True)),
            down(d1, d2, HalfUp),
            Residual(convs(d2, HalfUp, bias=True)),
            Residual(convs(d2, HalfUp, bias=True)),
            down(d2, d3, HalfUp),
        )
        self.blocks = nn.Sequential(*(m for _ in range(depth) for m in block()))
        self.spike = HalfUp(divisor=1)
        self.head, self.head_kd = nn.Linear(d3, classes), nn.Linear(d3, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.maps(x).flatten(2)).mean(2)
        return (self.head(x) + self.head_kd(self.spike(x))) / 2


class PaddedNorm(nn.Module):
    """A batch norm whose border is what it makes of zeros, as the convolution before would pad."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(self.norm(x), (1, 1, 1, 1)) + self._border(x)

    def _border(self, x: Tensor) -> Tensor:
        norm = self.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        at_zero = norm.bias - norm.running_mean * norm.weight / (norm.running_var + norm.eps).sqrt()
        inside = F.pad(torch.ones_like(x[:1, :1]), (1, 1, 1, 1))
        return at_zero.reshape(1, -1, 1, 1) * (1 - inside)


class RepConv(nn.Sequential):
    """1x1, norm that pads, depthwise 3x3, 1x1, norm: equal to one 3x3 convolution with zeros."""

    def __init__(self, dim: int) -> None:
        super().__init__(
            nn.Conv2d(dim, dim, 1, bias=False),
            PaddedNorm(dim),
            nn.Conv2d(dim, dim, 3, groups=dim, bias=False),
            ConvNorm(dim, dim, 1),
        )


def base(size: str) -> Base:
    """The published sizes `t`, `s`, `m` and `l`."""
    return Base(BASE[size])


def large(size: str) -> Large:
    """The published sizes `83m` and `173m`."""
    return Large(LARGE[size], depth=12, rep=size == "83m")


def calibrate(model: nn.Module, x: Tensor, *, lower: float, seed: int = 0) -> nn.Module:
    """Random batch norms with statistics of `x`; no layer is dead or saturated.

    Branches add little to the stream.

    Args:
        model: changed in place.
        x: images.
        lower: taken off the offsets of queries and keys: the more tokens, the sparser they have
            to be, or the sums of their products saturate the activation behind.
        seed: of scales and offsets.
    """
    randomise(model, seed=seed, shift=0.45)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, Residual):
                last = norms(module)[-1]
                last.weight.mul_(0.3)
                last.bias.sub_(0.45)
            if isinstance(module, BaseAttention | LargeAttention):
                for operand in (module.q, module.k):
                    norms(operand)[-1].bias.sub_(lower)
    measure(model, x)
    return model


def mean_counts(model: nn.Module, x: Tensor) -> dict[str, float]:
    """Mean count of every integer activation, by module path."""
    found: dict[str, float] = {}
    hooks = [
        spike.register_forward_hook(partial(_note, found, name))
        for name, spike in model.named_modules()
        if hasattr(spike, "divisor")
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return found


def _note(found: dict[str, float], name: str, spike: Any, given: object, out: Tensor) -> None:
    found[name] = float((out * spike.divisor).mean())
