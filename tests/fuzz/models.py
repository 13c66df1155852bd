"""Random small PyTorch models drawn from the supported operators.

A model is grown step by step on a few sample inputs, so that every activation's scale fits what
really arrives there: no layer is dead, none saturates. The same seed gives the same model.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snnc
from snnc.ir.arrays import Array
from snnc.nn import IntegerActivation

Kind = Literal["map", "line", "vector"]
N_SAMPLES = 4
LARGEST = 1500
"""Elements of a value beyond which the model grows no wider."""


class Step(nn.Module):
    """One operation of a program: a module on earlier values."""

    def __init__(self, module: nn.Module, sources: Sequence[int]) -> None:
        super().__init__()
        self.module = module
        self.sources = tuple(sources)

    def forward(self, values: list[Tensor]) -> Tensor:
        result: Tensor = self.module(*(values[i] for i in self.sources))
        return result


class Program(nn.Module):
    """Steps in order; the last value is the output."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList()

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for step in self.steps:
            values.append(step(values))
        return values[-1]


class Call(nn.Module):
    """A function without parameters as a module."""

    def __init__(self, function: Callable[..., Tensor], text: str) -> None:
        super().__init__()
        self.function = function
        self.text = text

    def forward(self, *operands: Tensor) -> Tensor:
        return self.function(*operands)

    def extra_repr(self) -> str:
        return self.text


class Written(nn.Module):
    """An integer activation as published models write it, without a module of ours."""

    def __init__(self, style: str, scale: float, levels: int, lo: int) -> None:
        super().__init__()
        self.style, self.scale, self.levels, self.lo = style, scale, levels, lo

    def forward(self, x: Tensor) -> Tensor:
        s, D = self.scale, self.levels
        match self.style:
            case "clamp-round":
                return torch.round(torch.clamp(x / s, self.lo, D)) / D
            case "round-clamp":
                return torch.clamp(torch.round(x / s), self.lo, D) * s
            case "half-up":
                return torch.floor(torch.clamp(x * (1 / s), self.lo, D) + 0.5)
            case "qcfs":
                t = s * D
                return torch.clamp(torch.floor(x * D / t + 0.5) / D, 0, 1) * t
            case "relu":
                return torch.clamp(torch.round(F.relu(x) / s), max=D)
            case _:
                return (x >= s * self.levels / 2).to(x.dtype)

    def extra_repr(self) -> str:
        return f"{self.style}, scale={self.scale:.4g}, levels={self.levels}, lo={self.lo}"


@dataclass(frozen=True)
class Case:
    """A model with inputs that it was made for.

    Attributes:
        model: in evaluation mode.
        x: samples, float32 integers, shape (N, …).
        grid: of the input.
    """

    model: Program
    x: Array
    grid: snnc.InputGrid


class Grower:
    """Grows a program.

    Args:
        seed: of everything.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.torch_rng = torch.Generator().manual_seed(seed)
        self.program = Program().eval()
        self.kind: Kind = self.rng.choice(("map", "map", "line", "vector"))
        self.lo, self.hi = self.rng.choice(((0, 1), (0, 15), (0, 255), (-8, 7), (-127, 127)))
        shape = {
            "map": (self.rng.choice((1, 2, 3)), self.rng.choice((6, 8, 9)), 8),
            "line": (self.rng.choice((2, 4)), self.rng.choice((6, 12))),
            "vector": (self.rng.choice((6, 16)),),
        }[self.kind]
        x = torch.randint(
            self.lo, self.hi + 1, (N_SAMPLES, *shape), generator=self.torch_rng
        ).float()
        self.values = [x]

    def case(self) -> Case:
        """Grow a whole model."""
        last = self.fire(self.layer(0))
        for _ in range(self.rng.randrange(1, 5)):
            last = self.rng.choice(self.moves(last))(last)
        last = self.head(last)
        grid = snnc.InputGrid(self.lo, self.hi)
        return Case(self.program, self.values[0].numpy(), grid)

    def moves(self, i: int) -> list[Callable[[int], int]]:
        """What may follow a value that fired."""
        moves: list[Callable[[int], int]] = [
            self.block,
            self.block,
            self.residual,
            self.branches,
            self.view,
            self.mixed_add,
        ]
        if self.values[i].dim() == 4 and min(self.values[i].shape[2:]) >= 4:
            moves += [self.max_pool, self.average_pool]
        if self.values[i].dim() == 4 and self.values[i][0].numel() * 4 <= LARGEST:
            moves.append(self.upsample)
        if self.values[i].dim() == 3 or self.values[i].dim() == 4:
            moves.append(self.attention)
        return moves

    # -- single steps ------------------------------------------------------------------------

    def add(self, module: nn.Module, *sources: int) -> int:
        """Append a step; index of its value."""
        module.eval()
        step = Step(module, sources)
        with torch.no_grad():
            self.values.append(step(self.values))
        self.program.steps.append(step)
        return len(self.values) - 1

    def call(self, text: str, function: Callable[..., Tensor], *sources: int) -> int:
        return self.add(Call(function, text), *sources)

    def fire(self, i: int) -> int:
        """An integer activation with a scale that what arrives fills."""
        rng = self.rng
        levels = rng.choice((1, 2, 3, 4, 4, 7, 15))
        signed = rng.random() < 0.25
        spread = float(self.values[i].abs().quantile(0.9)) or 1.0
        scale = float(np.float32(spread / levels * rng.uniform(0.7, 1.3)))
        lo = -levels if signed else 0
        if rng.random() < 0.5:
            return self.add(
                IntegerActivation(
                    levels,
                    lo=lo,
                    scale=scale,
                    rounding=rng.choice(("half-even", "half-up")),
                    normalise=rng.random() < 0.5,
                ),
                i,
            )
        style = rng.choice(("clamp-round", "round-clamp", "half-up", "qcfs", "relu", "step"))
        return self.add(Written(style, scale, levels, lo if style in _SIGNED else 0), i)

    def layer(self, i: int, *, channels: int | None = None, stride: int = 1) -> int:
        """A weighted layer, perhaps with a batch norm behind it; keeps the spatial shape."""
        rng, shape = self.rng, self.values[i].shape[1:]
        channels = channels or rng.choice((2, 4, 6))
        bias = rng.random() < 0.5
        if len(shape) == 1:
            return self._normed(self.weighted(nn.Linear(shape[0], channels * 4, bias=bias), i))
        if len(shape) == 2:
            return self._normed(self._line_layer(i, shape, channels, bias))
        kernel = rng.choice((1, 3))
        groups = shape[0] if rng.random() < 0.2 and stride == 1 else 1
        conv = nn.Conv2d(
            shape[0],
            shape[0] * rng.choice((1, 2)) if groups > 1 else channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=bias,
        )
        return self._normed(self.weighted(conv, i))

    def _line_layer(self, i: int, shape: torch.Size, channels: int, bias: bool) -> int:
        if self.rng.random() < 0.5:
            kernel = self.rng.choice((1, 3))
            conv = nn.Conv1d(shape[0], channels, kernel, padding=kernel // 2, bias=bias)
            return self.weighted(conv, i)
        return self.weighted(nn.Linear(shape[1], shape[1], bias=bias), i)

    def weighted(self, module: nn.Module, i: int) -> int:
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.normal_(generator=self.torch_rng)
                parameter.mul_(parameter[0].numel() ** -0.5)
        return self.add(module, i)

    def _normed(self, i: int) -> int:
        """A batch norm whose statistics are those of the samples; gammas of both signs."""
        if self.rng.random() < 0.4:
            return i
        x = self.values[i]
        if x.dim() == 3 and self.rng.random() < 0.3:
            return i
        norm = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}[x.dim()](x.shape[1])
        axes = [a for a in range(x.dim()) if a != 1]
        mean, var = norm.running_mean, norm.running_var
        assert mean is not None
        assert var is not None
        mean.copy_(x.mean(axes))
        var.copy_(x.var(axes, unbiased=False) + 0.05)
        with torch.no_grad():
            norm.weight.normal_(generator=self.torch_rng).add_(0.7)
            norm.bias.normal_(generator=self.torch_rng).mul_(0.4)
        return self.add(norm, i)

    # -- moves -------------------------------------------------------------------------------

    def block(self, i: int) -> int:
        stride = 2 if self.values[i].dim() == 4 and self.rng.random() < 0.25 else 1
        return self.fire(self.layer(i, stride=stride))

    def residual(self, i: int) -> int:
        """A membrane shortcut: real values are added, then fire."""
        stream = self._same(self.layer(i), i)
        for _ in range(self.rng.choice((1, 2))):
            branch = self._same(self.layer(self.fire(stream)), stream)
            stream = self.call("+", lambda a, b: a + b, stream, branch)
        return self.fire(stream)

    def _same(self, i: int, like: int) -> int:
        """A value of the shape of another: through one more layer where it has not."""
        wanted = self.values[like].shape
        if self.values[i].shape == wanted:
            return i
        fired = self.fire(i)
        if len(wanted) == 2:
            return self.weighted(nn.Linear(self.values[i].shape[1], wanted[1]), fired)
        conv = (nn.Conv1d, nn.Conv2d)[len(wanted) - 3]
        return self.weighted(conv(self.values[i].shape[1], wanted[1], 1), fired)

    def branches(self, i: int) -> int:
        """Two activations side by side, perhaps only a part of them read."""
        a, b = self.fire(self.layer(i)), self.fire(self.layer(i))
        joined = self.call("cat", lambda a, b: torch.cat((a, b), 1), a, b)
        width = self.values[joined].shape[1]
        if self.rng.random() < 0.4:
            joined = self.call("part", lambda x: x[:, 1 : width - 1], joined)
        return self.fire(self.layer(joined))

    def mixed_add(self, i: int) -> int:
        """Counts of different levels are added and fire again."""
        a = self.fire(self.layer(i))
        b = self.fire(self._same(self.layer(i), a))
        return self.fire(self.call("+", lambda a, b: a + b, a, b))

    def view(self, i: int) -> int:
        """A rearrangement of what fired, read by a layer."""
        shape = self.values[i].shape
        if len(shape) == 2:
            turned = self.call("flip", lambda x: torch.flip(x, (1,)), i)
        elif len(shape) == 3:
            turned = self.call("transpose", lambda x: x.transpose(1, 2), i)
        elif shape[1] % 4 == 0:
            turned = self.call("shuffle", lambda x: F.pixel_shuffle(x, 2), i)
        elif shape[2] % 2 == 0 and shape[3] % 2 == 0 and self.rng.random() < 0.5:
            turned = self.call("unshuffle", lambda x: F.pixel_unshuffle(x, 2), i)
        else:
            turned = self.call("permute", lambda x: x.permute(0, 1, 3, 2), i)
        return self.fire(self.layer(turned))

    def max_pool(self, i: int) -> int:
        kernel, stride, pad = self.rng.choice(((2, 2, 0), (3, 2, 1), (3, 1, 1)))
        return self.fire(self.layer(self.add(nn.MaxPool2d(kernel, stride, pad), i)))

    def average_pool(self, i: int) -> int:
        kernel, stride, pad = self.rng.choice(((2, 2, 0), (3, 2, 1)))
        pooled = self.add(nn.AvgPool2d(kernel, stride, pad), i)
        return self.fire(pooled) if self.rng.random() < 0.5 else self.fire(self.layer(pooled))

    def upsample(self, i: int) -> int:
        if self.rng.random() < 0.5:
            wider = self.add(nn.Upsample(scale_factor=2, mode="nearest"), i)
        else:
            wider = self.weighted(nn.ConvTranspose2d(self.values[i].shape[1], 2, 2, 2), i)
        return self.fire(self.layer(wider, stride=2))

    def attention(self, i: int) -> int:
        """softmax-free attention of three activations."""
        tokens = i if self.values[i].dim() == 3 else self.call("flat", lambda x: x.flatten(2), i)
        width = self.values[tokens].shape[1]
        q, k, v = (self.fire(self.weighted(nn.Conv1d(width, width, 1), tokens)) for _ in range(3))
        if self.rng.random() < 0.5:
            attended = self.call("qkv", lambda q, k, v: (q @ k.transpose(1, 2)) @ v, q, k, v)
        else:
            attended = self.call("qkv", lambda q, k, v: q @ (k.transpose(1, 2) @ v), q, k, v)
        return self.fire(attended)

    def head(self, i: int) -> int:
        """Ends in logits or in an activation."""
        end = self.rng.choice(("linear", "mean", "counts"))
        if end == "counts":
            return i
        if end == "mean" and self.values[i].dim() > 2:
            i = self.call("mean", lambda x: x.flatten(2).mean(2), i)
        flat = self.call("flatten", lambda x: x.flatten(1), i)
        return self.weighted(nn.Linear(self.values[flat].shape[1], 5), flat)


_SIGNED = frozenset({"clamp-round", "round-clamp", "half-up"})


def random_case(seed: int) -> Case:
    """The model of a seed."""
    return Grower(seed).case()
