"""Train a small VGG with integer neurons on recordings of an event camera (N-MNIST).

    python examples/nmnist/train.py --data FOLDER --out examples/nmnist

FOLDER holds `nmnist_train1000.npz`, 1000 recordings: events `x`, `y`, `p` and `dt_us` (microseconds
since the event before) one recording after another, `offset` (where each begins) and `label`; by
default it is `$SNNC_DATA/events`. 800 recordings train the network, the other 200 are looked at
once, after the last epoch. Writes `model.pt`; one thread needs about five minutes.

A recording becomes frames as `prepare.toml` says, which `snnc convert --prepare` keeps beside the
network: counts of events by pixel and polarity in windows of 30 ms.
"""

from __future__ import annotations

import argparse
import os
import time
import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snnc
from snnc.nn import ILIF

with (Path(__file__).parent / "prepare.toml").open("rb") as _file:
    EVENTS = tomllib.load(_file)["events"]
SIDE, FRAMES, WINDOW_US, CLIP = (
    EVENTS["sensor"][0], EVENTS["frames"], EVENTS["window_us"], EVENTS["clip"],
)  # fmt: skip
LEVELS = 4
DECAY = 0.5
PLAN = (16, None, 32, None, 64, 64, None)
"""Channels of the convolutions, None for an average pool."""
N_TRAIN = 800
EPOCHS = 24
BATCH = 40
SEED = 0


class EventVGG(nn.Module):
    """Convolutions of 3 x 3, each with batch norm and integer neurons, average pools between.

    A neuron keeps a membrane from frame to frame and gives up to four spikes in each. Input: counts
    of events, (N, T, 2, 34, 34), 0 to 15. Output: logits (N, 10), the mean of those of the frames.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, side = 2, SIDE
        for planned in PLAN:
            if planned is None:
                layers.append(nn.AvgPool2d(2))
                side //= 2
                continue
            layers += [nn.Conv2d(channels, planned, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(planned), ILIF(LEVELS, DECAY)]
            channels = planned
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels * side * side, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten digits."""
        return self.by_frame(x).mean(1)

    def by_frame(self, x: Tensor) -> Tensor:
        """Logits (N, T, 10) after each frame."""
        frames = x.shape[1]
        for layer in self.features:
            if isinstance(layer, ILIF):
                layer.reset()
                x = torch.stack([layer(frame) for frame in x.unbind(1)], 1)
            else:  # batch norms see all frames at once
                x = layer(x.flatten(0, 1)).unflatten(0, (-1, frames))
        logits: Tensor = self.head(x.flatten(2))
        return logits


def load(path: Path) -> tuple[Tensor, Tensor]:
    """Frames (N, T, 2, 34, 34) as float32, and labels (N,)."""
    with np.load(path) as held:
        events = {name: held[name] for name in ("x", "y", "p", "dt_us", "offset", "label")}
    n = len(events["label"])
    x = np.stack([frames_of(*recording(events, i)) for i in range(n)])
    return torch.from_numpy(x), torch.from_numpy(events["label"].astype(np.int64))


def recording(events: dict[str, npt.NDArray[np.int64]], i: int) -> list[npt.NDArray[np.int64]]:
    """Columns t (microseconds), x, y, p of one recording of the pack."""
    part = slice(*events["offset"][i : i + 2])
    t = np.cumsum(events["dt_us"][part].astype(np.int64))
    return [t, *(events[name][part].astype(np.int64) for name in ("x", "y", "p"))]


def frames_of(
    t: npt.NDArray[np.int64],
    x: npt.NDArray[np.int64],
    y: npt.NDArray[np.int64],
    p: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Counts (T, 2, 34, 34) of a recording's events, window by window from its first event on."""
    frame = (t - t[0]) // WINDOW_US
    inside = frame < FRAMES
    counts = np.zeros((FRAMES, 2, SIDE, SIDE), dtype=np.float32)
    np.add.at(counts, (frame[inside], p[inside], y[inside], x[inside]), 1)
    return np.minimum(counts, np.float32(CLIP))


def augment(x: Tensor) -> Tensor:
    """Rotate by up to 12 degrees, scale by up to 15 %, shift by up to 3 pixels, each recording."""
    n = len(x)
    angle = (torch.rand(n) * 2 - 1) * (12 * torch.pi / 180)
    scale = 1 + (torch.rand(n) * 2 - 1) * 0.15
    shift = (torch.rand(n, 2) * 2 - 1) * (3 / (SIDE / 2))
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = (torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1))
    channels = x.flatten(1, 2)
    grid = F.affine_grid(torch.stack(rows, 1), list(channels.shape), align_corners=False)
    return F.grid_sample(channels, grid, align_corners=False).view_as(x)


def split(n: int) -> tuple[Tensor, Tensor]:
    """Numbers of the recordings to train with, and of those to test with."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(SEED))
    return order[:N_TRAIN], order[N_TRAIN:]


def train(x: Tensor, y: Tensor) -> EventVGG:
    """A trained network in evaluation mode.

    The loss is the mean of the frames' own (temporal efficient training, Deng et al., ICLR 2022),
    so that the answers on the way, which a stream gives, are good ones, too.
    """
    torch.manual_seed(SEED)
    model = EventVGG()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=5e-2)
    steps = EPOCHS * -(-len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        start, total = time.perf_counter(), 0.0
        for batch in torch.randperm(len(x)).split(BATCH):
            logits = model.by_frame(augment(x[batch]))
            labels = y[batch, None].expand(-1, logits.shape[1])
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1:2d}  loss {total / len(x):.4f}  {seconds:.0f} s", flush=True)
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of recordings whose largest logit is that of their label."""
    predictions = torch.cat([model(frames).argmax(1) for frames in x.split(50)])
    return (predictions == y).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ["SNNC_DATA"]) / "events" if "SNNC_DATA" in os.environ else None
    parser.add_argument("--data", type=Path, default=default, required=default is None)
    parser.add_argument("--out", type=Path, default=Path("demo-nmnist"), help="folder for the file")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    x, y = load(arguments.data / "nmnist_train1000.npz")
    first, others = split(len(x))
    model = train(x[first], y[first])
    print(
        f"accuracy on {len(others)} other recordings: {accuracy(model, x[others], y[others]):.1%}"
    )
    path = arguments.out / "model.pt"
    snnc.save_model(model, x[:1], path, input=(0, CLIP), time_axis=1)


if __name__ == "__main__":
    main()
