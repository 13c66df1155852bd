"""What a spiking module computes: the common words into which every library is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from snnc.ir.arrays import Array, FloatArray

Kind: TypeAlias = Literal["integrate-fire", "current-lif", "trace"]
Reset: TypeAlias = Literal["subtract", "zero", "none"]
Rounding: TypeAlias = Literal["step", "half_even", "half_up", "floor"]
Returned: TypeAlias = Literal["spikes", "membrane", "current"]


def _scalar(value: float) -> FloatArray:
    return np.array(value, dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikingNeuron:
    """One spiking module in snnc's words; a user's own module gives it as `snnc_neuron()`.

    Once a frame, from v = 0, i = 0 (arrays are numbers or broadcast against one frame of x)::

        i = i_decay * i + gain * x               (kind "current-lif", else i = gain * x)
        v = decay * v + i
        k = fire(v)                              (kind "trace": the output is v itself)
        v = v - k * threshold                    (reset "subtract")
        v = reset_value where k                  (reset "zero")
        v = max(v, v_min)
        output = k * scale

    Attributes:
        kind: which of these equations there are.
        decay, i_decay: what a frame leaves of v and of i.
        gain: factor on the input.
        threshold: positive.
        reset, reset_value: what a spike does to v.
        reset_before: the subtraction comes one frame later and is not decayed.
        strict: fire on `>` instead of `>=`.
        rounding: `step` for binary spikes; else k = clip(round(v / threshold), lo, hi).
        lo, hi: bounds of k; hi None where nothing bounds it.
        v_min: lower bound of v, None without one.
        scale: real value of count 1 in the output.
        time_axis: axis of x that holds the frames, None where one call is one frame.
        squeezed: frames are merged into x's batch axis (T outermost, batch 1).
        returns: what a call returns, in order.
    """

    kind: Kind = "integrate-fire"
    decay: Array = field(default_factory=lambda: _scalar(1.0))
    i_decay: Array = field(default_factory=lambda: _scalar(0.0))
    gain: Array = field(default_factory=lambda: _scalar(1.0))
    threshold: Array = field(default_factory=lambda: _scalar(1.0))
    reset: Reset = "subtract"
    reset_value: Array = field(default_factory=lambda: _scalar(0.0))
    reset_before: bool = False
    strict: bool = False
    rounding: Rounding = "step"
    lo: int = 0
    hi: int | None = 1
    v_min: Array | None = None
    scale: Array = field(default_factory=lambda: _scalar(1.0))
    time_axis: int | None = None
    squeezed: bool = False
    returns: tuple[Returned, ...] = ("spikes",)

    def __post_init__(self) -> None:
        for name in ("decay", "i_decay", "gain", "threshold", "reset_value", "scale", "v_min"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, np.asarray(value, dtype=np.float64))
