"""Quantisation-aware fine-tuning: weights and steps trained through the rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, fx

from snnc.converter.nn.activation import IntegerActivation
from snnc.converter.quantize.program import batched
from snnc.ir.arrays import Array, IntArray
from snnc.ir.errors import DataError

_SMALLEST_STEP = 1 / 16
"""Of the calibrated step: a step must stay positive."""


class FineTuning(Protocol):
    """How to train.

    Attributes:
        epochs: passes over the data.
        lr: largest learning rate of Adam; it falls to zero as half a cosine.
        batch: samples in a step.
        seed: of the order of the samples.
    """

    @property
    def epochs(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def batch(self) -> int: ...
    @property
    def seed(self) -> int: ...


def finetune(
    module: fx.GraphModule,
    read: Callable[[IntArray], Array],
    labels: IntArray,
    how: FineTuning,
    tell: Callable[[int, int], None],
) -> tuple[float, ...]:
    """Train a quantised program in place on labelled samples.

    The rounding passes its gradient straight through; batch norms keep their statistics.

    Args:
        module: of `quantized_program`.
        read: the samples of some indices, as the module takes them, (N, …).
        labels: class of each sample, (N,).
        how: epochs, learning rate, batch, seed.
        tell: is told steps done and steps in all.

    Returns:
        The mean cross-entropy of each epoch.

    Raises:
        DataError: the outputs are no class scores for these labels, or the loss diverges.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    steps = _steps(module)
    smallest = [step.detach() * _SMALLEST_STEP for step in steps]
    n_batches = -(-len(labels) // how.batch)
    optimizer = torch.optim.Adam(parameters, lr=how.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, how.epochs * n_batches)
    generator = torch.Generator().manual_seed(how.seed)
    losses = []
    with _deterministic():
        for epoch in range(how.epochs):
            total = 0.0
            order = torch.randperm(len(labels), generator=generator).numpy()
            for at, chosen in enumerate(np.array_split(order, n_batches)):
                loss = _loss(module, read(chosen), labels[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                with torch.no_grad():
                    for step, least in zip(steps, smallest, strict=True):
                        step.clamp_(min=least)
                total += float(loss.detach()) * len(chosen)
                tell(epoch * n_batches + at + 1, how.epochs * n_batches)
            losses.append(total / len(labels))
            if not np.isfinite(losses[-1]):
                raise DataError(
                    "fine-tuning diverges: the loss is no longer finite",
                    hint="give a smaller --lr",
                )
    return tuple(losses)


def _steps(module: fx.GraphModule) -> list[Tensor]:
    held = [m.scale for m in module.modules() if isinstance(m, IntegerActivation)]
    return [scale for scale in held if isinstance(scale, torch.nn.Parameter)]


def _loss(module: fx.GraphModule, x: Array, y: IntArray) -> Tensor:
    scores = batched(module, torch.from_numpy(np.ascontiguousarray(x))).flatten(1)
    if int(y.min()) < 0 or int(y.max()) >= scores.shape[1]:
        raise DataError(
            f"labels lie between {y.min()} and {y.max()}, and the model gives "
            f"{scores.shape[1]} scores"
        )
    return torch.nn.functional.cross_entropy(scores, torch.from_numpy(y))


@contextmanager
def _deterministic() -> Iterator[None]:
    """Deterministic kernels inside, and gradients whatever the caller has set."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.use_deterministic_algorithms(before)
