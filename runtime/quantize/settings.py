"""What a user may ask of `snnc.quantize`, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from snnc.converter.quantize import METHODS, Method
from snnc.ir.errors import WrongUsage

DEFAULT_LEVELS = 15
DEFAULT_PERCENTILE = 99.9
DEFAULT_LR = 1e-4
_LARGEST_BITS = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to quantise; see `snnc.quantize`.

    Attributes:
        levels: largest count D.
        method: how ranges are chosen.
        percentile: in percent.
        per_channel: a step for each channel.
        epochs: of fine-tuning, 0 for none.
        lr: its largest learning rate.
        batch: samples in a step of it.
        seed: of its order of samples.
    """

    levels: int
    method: Method
    percentile: float
    per_channel: bool
    epochs: int
    lr: float
    batch: int
    seed: int

    @classmethod
    def of(
        cls,
        *,
        levels: int | None,
        bits: int | None,
        method: Method,
        percentile: float | None,
        per_channel: bool,
        epochs: int,
        lr: float | None,
        batch: int,
        seed: int,
    ) -> Self:
        """Settings as they were given; None stands for the default.

        Raises:
            WrongUsage: a value out of its range, or one that another makes meaningless.
        """
        if epochs < 0:
            raise WrongUsage(f"finetune is a number of epochs, not {epochs}")
        if batch < 1:
            raise WrongUsage(f"a batch has at least 1 sample, not {batch}")
        return cls(
            levels=_levels(levels, bits),
            method=method,
            percentile=_percentile(method, percentile),
            per_channel=per_channel,
            epochs=epochs,
            lr=_learning_rate(epochs, lr),
            batch=batch,
            seed=seed,
        )


def _levels(levels: int | None, bits: int | None) -> int:
    if levels is not None and bits is not None:
        raise WrongUsage("levels and bits both say the largest count: give one")
    if bits is not None:
        if not 1 <= bits <= _LARGEST_BITS:
            raise WrongUsage(f"bits lie between 1 and {_LARGEST_BITS}, not {bits}")
        return 2**bits - 1
    found = DEFAULT_LEVELS if levels is None else levels
    if not 1 <= found < 2**_LARGEST_BITS:
        raise WrongUsage(f"levels lie between 1 and {2**_LARGEST_BITS - 1}, not {found}")
    return found


def _percentile(method: str, percentile: float | None) -> float:
    if method not in METHODS:
        raise WrongUsage(f"method is one of {', '.join(map(repr, METHODS))}, not {method!r}")
    if percentile is None:
        return DEFAULT_PERCENTILE
    if method != "percentile":
        raise WrongUsage("a percentile is for method 'percentile'")
    if not 0 < percentile <= 100:
        raise WrongUsage(f"percentile lies above 0 and up to 100, not {percentile}")
    return percentile


def _learning_rate(epochs: int, lr: float | None) -> float:
    if lr is None:
        return DEFAULT_LR
    if not epochs:
        raise WrongUsage("lr is for fine-tuning: give the epochs with finetune")
    if not lr > 0:
        raise WrongUsage(f"lr must be positive, not {lr}")
    return lr
