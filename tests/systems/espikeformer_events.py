"""E-SpikeFormer for event cameras: T frames, integer neurons with a membrane, a normaliser of 8.

The published class adds to a membrane and keeps what it does not fire, but is called once with all
frames, each of which so has a membrane of its own: its frames do not meet. Both readings stand
here: `Carried` takes one frame after the other, as the class's name says; without a membrane
frames are what the published forward computes.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from snnc.converter.sources.spiking import SpikingNeuron
from tests.systems.espikeformer import LEVELS, Base, Spike

DIVISOR = 8


class Carried(nn.Module):
    """v += x;  k = round(clamp(v, 0, 4));  v -= k;  frame by frame, passed on as k / divisor.

    Args:
        frames: T; x is (T, …), one sample.
        divisor: of the counts.
    """

    def __init__(self, frames: int, divisor: int = DIVISOR) -> None:
        super().__init__()
        self.frames, self.divisor = frames, divisor

    def forward(self, x: Tensor) -> Tensor:
        by_frame = x.reshape(self.frames, -1, *x.shape[1:])
        v, counts = torch.zeros_like(by_frame[0]), []
        for t in range(self.frames):
            v = v + by_frame[t]
            k = v.clamp(0, LEVELS).round()
            v = v - k
            counts.append(k)
        return torch.cat(counts) / self.divisor

    def reset(self) -> None:
        """Every call begins a sample."""

    def snnc_neuron(self) -> SpikingNeuron:
        """The same in snnc's words."""
        scale = torch.tensor(1 / self.divisor).numpy()
        return SpikingNeuron(
            rounding="half_even", hi=LEVELS, scale=scale, time_axis=1, squeezed=True
        )


class EventVision(nn.Module):
    """Frames (N, T, 2, H, W) to the mean of their logits.

    Args:
        frames: T.
        carried: membranes stay from frame to frame.
    """

    def __init__(
        self,
        dims: tuple[int, int, int, int],
        depths: tuple[int, int, int],
        classes: int,
        *,
        frames: int,
        carried: bool,
    ) -> None:
        super().__init__()
        spike = partial(Carried, frames) if carried else partial(Spike, divisor=DIVISOR)
        self.net = Base(dims, depths, classes, channels=2, spike=spike, scaled=True)
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        logits = self.net(x.transpose(0, 1).flatten(0, 1))
        return logits.reshape(self.frames, -1, logits.shape[-1]).mean(0)
