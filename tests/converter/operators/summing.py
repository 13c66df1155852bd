"""Layers with weights, sums, pools and products."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Shape
from tests.converter.lower.nets import f32, weights
from tests.converter.operators.examples import Example, ints

_TOKENS = "f = Reshape(k, st) t = Transpose <perm=[0, 2, 1]> (f) "
"""(1, 30, 4): tokens with 4 channels."""
_ST = ints(1, 4, 30)
_ATTENTION = (
    _TOKENS + "q = MatMul(t, wq) aq = Clip(q, lo, hi) rq = Round(aq) "
    "h = MatMul(t, wh) ah = Clip(h, lo, hi) rh = Round(ah) "
)
_QH = {"st": _ST, "wq": weights(4, 3), "wh": weights(4, 3, seed=2)}


def _layer(body: str, status: str = "event", /, **constants: object) -> Example:
    return Example(body, {n: np.asarray(c) for n, c in constants.items()}, status)


def _over(body: str, shape: Shape, *, first: Shape, **constants: object) -> Example:
    """The same with another number of spatial axes."""
    before = "c0 = Conv(x, w1) a0 = Clip(c0, lo, hi) k = Round(a0) "
    arrays = {n: np.asarray(c) for n, c in constants.items()}
    return Example(body, {"w1": weights(*first), **arrays}, "event", before, shape)


_3D = {"shape": (2, 3, 4, 5), "first": (4, 2, 1, 1, 1)}
_1D = {"shape": (2, 9), "first": (4, 2, 1)}

EXAMPLES = {
    "AveragePool": [
        _layer("y = AveragePool <kernel_shape=[2, 2], strides=[2, 2]> (k)"),
        _layer("y = AveragePool <kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]> (k)"),
        _layer(
            "y = AveragePool <kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], "
            "count_include_pad=1> (k)"
        ),
        _layer("y = AveragePool <kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1> (k)"),
        _layer('y = AveragePool <kernel_shape=[3, 2], auto_pad="SAME_UPPER"> (k)'),
        Example(
            "y = AveragePool <kernel_shape=[2, 2], dilations=[2, 3]> (k)",
            {},
            "event",
            opset=19,
        ),
        _over("y = AveragePool <kernel_shape=[2, 2, 2]> (k)", **_3D),
        _over(
            "y = AveragePool <kernel_shape=[4], strides=[3], pads=[1, 1]> (k)",
            **_1D,
        ),
    ],
    "BatchNormalization": [
        _layer(
            "c = Conv(k, v) n = BatchNormalization(c, g, b, m, s) a = Clip(n, lo, hi) y = Round(a)",
            "folded",
            v=weights(3, 4, 2, 2),
            g=weights(3),
            b=weights(3),
            m=weights(3),
            s=f32([1, 2, 0.5]),
        ),
    ],
    "Conv": [
        _layer(
            "y = Conv <strides=[2, 1], dilations=[1, 2], pads=[1, 0, 0, 2]> (k, v, b)",
            v=weights(3, 4, 2, 2),
            b=weights(3),
        ),
        _layer("y = Conv <group=4> (k, v)", v=weights(8, 1, 3, 3)),
        _layer(
            'y = Conv <auto_pad="SAME_LOWER", strides=[2, 2]> (k, v)',
            v=weights(3, 4, 2, 2),
        ),
        _over("y = Conv <strides=[2]> (k, v)", v=weights(3, 4, 3), **_1D),
        _over(
            "y = Conv <pads=[1, 0, 1, 0, 0, 1], strides=[1, 2, 2]> (k, v)",
            v=weights(3, 4, 2, 3, 2),
            **_3D,
        ),
        _over(
            "y = Conv <group=2, dilations=[1, 2, 1]> (k, v)",
            v=weights(4, 2, 2, 2, 2),
            **_3D,
        ),
    ],
    "ConvTranspose": [
        _layer(
            "y = ConvTranspose <strides=[2, 2]> (k, v, b)",
            v=weights(4, 3, 2, 2),
            b=weights(3),
        ),
        _layer(
            "y = ConvTranspose <strides=[2, 3], pads=[1, 0, 1, 2], output_padding=[1, "
            "0], dilations=[1, 2]> (k, v)",
            v=weights(4, 3, 3, 3),
        ),
        _layer(
            "y = ConvTranspose <strides=[2, 2], group=2, pads=[2, 2, 2, 2]> (k, v)",
            v=weights(4, 3, 2, 2),
        ),
        _layer(
            "y = ConvTranspose <strides=[2, 2], output_shape=[9, 12]> (k, v)",
            v=weights(4, 3, 3, 3),
        ),
        _layer(
            'y = ConvTranspose <strides=[2, 2], auto_pad="SAME_UPPER"> (k, v)',
            v=weights(4, 3, 3, 3),
        ),
        _layer(
            'y = ConvTranspose <strides=[3, 2], auto_pad="SAME_LOWER"> (k, v)',
            v=weights(4, 3, 4, 3),
        ),
        _over("y = ConvTranspose <strides=[2]> (k, v)", v=weights(4, 3, 3), **_1D),
        _over(
            "y = ConvTranspose <strides=[2, 1, 2], pads=[0, 1, 0, 0, 0, 1]> (k, v)",
            v=weights(4, 3, 2, 2, 3),
            **_3D,
        ),
    ],
    "CumSum": [
        _layer("y = CumSum(k, a)", a=np.array(2)),
        _layer("y = CumSum <exclusive=1, reverse=1> (k, a)", a=np.array(-1)),
    ],
    "Einsum": [
        _layer('y = Einsum <equation="bchw,co->bohw"> (k, v)', v=weights(4, 3)),
        _layer('y = Einsum <equation="bchw,chw->bhc"> (k, v)', v=weights(4, 5, 6)),
        _layer('y = Einsum <equation="...hw->...wh"> (k)'),
        _layer('y = Einsum <equation="bchw->bc"> (k)'),
        Example(
            'z = Einsum <equation="bqc,bkc->bqk"> (rq, rh) y = MatMul(z, rh)',
            _QH,
            "event",
            Example("").before + _ATTENTION,
        ),
        Example(
            'y = Einsum <equation="bnc,bnd->bdc"> (rq, rh)',
            _QH,
            "event",
            Example("").before + _ATTENTION,
        ),
    ],
    "Gemm": [
        _layer(
            "f = Flatten(k) y = Gemm <alpha=0.5, beta=2.0> (f, v, b)",
            v=weights(120, 3),
            b=weights(3),
        ),
        _layer("f = Flatten(k) y = Gemm <transB=1> (f, v)", v=weights(3, 120)),
        _layer(
            "f = Reshape(k, s) g = Gemm <transA=1> (f, v, b) y = Unsqueeze(g, a)",
            a=ints(0),
            s=ints(4, 30),
            v=weights(4, 3),
            b=weights(3),
        ),
        _layer(
            "f = Reshape(k, s) g = Gemm <transA=1, transB=1> (v, f, b) y = Unsqueeze(g, a)",
            a=ints(0),
            s=ints(30, 4),
            v=weights(4, 3),
            b=weights(30),
        ),
    ],
    "GlobalAveragePool": [
        _layer("y = GlobalAveragePool(k)"),
        _over("y = GlobalAveragePool(k)", **_3D),
    ],
    "GlobalMaxPool": [_layer("y = GlobalMaxPool(k)")],
    "MatMul": [
        _layer("y = MatMul(k, v)", v=weights(6, 3)),
        _layer("y = MatMul(v, k)", v=weights(3, 5)),
        _layer("y = MatMul(k, v)", v=weights(4, 6, 3)),
        _layer("y = MatMul(v, k)", v=weights(1, 4, 3, 5)),
        _layer("y = MatMul(k, v)", v=weights(6)),
        Example(
            "tt = Transpose <perm=[0, 2, 1]> (rh) z = MatMul(rq, tt) y = MatMul(z, rh)",
            _QH,
            "event",
            Example("").before + _ATTENTION,
        ),
        Example(
            "e = Unsqueeze(rh, a) g = Reshape(rq, s) y = MatMul(e, g)",
            _QH | {"a": ints(1), "s": ints(1, 15, 3, 2)},
            "event",
            Example("").before + _ATTENTION,
        ),
    ],
    "MaxPool": [
        _layer("y = MaxPool <kernel_shape=[2, 2], strides=[2, 2]> (k)"),
        _layer(
            "y = MaxPool <kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=1> (k)"
        ),
        _layer("y = MaxPool <kernel_shape=[2, 2], dilations=[2, 3]> (k)"),
        _layer(
            "c = Conv(k, v) p = MaxPool <kernel_shape=[3, 3], pads=[1, 1, 1, 1]> (c) "
            "q = MaxPool <kernel_shape=[3, 3], pads=[1, 1, 1, 1]> (p) y = Concat "
            "<axis=1> (c, p, q)",
            v=weights(3, 4, 1, 1),
        ),
        _layer(
            "c = Conv(k, v) y = MaxPool <kernel_shape=[2, 2], dilations=[2, 3]> (c)",
            v=weights(3, 4, 1, 1),
        ),
        _over("y = MaxPool <kernel_shape=[2, 2, 2]> (k)", **_3D),
        _over("y = MaxPool <kernel_shape=[3], strides=[2]> (k)", **_1D),
        _layer(
            "c = Conv(k, v) y = MaxPool <kernel_shape=[1, 1], strides=[2, 2]> (c)",
            "folded",
            v=weights(3, 4, 1, 1),
        ),
    ],
    "Mean": [_layer("c = Conv(k, v) y = Mean(c, k, one)", v=weights(4, 4, 1, 1), one=f32([1.5]))],
    "ReduceMax": [
        _layer("y = ReduceMax(k, a)", a=ints(2, 3)),
        _layer("y = ReduceMax <keepdims=0> (k, a)", a=ints(1)),
        _layer("c = Conv(k, v) y = ReduceMax(c, a)", v=weights(3, 4, 1, 1), a=ints(-1)),
    ],
    "ReduceMean": [
        _layer("y = ReduceMean(k, a)", a=ints(2, 3)),
        _layer("y = ReduceMean <keepdims=0> (k, a)", a=ints(1)),
        _layer("y = ReduceMean(k)"),
        _over("y = ReduceMean(k, a)", a=ints(2, 3, 4), **_3D),
    ],
    "ReduceSum": [
        _layer("y = ReduceSum(k, a)", a=ints(-1)),
        _layer("y = ReduceSum <keepdims=0> (k, a)", a=ints(1, 3)),
    ],
    "Sum": [
        _layer("c = Conv(k, v) y = Sum(c, k, b, k)", v=weights(4, 4, 1, 1), b=weights(4, 1, 1))
    ],
}
