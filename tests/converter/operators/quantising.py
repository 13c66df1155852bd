"""Quantised operators: per tensor and per channel, signed and unsigned, with zero points.

Weights stay small: ONNX Runtime's 8-bit kernels saturate on some processors.
"""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Array
from tests.converter.lower.nets import f32
from tests.converter.operators.examples import COUNTS, Example

_RNG = np.random.default_rng(3)
_BEFORE = COUNTS + "q = QuantizeLinear(k, s, z) "
"""Stored integers q of the counts: uint8, zero point 3, 0.25 the step."""


def small(*shape: int, dtype: str = "int8") -> Array:
    low = 0 if dtype.startswith("u") else -20
    return _RNG.integers(low, 21, shape).astype(dtype)


_ALWAYS = {
    "s": f32(0.25), "z": np.uint8(3), "s2": f32(0.11), "z2": np.uint8(7),
    "t": f32(0.9), "tz": np.int8(-4), "u": f32(0.31), "uz": np.uint8(11),
    "ws": f32(0.013), "wz": np.int8(0), "wz3": np.uint8(5),
    "wc": f32([0.013, 0.02, 0.007]), "wcz": np.zeros(3, np.int8),
    "p": f32(1 / 256), "z0": np.uint8(0), "flat": np.array([1, 4, 30]),
}  # fmt: skip
_CONV = {"w": small(3, 4, 3, 3), "bias": _RNG.integers(-300, 300, 3).astype(np.int32)}
_DENSE = {"m": small(30, 7)}


def _example(body: str, status: str = "event", /, **own: Array) -> Example:
    names = {n: np.asarray(a) for n, a in (_ALWAYS | own).items() if _uses(_BEFORE + body, n)}
    return Example(body, names, status, before=_BEFORE)


def _uses(text: str, name: str) -> bool:
    for mark in "(),<>=[]":
        text = text.replace(mark, " ")
    return name in text.split()


_FLAT = "f = Reshape(q, flat) "
_TWO = "q2 = QuantizeLinear(k, s2, z2) "
_END = "y = DequantizeLinear(r, u, uz)"

EXAMPLES = {
    "QLinearConv": [
        _example("r = QLinearConv(q, s, z, w, ws, wz, u, uz, bias) " + _END, **_CONV),
        _example("r = QLinearConv <pads=[1,1,1,1]> (q, s, z, w, wc, wcz, u, uz) " + _END, **_CONV),
        _example(
            "r = QLinearConv <group=2, strides=[2,1]> (q, s, z, w2, ws, wz, u, uz) " + _END,
            w2=small(4, 2, 2, 3),
        ),
        _example(
            "r = QLinearConv(q, s, z, wu, ws, wz3, u, uz) " + _END,
            wu=small(3, 4, 3, 3, dtype="uint8"),
        ),
    ],
    "QLinearMatMul": [
        _example(_FLAT + "r = QLinearMatMul(f, s, z, m, ws, wz, u, uz) " + _END, **_DENSE)
    ],
    "ConvInteger": [
        _example("c = ConvInteger(q, w, z) y = Cast <to=1> (c)", **_CONV),
    ],
    "MatMulInteger": [
        _example(
            _FLAT + "i = MatMulInteger(f, m, z) c = Cast <to=1> (i) d = Mul(c, ws) "
            "r = QuantizeLinear(d, u, uz) " + _END,
            **_DENSE,
        )
    ],
    "com.microsoft::MatMulIntegerToFloat": [
        _example(
            _FLAT + "d = com.microsoft.MatMulIntegerToFloat(f, m, s, ws, z, wz) "
            "r = QuantizeLinear(d, u, uz) " + _END,
            **_DENSE,
        )
    ],
    "com.microsoft::QGemm": [
        _example(
            "f = Flatten(q) r = com.microsoft.QGemm <transB=1, alpha=0.5> "
            "(f, s, z, g, ws, wz, gb, u, uz) " + _END,
            g=small(6, 120), gb=_RNG.integers(-300, 300, 6).astype(np.int32),
        ),
        _example(
            "f = Flatten(q) y = com.microsoft.QGemm <transB=1> (f, s, z, g, ws, wz)",
            g=small(6, 120),
        ),
    ],
    "com.microsoft::QLinearAdd": [
        _example(_TWO + "r = com.microsoft.QLinearAdd(q, s, z, q2, s2, z2, u, uz) " + _END)
    ],
    "com.microsoft::QLinearMul": [
        _example(_TWO + "r = com.microsoft.QLinearMul(q, s, z, q2, s2, z2, u, uz) " + _END)
    ],
    "com.microsoft::QLinearAveragePool": [
        _example(
            "r = com.microsoft.QLinearAveragePool <kernel_shape=[2,3]> (q, s, z, u, uz) " + _END
        )
    ],
    "com.microsoft::QLinearGlobalAveragePool": [
        _example("r = com.microsoft.QLinearGlobalAveragePool(q, s, z, u, uz) " + _END)
    ],
    "com.microsoft::QLinearSigmoid": [
        _example("r = com.microsoft.QLinearSigmoid(q, s, z, p, z0) y = DequantizeLinear(r, p, z0)")
    ],
    "com.microsoft::QLinearLeakyRelu": [
        _example("r = com.microsoft.QLinearLeakyRelu <alpha=0.2> (q, s, z, u, uz) " + _END)
    ],
    "com.microsoft::QLinearConcat": [
        _example(
            _TWO + "r = com.microsoft.QLinearConcat <axis=1> (u, uz, q, s, z, q2, s2, z2) " + _END
        )
    ],
}  # fmt: skip
