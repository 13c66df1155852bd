"""Train a small residual network of integer activations on scikit-learn's digits.

    python examples/digits/train.py --out demo

writes `model.pt` (for `snnc convert`) and `test.npz` (the held-out images and labels). Five
networks are trained that differ in their seed only; the median of their accuracies is printed and
the first one is saved, so that nothing is chosen by the held-out images.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional as F

import snnc
from snnc.nn import IntegerActivation

LEVELS = 4
SEEDS = 5
EPOCHS = 30


class DigitsNet(nn.Module):
    """A residual block at 8x8, a convolution at 4x4, a linear head.

    Input: float32 images of integer values 0..16, shape (N, 1, 8, 8). Output: logits (N, 10).
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = conv_norm(1, width)
        self.act1 = IntegerActivation(LEVELS)
        self.conv1 = conv_norm(width, width)
        self.act2 = IntegerActivation(LEVELS)
        self.conv2 = conv_norm(width, width)
        self.act3 = IntegerActivation(LEVELS)
        self.pool = nn.MaxPool2d(2)
        self.conv3 = conv_norm(width, 2 * width)
        self.act4 = IntegerActivation(LEVELS)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the ten digits."""
        stream = self.stem(x / 16)
        stream = stream + self.conv2(self.act2(self.conv1(self.act1(stream))))
        x = self.pool(self.act3(stream))
        x = self.average(self.act4(self.conv3(x)))
        return self.head(torch.flatten(x, 1))


def conv_norm(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution and its batch norm."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
    )


def split() -> list[np.ndarray]:
    """Training and held-out images (N, 1, 8, 8) and labels: x_train, x_test, y_train, y_test."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 1, 8, 8).astype(np.float32)
    return train_test_split(images, labels, test_size=0.2, stratify=labels, random_state=0)


def train(x: Tensor, y: Tensor, seed: int) -> DigitsNet:
    """A trained network in evaluation mode."""
    torch.manual_seed(seed)
    model = DigitsNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    batches = -(-len(x) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(64):
            loss = F.cross_entropy(model(shifted(x[batch])), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def shifted(x: Tensor) -> Tensor:
    """Each batch moved by up to one pixel in each direction."""
    dy, dx = torch.randint(0, 3, (2,)).tolist()
    return F.pad(x, (1, 1, 1, 1))[..., dy : dy + 8, dx : dx + 8]


@torch.no_grad()
def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of images whose largest logit is that of their label."""
    return (model(x).argmax(1) == y).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for the files")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    x_train, x_test, y_train, y_test = (torch.from_numpy(array) for array in split())
    models = [train(x_train, y_train, seed) for seed in range(SEEDS)]
    accuracies = [accuracy(model, x_test, y_test) for model in models]
    print("held-out accuracy by seed:", " ".join(f"{a:.2%}" for a in accuracies))
    print(f"median {statistics.median(accuracies):.2%}; saving seed 0")

    grid = snnc.InputGrid(0, 16)
    snnc.save_model(models[0], x_test[:1], out / "model.pt", input=grid)
    np.savez_compressed(out / "test.npz", x=x_test.numpy(), y=y_test.numpy())


if __name__ == "__main__":
    main()
