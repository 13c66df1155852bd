"""Elementwise operators: arithmetic, and the parts of integer activations."""

from __future__ import annotations

import numpy as np

from tests.converter.lower.nets import f32, weights
from tests.converter.operators.examples import Example

_V = {"v": weights(3, 4, 2, 2)}
_C = "c = Conv(k, v) "


def _fires(body: str, status: str | None = "event", /, **constants: object) -> Example:
    """A second layer with the activation in question."""
    return Example(_C + body, _V | {n: np.asarray(c) for n, c in constants.items()}, status)


_CHANNEL = weights(3, 1, 1) + f32(2)
_QUANTISED = (
    "q = QuantizeLinear(c, s, z) y = DequantizeLinear(q, s, z)",
    {"s": f32(0.25), "z": np.array(3, dtype=np.int8)},
)
_PAIR = "d = Conv(k, u) e = Clip(d, lo, hi) j = Round(e) a = Clip(c, lo, hi) r = Round(a) "
_U = weights(3, 4, 2, 2, seed=3)
_ROUND = " r = Clip(o, lo, hi) y = Round(r)"

EXAMPLES = {
    "Add": [
        _fires("y = Add(c, b)", "folded", b=weights(3, 1, 1)),
        _fires(_PAIR + "y = Add(r, j)", u=_U),
        _fires("m = ReduceMean(k, a) y = Add(c, m)", a=[1, 2, 3]),
        _fires("s = ReduceSum(c, a) y = Add(s, b)", "folded", a=[1], b=weights(2, 1, 1)),
    ],
    "Cast": [
        _fires(
            "a = Clip(c, lo, hi) r = Round(a) i = Cast <to=7> (r) y = Cast <to=1> (i)",
            "folded",
        )
    ],
    "CastLike": [_fires("a = Clip(c, lo, hi) r = Round(a) y = CastLike(r, lo)", None)],
    "Ceil": [_fires("a = Clip(c, lo, hi) y = Ceil(a)")],
    "Clip": [
        _fires("a = Clip(c, lo, hi) y = Round(a)"),
        _fires("r = Round(c) y = Clip(r, mi, hi)", mi=f32(-3)),
    ],
    "DequantizeLinear": [_fires(_QUANTISED[0], "folded", **_QUANTISED[1])],
    "Div": [
        _fires("o = Div(c, s)" + _ROUND, s=f32(0.7)),
        _fires("y = Div(c, s)", "folded", s=_CHANNEL),
    ],
    "Dropout": [_fires("y = Dropout(c)", None)],
    "Floor": [_fires("h = Add(c, half) f = Floor(h) y = Clip(f, lo, hi)", half=f32(0.5))],
    "Greater": [_fires("o = Greater(c, t) y = Cast <to=1> (o)", t=f32(0.3))],
    "GreaterOrEqual": [_fires("o = GreaterOrEqual(c, t) y = Cast <to=1> (o)", t=_CHANNEL)],
    "Identity": [_fires("o = Identity(c)" + _ROUND, None)],
    "HardSigmoid": [_fires("h = HardSigmoid(c) m = Mul(h, hi) y = Round(m)")],
    "LeakyRelu": [
        _fires("l = LeakyRelu <alpha=0.25> (c) q = Clip(l, n, hi) y = Round(q)", n=f32(-3))
    ],
    "PRelu": [
        _fires(
            "l = PRelu(c, s) q = Clip(l, n, hi) y = Round(q)",
            n=f32(-3),
            s=f32([[[0.5]], [[0]], [[1.5]]]),
        )
    ],
    "Sign": [_fires("y = Sign(c)"), _fires("q = Sign(c) y = Mul(q, s)", s=f32(0.5))],
    "Less": [_fires("o = Less(t, c) y = Cast <to=1> (o)", t=f32(0.3))],
    "LessOrEqual": [_fires("o = LessOrEqual(t, c) y = Cast <to=1> (o)", t=f32(0.3))],
    "Max": [
        _fires(
            "m = Max(c, lo) n = Min(m, hi3) y = Round(n)",
            hi3=_CHANNEL * 0 + f32([[[2]], [[3]], [[4]]]),
        )
    ],
    "Min": [_fires("m = Min(c, hi3) n = Max(m, lo) y = Round(n)", hi3=f32([[[2]], [[3]], [[4]]]))],
    "Mul": [
        _fires("o = Mul(c, s)" + _ROUND, s=f32(0.7)),
        _fires("o = Mul(c, s)" + _ROUND, "folded", s=f32([[[1]], [[-0.5]], [[2]]])),
        _fires(_PAIR + "y = Mul(r, j)", u=_U),
        _fires(_PAIR + "m = ReduceMax(j, ax) y = Mul(r, m)", u=_U, ax=[2, 3]),
    ],
    "Neg": [_fires("n = Neg(c) a = Clip(n, lo, hi) y = Round(a)")],
    "QuantizeLinear": [_fires(_QUANTISED[0], **_QUANTISED[1])],
    "Relu": [_fires("r = Relu(c) o = Min(r, hi) y = Round(o)")],
    "Round": [_fires("o = Mul(c, s)" + _ROUND, s=f32(1.5))],
    "Sub": [
        _fires("y = Sub(b, c)", "folded", b=weights(3, 1, 1)),
        _fires(_PAIR + "y = Sub(r, j)", u=_U),
    ],
    "Where": [_fires("o = Greater(c, t) y = Where(o, s, z)", t=f32(0.3), s=f32(1), z=f32(0))],
}
