"""The fastest of several ways to run one network: a party shall not lose by how it is called.

Which way is fastest depends on the network, the batch and the CPU, so each batch size tries all of
them on one batch and takes the clock with the winner.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TypeAlias

import torch
from common import in_time, load_net, show, timed
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

Run: TypeAlias = Callable[[Tensor], Tensor]
Way: TypeAlias = Callable[[Tensor], Run]
"""Makes the function of a network, for batches like the one that it is given."""
CHANNELS_LAST = ", channels last"
MOST_OFF = 0.01
"""Mean difference of outputs, of the largest output: what rounding moves, spikes included."""


FUSED = (
    (nn.Linear, nn.BatchNorm1d, fuse_linear_bn_eval),
    (nn.Conv1d, nn.BatchNorm1d, fuse_conv_bn_eval),
    (nn.Conv2d, nn.BatchNorm2d, fuse_conv_bn_eval),
)
"""Layers, the norms behind them, and what makes one layer of both."""


def folded(net: nn.Module) -> nn.Module:
    """A network whose batch norms are part of the layers in front of them, in place."""
    for parent in net.modules():
        if not isinstance(parent, nn.Sequential):
            continue
        for (name, layer), (after, norm) in pairwise(list(parent.named_children())):
            for kind, behind, fuse in FUSED:
                if isinstance(layer, kind) and isinstance(norm, behind):
                    setattr(parent, name, fuse(layer, norm))  # type: ignore[operator]
                    setattr(parent, after, nn.Identity())
    return net


def folded_net(a: argparse.Namespace) -> nn.Module:
    """The network of a party, its batch norms folded."""
    return folded(load_net(a))


def channels_last(net: nn.Module, run: Run) -> Run:
    """The same with images as (N, H, W, C) in memory."""
    net.to(memory_format=torch.channels_last)
    return lambda x: run(x.contiguous(memory_format=torch.channels_last))


def both_formats(name: str, make: Callable[[], tuple[nn.Module, Run]]) -> dict[str, Way]:
    """A way, and the same with channels last."""
    return {
        name: lambda _: make()[1],
        name + CHANNELS_LAST: lambda _: channels_last(*make()),
    }


class Once(nn.Module):
    """A layer whose input is the same in every step of a sample: computed in the first of them."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = self.layer(x)
        return self.kept


class Repeated(nn.Module):
    """Such a layer where all steps run at once: computed on the samples, then repeated."""

    def __init__(self, layer: nn.Module, repeat: Run) -> None:
        super().__init__()
        self.layer, self.repeat = layer, repeat

    def forward(self, x: Tensor) -> Tensor:
        return self.repeat(self.layer(x))


def wrap_first(net: nn.Module, wrap: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Replace the first layer behind the images' coding, in place; returns what replaces it."""
    parent, name = (net, "stem") if hasattr(net, "stem") else (net.body, "0")
    wrapped = wrap(getattr(parent, name))
    setattr(parent, name, wrapped)
    return wrapped


def steps_in_turn(net: nn.Module, reset: Callable[[], None], steps: int) -> Run:
    """The mean output of a network that is called for one step after the other."""
    first = wrap_first(net, Once)

    def run(images: Tensor) -> Tensor:
        reset()
        first.kept = None
        total = net(images)
        for _ in range(steps - 1):
            total = total + net(images)
        return total / steps

    return run


def steps_at_once(net: nn.Module, reset: Callable[[], None], steps: int) -> Run:
    """The same of a network whose neurons take all steps at once, as (T · N, …)."""
    wrap_first(net, lambda layer: Repeated(layer, lambda x: x.repeat(steps, *[1] * (x.ndim - 1))))

    def run(images: Tensor) -> Tensor:
        reset()
        return net(images).unflatten(0, (steps, -1)).mean(0)

    return run


def fastest(
    ways: Mapping[str, Way], x: Tensor, seconds: float
) -> tuple[str, Run, dict[str, float | str]]:
    """The name and function of the fastest way, and milliseconds of a sample, or errors, of all.

    A way whose outputs are not those of the first that works is another network: it cannot win.

    Args:
        ways: by name, the plainest first.
        x: a batch.
        seconds: of the clock to come: a batch that takes more than a quarter of it is timed once.

    Raises:
        SystemExit: none works.
    """
    tried: dict[str, float | str] = {}
    best: tuple[float, str, Run] | None = None
    plain: Tensor | None = None
    for name, way in ways.items():
        try:
            run = way(x)
            outputs = run(x)  # compiles
            plain = outputs.clone() if plain is None else plain
            _check_same(outputs, plain)
            ms = 1000 * _trial(run, x, seconds / 4) / len(x)
        except Exception as error:  # what a compiler cannot do is said, and another way taken
            tried[name] = f"{type(error).__name__}: {error}"[:200]
            continue
        tried[name] = ms
        if best is None or ms < best[0]:
            best = ms, name, run
    if best is None:
        raise SystemExit("; ".join(f"{name}: {why}" for name, why in tried.items()))
    return best[1], best[2], tried


def _check_same(outputs: Tensor, plain: Tensor) -> None:
    off = float((outputs - plain).abs().mean()) / max(float(plain.abs().max()), 1e-30)
    if not off <= MOST_OFF:
        raise ValueError(f"its outputs are others: off by {off:.2g} of the largest in the mean")


def _trial(run: Run, x: Tensor, long: float) -> float:
    """Seconds of a batch that has run before: the least of four, or until one is too long."""
    least = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        run(x)
        taken = time.perf_counter() - start
        least = min(least, taken)
        if taken > long:
            break
    return least


def report_fastest(ways: Mapping[str, Way], x: Tensor, a: argparse.Namespace) -> None:
    """Print the fastest way's result for every batch size."""
    torch.set_num_threads(1)
    ms: float | None = None
    with torch.inference_mode():
        for asked in a.batches:
            batch = in_time(asked, a.seconds, ms)
            name, run, tried = fastest(ways, x[:batch], a.seconds)
            found = timed(lambda part, run=run: (run(part).numpy(), None), x, batch, a.seconds)
            ms = found.ms if ms is None else ms
            show(found, way=name, ways=tried)
