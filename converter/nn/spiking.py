"""Spiking neurons to train with: integrate and fire, with leak, with integer spikes."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn

from snnc.converter.sources.spiking.neuron import SpikingNeuron

Reset = Literal["subtract", "zero"]


class _Window(torch.autograd.Function):
    """Rounds to a count; the gradient passes where the count could still move."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, lo: float, hi: float) -> Tensor:
        ctx.save_for_backward((z > lo - 0.5) & (z < hi + 0.5))
        return torch.clamp(torch.round(z), lo, hi)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None


class _Step(torch.autograd.Function):
    """1 where z >= 0; the gradient is that of atan (Fang et al., ICCV 2021)."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)
        return (z >= 0).to(z.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors
        result: Tensor = gradients[0] / (1 + (math.pi * z) ** 2)
        return result


class LIF(nn.Module):
    """Leaky integrate and fire: one frame a call, the membrane stays until `reset()`.

    ``v = decay * v + x``, a spike where ``v >= threshold``, then ``v - threshold`` or 0.

    Args:
        decay: what a frame leaves of the membrane, 0 to 1.
        threshold: positive.
        reset: what a spike does to the membrane: `subtract` the threshold, or set it to `zero`.

    Shape:
        Any shape in, the same shape out.

    Raises:
        ValueError: a decay, threshold or reset out of its range.
    """

    def __init__(
        self, decay: float = 0.5, *, threshold: float = 1.0, reset: Reset = "subtract"
    ) -> None:
        super().__init__()
        if not 0 <= decay <= 1:
            raise ValueError(f"decay lies between 0 and 1, got {decay}")
        if not (math.isfinite(threshold) and threshold > 0):
            raise ValueError(f"threshold must be finite and positive, got {threshold}")
        if reset not in ("subtract", "zero"):
            raise ValueError(f"reset is 'subtract' or 'zero', got {reset!r}")
        self.decay, self.threshold, self.reset_by = decay, threshold, reset
        self.v: Tensor | None = None

    def reset(self) -> None:
        """Forget the membrane: call it before every sample."""
        self.v = None

    def forward(self, x: Tensor) -> Tensor:
        """The spikes of one frame."""
        v = x if self.v is None else self.decay * self.v + x
        k = self._fire(v)
        self.v = v - k * self.threshold if self.reset_by == "subtract" else v * (k == 0)
        return k

    def _fire(self, v: Tensor) -> Tensor:
        spikes: Tensor = _Step.apply(v - self.threshold)  # type: ignore[no-untyped-call]
        return spikes

    def snnc_neuron(self) -> SpikingNeuron:
        """What the module computes, for `snnc convert`."""
        return SpikingNeuron(
            decay=torch.tensor(self.decay).numpy(),
            threshold=torch.tensor(self.threshold).numpy(),
            reset=self.reset_by,
        )

    def extra_repr(self) -> str:
        """The settings, as `print(model)` shows them."""
        return f"decay={self.decay}, threshold={self.threshold}, reset={self.reset_by!r}"


class IF(LIF):
    """Integrate and fire: `LIF` without leak.

    Args:
        threshold: positive.
        reset: `subtract` or `zero`.
    """

    def __init__(self, *, threshold: float = 1.0, reset: Reset = "subtract") -> None:
        super().__init__(1.0, threshold=threshold, reset=reset)


class ILIF(LIF):
    """Integer LIF: ``k = round(clip(v, 0, levels))``, then ``v - k``.

    Args:
        levels: the largest count D of a frame, at least 1.
        decay: what a frame leaves of the membrane.

    Raises:
        ValueError: levels below 1, or a decay out of its range.
    """

    def __init__(self, levels: int, decay: float = 0.25) -> None:
        super().__init__(decay)
        if levels < 1:
            raise ValueError(f"levels must be at least 1, got {levels}")
        self.levels = levels

    def _fire(self, v: Tensor) -> Tensor:
        count: Tensor = _Window.apply(v, 0.0, float(self.levels))  # type: ignore[no-untyped-call]
        return count

    def snnc_neuron(self) -> SpikingNeuron:
        """What the module computes, for `snnc convert`."""
        decay = torch.tensor(self.decay).numpy()
        return SpikingNeuron(decay=decay, rounding="half_even", hi=self.levels)

    def extra_repr(self) -> str:
        """The settings, as `print(model)` shows them."""
        return f"levels={self.levels}, decay={self.decay}"
