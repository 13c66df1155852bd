"""The integer activation: an integer in training, that many spikes at inference."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

Rounding = Literal["half-even", "half-up"]


class IntegerActivation(nn.Module):
    """Clip to a few integer levels and round, with a straight-through gradient.

    The count of a neuron is ``k = round(clip(x / scale, lo, levels))``, and the module returns
    ``k * scale``, divided by ``levels`` if `normalise` is set. Only these operations are in the
    exported graph (``Div`` and ``Mul`` by the scale only where there is one), so that the count is
    exactly what `snnc convert` turns into spikes.

    The gradient passes where ``lo <= x / scale <= levels`` and is zero elsewhere; rounding is taken
    as the identity. A learnable scale receives the gradient of the same expression, which is that
    of LSQ (Esser et al., ICLR 2020) without its scaling factor.

    Args:
        levels: the largest count D, at least 1.
        lo: the smallest count; 0 for unsigned activations, for example ``-levels`` for signed ones.
        rounding: what becomes of ties: ``"half-even"`` (``torch.round``) or ``"half-up"``
            (``floor(x + 0.5)``).
        scale: the real value of count 1 before normalising, finite and positive; or a tensor of
            such values that broadcasts against one sample, ``(C, 1, 1)`` for a scale per channel.
        learn_scale: make the scale a parameter.
        normalise: divide the output by ``levels``, so that the largest output is ``scale``.

    Shape:
        Any shape in, the same shape out.

    Raises:
        ValueError: a level, bound, rounding or scale out of its range.
    """

    levels: int
    lo: int
    rounding: Rounding
    normalise: bool
    scale: Tensor | None

    def __init__(
        self,
        levels: int,
        *,
        lo: int = 0,
        rounding: Rounding = "half-even",
        scale: float | Tensor = 1.0,
        learn_scale: bool = False,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if levels < 1:
            raise ValueError(f"levels must be at least 1, got {levels}")
        if not -levels <= lo <= 0:
            raise ValueError(f"lo must lie between -{levels} and 0, got {lo}")
        if rounding not in get_args(Rounding):
            raise ValueError(f"rounding must be one of {get_args(Rounding)}, got {rounding!r}")
        given = torch.as_tensor(scale, dtype=torch.float32).detach().clone()
        if not bool((torch.isfinite(given) & (given > 0)).all()):
            raise ValueError(f"scale must be finite and positive, got {scale}")
        self.levels = levels
        self.lo = lo
        self.rounding = rounding
        self.normalise = normalise
        if learn_scale:
            self.scale = nn.Parameter(given)
        else:
            self.register_buffer("scale", None if bool((given == 1).all()) else given)

    def forward(self, x: Tensor) -> Tensor:
        """Return the real value of the count of every element of `x`."""
        scaled = x if self.scale is None else x / self.scale
        count = self._round(torch.clamp(scaled, self.lo, self.levels))
        y = count if self.scale is None else count * self.scale
        return y / self.levels if self.normalise else y

    def _round(self, z: Tensor) -> Tensor:
        rounded = torch.floor(z + 0.5) if self.rounding == "half-up" else torch.round(z)
        exporting = (
            torch.compiler.is_exporting() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        )
        # under torch.vmap a value does not tell whether it needs a gradient
        if torch.is_grad_enabled() and not exporting:
            # Exact in value: rounded - z is representable, as the two are less than a factor of
            # two apart, or rounded is zero.
            return z + (rounded - z).detach()
        return rounded

    def extra_repr(self) -> str:
        """The settings, as `print(model)` shows them."""
        parts = [f"levels={self.levels}", f"rounding={self.rounding!r}"]
        if self.lo:
            parts.append(f"lo={self.lo}")
        if self.scale is not None:
            learned = ", learn_scale=True" if isinstance(self.scale, nn.Parameter) else ""
            shown = f"{self.scale.item():.6g}" if self.scale.numel() == 1 else "per channel"
            parts.append(f"scale={shown}{learned}")
        if not self.normalise:
            parts.append("normalise=False")
        return ", ".join(parts)
