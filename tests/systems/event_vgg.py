"""An event-camera VGG, described anew from its equations: LIF neurons over frames of events.

Eight convolutions in four blocks with average pools between them, every one behind a batch norm
and in front of v += (x - v) / 2, a spike where v >= 0.5, v = 0 after it; the class scores are
the mean of a linear layer over T frames. The frames are counts of events by pixel and polarity,
resized bilinearly: reals, which the host prepares.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.converter.sources.spiking import SpikingNeuron
from snnc.ir.arrays import Array, IntArray
from tests.needs import data_file

PLAN = (64, 128, None, 256, 256, None, 512, 512, None, 512, 512, None)
"""Channels of the convolutions, None for an average pool."""


class HardLIF(nn.Module):
    """Leaks by half, takes half of its input, fires at 0.5, then starts from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.v: Tensor | float = 0.0

    def reset(self) -> None:
        self.v = 0.0

    def forward(self, x: Tensor) -> Tensor:
        v = self.v + (x - self.v) / 2
        spikes = _Spike.apply(v - 0.5)  # type: ignore[no-untyped-call]
        self.v = v * (1 - spikes)
        result: Tensor = spikes
        return result

    def snnc_neuron(self) -> SpikingNeuron:
        """The same in snnc's words."""
        half = np.array(0.5)
        return SpikingNeuron(decay=half, gain=half, threshold=half, reset="zero")


class _Spike(torch.autograd.Function):
    """A step, with a triangular gradient."""

    @staticmethod
    def forward(ctx: object, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)  # type: ignore[attr-defined]
        return (z >= 0).to(z.dtype)

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradients[0] * torch.clamp(1 - z.abs(), min=0)


class EventVGG(nn.Module):
    """The network; forward() takes (T, N, 2, size, size).

    Args:
        width: share of the published number of channels.
        size: of the frames, a multiple of 16.
        n_classes: of the linear layer.
        plan: channels and pools.
    """

    def __init__(
        self,
        width: float = 1.0,
        size: int = 48,
        n_classes: int = 10,
        plan: tuple[int | None, ...] = PLAN,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 2
        for planned in plan:
            if planned is None:
                layers.append(nn.AvgPool2d(2))
                size //= 2
                continue
            n = max(4, int(planned * width))
            layers += [nn.Conv2d(channels, n, 3, padding=1, bias=False), nn.BatchNorm2d(n)]
            layers.append(HardLIF())
            channels = n
        self.feature = nn.Sequential(*layers)
        self.fc = nn.Linear(channels * size * size, n_classes)

    def forward(self, frames: Tensor) -> Tensor:
        for layer in self.feature:
            if isinstance(layer, HardLIF):
                layer.reset()
        scores = [self.fc(self.feature(x).flatten(1)) for x in frames]
        return torch.stack(scores).mean(0)


def recordings(n_frames: int, size: int, samples: range) -> tuple[Array, IntArray]:
    """N-MNIST recordings as (N, T, 2, size, size) float32, and their digits."""
    with np.load(data_file("events/nmnist_train1000.npz")) as held:
        events = {name: held[name] for name in ("x", "y", "p", "dt_us", "offset", "label")}
    frames = np.stack([_counts(events, i, n_frames) for i in samples])
    resized = F.interpolate(
        torch.from_numpy(frames.reshape(-1, 2, 34, 34)), (size, size), mode="bilinear"
    )
    labels = events["label"][list(samples)].astype(np.int64)
    return resized.numpy().reshape(len(frames), n_frames, 2, size, size), labels


def _counts(events: dict[str, Array], sample: int, n_frames: int) -> Array:
    """Events of one recording by frame, polarity and pixel; frames are equally long."""
    part = slice(*events["offset"][sample : sample + 2])
    at = np.cumsum(events["dt_us"][part].astype(np.int64))
    frame = np.minimum(at * n_frames // (int(at[-1]) + 1), n_frames - 1)
    counts = np.zeros((n_frames, 2, 34, 34), dtype=np.float32)
    place = (frame, events["p"][part].astype(int), events["y"][part], events["x"][part])
    np.add.at(counts, place, 1.0)
    return counts
