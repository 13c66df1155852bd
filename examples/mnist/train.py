"""Train a residual network of integer activations on MNIST.

    python examples/mnist/train.py --data FOLDER --out examples/mnist

FOLDER holds `mnist_train10k.npz` and `mnist_t10k.npz` with `x` (uint8, N x 28 x 28) and `y`; by
default it is `$SNNC_DATA/images`. Writes `model.pt` (for `snnc convert`) and `test.npz` (the test
images as the model takes them). One thread needs about ten minutes. The test images are looked at
once, after the last epoch.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snnc
from snnc.nn import IntegerActivation

LEVELS = 4
WIDTHS = (16, 32, 64)
EPOCHS = 24
BATCH = 100
SEED = 0


class Block(nn.Module):
    """A residual block whose convolutions see integer activations only.

    The stream that runs through the blocks is a plain sum; each block reads it through an integer
    activation, so that all convolutions are driven by spikes.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.act1 = IntegerActivation(LEVELS)
        self.conv1 = conv_norm(inputs, outputs, 3, stride)
        self.act2 = IntegerActivation(LEVELS)
        self.conv2 = conv_norm(outputs, outputs, 3)
        self.skip = conv_norm(inputs, outputs, 1, stride) if stride > 1 else None

    def forward(self, stream: Tensor) -> Tensor:
        """The stream (N, C, H, W) after this block."""
        x = self.act1(stream)
        skip = stream if self.skip is None else self.skip(x)
        return skip + self.conv2(self.act2(self.conv1(x)))


class MnistNet(nn.Module):
    """Three residual blocks (28x28, 14x14, 7x7), global average pool, linear head.

    Input: grey values 0..255 as float32, shape (N, 1, 28, 28). Output: logits (N, 10). The first
    activation codes the grey values in five levels, so that every layer has D = 4.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.encode = IntegerActivation(LEVELS)
        self.stem = conv_norm(1, first, 3)
        self.block1 = Block(first, first)
        self.block2 = Block(first, second, stride=2)
        self.block3 = Block(second, third, stride=2)
        self.act = IntegerActivation(LEVELS)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(third, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten digits."""
        stream = self.stem(self.encode(x * (LEVELS / 255)))
        stream = self.block3(self.block2(self.block1(stream)))
        return self.head(torch.flatten(self.average(self.act(stream)), 1))


def conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (divided by `stride`), and its batch norm."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


def load(path: Path) -> tuple[Tensor, Tensor]:
    """Images (N, 1, 28, 28) as float32 0..255, and labels (N,)."""
    data = np.load(path)
    x = torch.from_numpy(data["x"].reshape(-1, 1, 28, 28).astype(np.float32))
    return x, torch.from_numpy(data["y"].astype(np.int64))


def augment(x: Tensor) -> Tensor:
    """Rotate by up to 12 degrees, scale by up to 12 %, and shift by up to 2 pixels, each image."""
    n = len(x)
    angle = (torch.rand(n) * 2 - 1) * (12 * torch.pi / 180)
    scale = 1 + (torch.rand(n) * 2 - 1) * 0.12
    shift = (torch.rand(n, 2) * 2 - 1) * (2 / 14)
    cos, sin = angle.cos() / scale, angle.sin() / scale
    rows = (torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1))
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def train(x: Tensor, y: Tensor) -> MnistNet:
    """A trained network in evaluation mode."""
    torch.manual_seed(SEED)
    model = MnistNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=5e-2)
    steps = EPOCHS * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        start, total = time.perf_counter(), 0.0
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(augment(x[batch])), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        seconds = time.perf_counter() - start
        print(f"epoch {epoch + 1:2d}  loss {total / len(x):.4f}  {seconds:.0f} s", flush=True)
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of images whose largest logit is that of their label."""
    predictions = torch.cat([model(images).argmax(1) for images in x.split(500)])
    return (predictions == y).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ["SNNC_DATA"]) / "images" if "SNNC_DATA" in os.environ else None
    parser.add_argument("--data", type=Path, default=default, required=default is None)
    parser.add_argument("--out", type=Path, default=Path("demo-mnist"), help="folder for the files")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    x_test, y_test = load(arguments.data / "mnist_t10k.npz")
    model = train(*load(arguments.data / "mnist_train10k.npz"))
    print(f"accuracy on {len(x_test)} test images: {accuracy(model, x_test, y_test):.2%}")

    snnc.save_model(model, x_test[:1], arguments.out / "model.pt")
    x = x_test.numpy().astype(np.uint8)  # a tenth of the size; the runtime gives float32
    np.savez_compressed(arguments.out / "test.npz", x=x, y=y_test.numpy())


if __name__ == "__main__":
    main()
