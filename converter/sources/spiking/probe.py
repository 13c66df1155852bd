"""Which fire rule a surrogate function computes in its forward pass: asked, not assumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnc.converter.sources.spiking.registry import NotExpressible
from snnc.ir.arrays import Array, FloatArray

_LARGEST = 64
_ROUNDINGS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "half_even": np.rint,
    "half_up": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
}


def probe_fire(surrogate: Callable[[Any], Any]) -> dict[str, Any]:
    """Fields `rounding`, `strict`, `lo` and `hi` of the rule that `surrogate` computes.

    Args:
        surrogate: takes v - threshold where spikes are binary, v / threshold for counts.

    Raises:
        NotExpressible: it computes none of the known rules.
    """
    x = np.arange(-8 * _LARGEST, 8 * _LARGEST + 1) / 8.0
    near = np.array([-1e-6, 1e-6])
    x = np.concatenate([x, *(k + near for k in np.arange(-4, 9) / 2)]).astype(np.float32)
    got = _values(surrogate, x)
    for strict in (False, True):
        if np.array_equal(got, (x > 0 if strict else x >= 0)):
            return {"rounding": "step", "strict": strict, "lo": 0, "hi": 1}
    lo, hi = got.min(), got.max()
    for name, function in _ROUNDINGS.items():
        if hi < _LARGEST - 1 and np.array_equal(got, np.clip(function(x), lo, hi)):
            return {"rounding": name, "strict": False, "lo": int(lo), "hi": int(hi)}
    raise NotExpressible("a surrogate function whose forward pass is no step and no rounding")


def _values(surrogate: Callable[[Any], Any], x: Array) -> Array:
    import torch

    with torch.no_grad():
        result: Array = surrogate(torch.from_numpy(x)).numpy()
    return result
