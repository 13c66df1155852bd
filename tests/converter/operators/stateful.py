"""Neurons with state: the operators of domain `snnc`."""

from __future__ import annotations

import numpy as np

from tests.converter.lower.nets import weights
from tests.converter.operators.examples import Example

_FIRE = (
    'module = "n", call = 0, time_axis = -1, reset = "subtract", reset_before = 0, strict = 0, '
    'rounding = "half_even", lo = 0, hi = 4'
)
_C = "c = Conv(k, v) "
_GIVEN = {
    "v": weights(3, 4, 2, 2),
    "decay": np.array(0.25),
    "by_channel": np.array([0.5, 0.75, 0.875]).reshape(3, 1, 1),
    "threshold": np.array([[[0.6]], [[0.9]], [[0.7]]]),
    "rest": np.array(0.0),
    "v_min": np.array(-np.inf),
    "train": (np.arange(2 * 3 * 4 * 5) % 3).reshape(2, 1, 3, 4, 5).astype(np.float32),
}


def _holds(body: str) -> Example:
    used = {name: a for name, a in _GIVEN.items() if name in body or name == "v"}
    return Example(_C + body, used, "event")


EXAMPLES = {
    "snnc::IntegrateFire": [
        _holds(f"y = snnc.IntegrateFire <{_FIRE}> (c, decay, threshold, rest, v_min)"),
    ],
    "snnc::CurrentLIF": [
        _holds(f"y = snnc.CurrentLIF <{_FIRE}> (c, by_channel, decay, threshold, rest, v_min)"),
    ],
    "snnc::Pattern": [
        _holds("p = snnc.Pattern(train) y = Add(c, p)"),
    ],
    "snnc::Trace": [
        _holds('y = snnc.Trace <module = "n", call = 0, time_axis = -1> (c, by_channel)'),
    ],
}
