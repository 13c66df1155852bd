"""SpikeYOLO, described anew from its equations: backbone, neck and head.

Integer activations are not divided by their levels. Residuals are added to the real-valued
stream. SPPF takes maxima over real values; the neck enlarges and joins real-valued maps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.nn import ILIF

LEVELS = 4
BINS = 16
"""Of the distribution over each box edge."""


class Count(nn.Module):
    """k = round(clamp(x, 0, 4)): I-LIF in its first time step."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, LEVELS).round()


def layer(c_in: int, c_out: int, kernel: int = 1, stride: int = 1) -> nn.Module:
    """Activation, convolution, batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(Count(), conv, nn.BatchNorm2d(c_out))


class PaddedNorm(nn.Module):
    """A batch norm, then a border of what the norm makes of zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.pad(self.norm(x), (1, 1, 1, 1))
        mean, var = self.norm.running_mean, self.norm.running_var
        assert mean is not None
        assert var is not None
        scale = self.norm.weight / torch.sqrt(var + self.norm.eps)
        border = (self.norm.bias - mean * scale).view(1, -1, 1, 1)
        inside = F.pad(torch.ones_like(x[:1, :1]), (1, 1, 1, 1))
        return y + border * (1 - inside)


class Separable(nn.Module):
    """x + (widen, depthwise, narrow); the last is a norm, a 1x1 and a depthwise 3x3 in a chain."""

    def __init__(self, dim: int, kernel: int = 7) -> None:
        super().__init__()
        wide = 2 * dim
        depthwise = nn.Conv2d(wide, wide, kernel, padding=kernel // 2, groups=wide, bias=False)
        self.branch = nn.Sequential(
            layer(dim, wide),
            Count(),
            depthwise,
            nn.BatchNorm2d(wide),
            Count(),
            PaddedNorm(wide),
            nn.Conv2d(wide, dim, 1, bias=False),
            nn.Conv2d(dim, dim, 3, groups=dim, bias=False),
            nn.BatchNorm2d(dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.branch(x)
        return y


def rep(c_in: int, c_out: int) -> nn.Module:
    """1x1, padded norm, depthwise 3x3, 1x1, norm, norm: one 3x3 convolution in effect."""
    return nn.Sequential(
        Count(),
        nn.Conv2d(c_in, c_in, 1, bias=False),
        PaddedNorm(c_in),
        nn.Conv2d(c_in, c_in, 3, groups=c_in, bias=False),
        nn.Conv2d(c_in, c_out, 1, bias=False),
        nn.BatchNorm2d(c_out),
        nn.BatchNorm2d(c_out),
    )


class Block(nn.Module):
    """A separable convolution, then x + two convolutions (plain, or chains of `rep`)."""

    def __init__(self, dim: int, ratio: int, *, chains: bool) -> None:
        super().__init__()
        make = rep if chains else (lambda a, b: layer(a, b, 3))
        self.separable = Separable(dim)
        self.branch = nn.Sequential(make(dim, ratio * dim), make(ratio * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        x = self.separable(x)
        y: Tensor = x + self.branch(x)
        return y


class PyramidPool(nn.Module):
    """SPPF: three maxima in a row over real values, side by side with them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.narrow, self.join = layer(dim, dim // 2), layer(2 * dim, dim)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.narrow(x)]
        for _ in range(3):
            maps.append(self.pool(maps[-1]))
        y: Tensor = self.join(torch.cat(maps, 1))
        return y


class Head(nn.Module):
    """Raw box distributions and class scores of one scale."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.boxes = self._branch(dim, 4 * BINS)
        self.classes = self._branch(dim, classes)

    @staticmethod
    def _branch(dim: int, n: int) -> nn.Module:
        last = nn.Sequential(Count(), nn.Conv2d(dim, n, 1))
        return nn.Sequential(layer(dim, dim, 3), layer(dim, dim, 3), last)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.boxes(x), self.classes(x)], 1).flatten(2)


class SpikeYolo(nn.Module):
    """Raw predictions (N, 64 + classes, anchors) of three scales.

    Args:
        widths: channels at strides 4, 8, 16 and 32.
        depths: blocks there.
        classes: of objects.
    """

    def __init__(self, widths: tuple[int, ...], depths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        a, b, c, d = widths
        n = iter(depths)
        self.stem = nn.Sequential(nn.Conv2d(3, a, 7, 4, 2), nn.BatchNorm2d(a))
        self.stage1 = self._blocks(a, 4, next(n), chains=False)
        self.stage2 = nn.Sequential(layer(a, b, 3, 2), self._blocks(b, 4, next(n), chains=False))
        self.stage3 = nn.Sequential(layer(b, c, 3, 2), self._blocks(c, 3, next(n), chains=True))
        self.stage4 = nn.Sequential(
            layer(c, d, 3, 2), self._blocks(d, 2, next(n), chains=True), PyramidPool(d)
        )
        self.larger = nn.Upsample(scale_factor=2, mode="nearest")
        self.top4, self.up4 = layer(d, c), Block(c, 3, chains=True)
        self.top3, self.up3 = layer(2 * c, b), Block(b, 4, chains=False)
        self.out3 = nn.Sequential(layer(2 * b, b), Block(b, 4, chains=False))
        self.down4, self.out4 = layer(b, b, 3, 2), Block(2 * b, 3, chains=True)
        self.down5, self.out5 = layer(2 * b, c, 3, 2), Block(2 * c, 1, chains=True)
        self.heads = nn.ModuleList(Head(m, classes) for m in (b, 2 * b, 2 * c))

    @staticmethod
    def _blocks(dim: int, ratio: int, n: int, *, chains: bool) -> nn.Module:
        return nn.Sequential(*(Block(dim, ratio, chains=chains) for _ in range(n)))

    def forward(self, x: Tensor) -> Tensor:
        p3 = self.stage2(self.stage1(self.stem(x)))
        p4 = self.stage3(p3)
        top4 = self.top4(self.stage4(p4))
        joined = torch.cat([self.up4(self.larger(top4)), p4], 1)
        top3 = self.top3(joined)
        out3 = self.out3(torch.cat([self.up3(self.larger(top3)), p3], 1))
        out4 = self.out4(torch.cat([self.down4(out3), top3], 1))
        out5 = self.out5(torch.cat([self.down5(out4), top4], 1))
        heads = zip(self.heads, (out3, out4, out5), strict=True)
        return torch.cat([head(y) for head, y in heads], 2)


class Decoded(nn.Module):
    """Boxes (x, y, width, height) and class probabilities (N, 4 + classes, anchors) of one scale.

    Args:
        raw: gives raw predictions.
        size: (height, width) of its map.
        stride: of the map.
    """

    anchors: Tensor

    def __init__(self, raw: nn.Module, size: tuple[int, int], stride: int) -> None:
        super().__init__()
        self.raw, self.stride = raw, stride
        y, x = torch.meshgrid(*(torch.arange(n) + 0.5 for n in size), indexing="ij")
        self.register_buffer("anchors", torch.stack([x.flatten(), y.flatten()]))

    def forward(self, x: Tensor) -> Tensor:
        raw = self.raw(x)
        n, _, anchors = raw.shape
        bins = raw[:, : 4 * BINS].reshape(n, 4, BINS, anchors).softmax(2)
        edges = (bins * torch.arange(BINS).reshape(BINS, 1)).sum(2)
        first, last = self.anchors - edges[:, :2], self.anchors + edges[:, 2:]
        boxes = torch.cat([(first + last) / 2, last - first], 1) * self.stride
        return torch.cat([boxes, raw[:, 4 * BINS :].sigmoid()], 1)


def over_frames(model: nn.Module) -> nn.Module:
    """Every activation as an I-LIF whose membrane stays from frame to frame, in place."""
    for name, child in model.named_children():
        if isinstance(child, Count):
            setattr(model, name, ILIF(LEVELS, decay=0.25))
        else:
            over_frames(child)
    return model
