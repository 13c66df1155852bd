"""Necks and heads of E-SpikeFormer's segmentation and detection, described anew.

The neck adds enlarged real-valued maps; every layer starts with an integer activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.systems.espikeformer import Spike


def layer(c_in: int, c_out: int, kernel: int) -> nn.Module:
    """Activation, convolution, batch norm."""
    conv = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(Spike(), conv, nn.BatchNorm2d(c_out))


class Pyramid(nn.Module):
    """Four maps of one width, from small to large: laterals, nearest enlargement, sum, 3x3.

    Args:
        widths: channels of the backbone's maps, from large to small ones.
        dim: channels of the neck.
    """

    def __init__(self, widths: Sequence[int], dim: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(layer(w, dim, 1) for w in widths)
        self.smooth = nn.ModuleList(layer(dim, dim, 3) for _ in widths)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        sums = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        for i in range(len(sums) - 1, 0, -1):
            size = sums[i - 1].shape[2:]
            sums[i - 1] = sums[i - 1] + F.interpolate(sums[i], size=size, mode="nearest")
        return [smooth(s) for smooth, s in zip(self.smooth, sums, strict=True)]


class Backbone(nn.Module):
    """A stem and a layer for each further stride: real-valued maps at 2, 4, 8 and 16."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 3, 2, 1), nn.BatchNorm2d(widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(Spike(), nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b))
            for a, b in pairwise(widths)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [self.stem(x)]
        for down in self.down:
            maps.append(down(maps[-1]))
        return maps


class Segmentation(nn.Module):
    """Every map of the pyramid up to the largest one's size by bilinear steps, summed, classified.

    Args:
        widths: of the backbone.
        dim: channels of neck and head.
        classes: of pixels.
    """

    def __init__(self, widths: Sequence[int], dim: int, classes: int) -> None:
        super().__init__()
        self.backbone, self.neck = Backbone(widths), Pyramid(widths, dim)
        self.branches = nn.ModuleList(self._branch(i, dim) for i in range(len(widths)))
        self.classify = nn.Sequential(Spike(), nn.Conv2d(dim, classes, 1))

    @staticmethod
    def _branch(n_steps: int, dim: int) -> nn.Module:
        larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        steps = [m for _ in range(n_steps) for m in (layer(dim, dim, 3), larger)]
        return nn.Sequential(*(steps or [layer(dim, dim, 3)]))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.neck(self.backbone(x))
        parts = [branch(m) for branch, m in zip(self.branches, maps, strict=True)]
        y: Tensor = self.classify(torch.stack(parts).sum(0))
        return y


class Detection(nn.Module):
    """Scores and boxes of every anchor of the pyramid and one map beyond it; masks of the largest.

    Args:
        widths: of the backbone.
        dim: channels of neck and heads.
        anchors: at each position.
    """

    def __init__(self, widths: Sequence[int], dim: int, anchors: int) -> None:
        super().__init__()
        self.backbone, self.neck = Backbone(widths), Pyramid(widths, dim)
        self.shared = layer(dim, dim, 3)
        self.propose = nn.Sequential(Spike(), nn.Conv2d(dim, 5 * anchors, 1))
        relu = [nn.Sequential(layer(dim, dim, 3), nn.ReLU()) for _ in range(2)]
        larger = nn.ConvTranspose2d(dim, dim, 2, 2)
        nn.init.normal_(larger.weight, std=1.5)  # no norm follows that would bring it to size
        self.mask = nn.Sequential(
            *relu,
            Spike(),
            larger,
            nn.ReLU(),
            Spike(),
            nn.Conv2d(dim, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = self.neck(self.backbone(x))
        maps.append(F.max_pool2d(maps[-1], 1, stride=2))
        proposals = [self.propose(self.shared(m)).flatten(1) for m in maps]
        return torch.cat([*proposals, self.mask(maps[0]).flatten(1)], 1)
