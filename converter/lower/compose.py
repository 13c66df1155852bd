"""Compose linear maps that have no neuron between them, where that is exact."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, FloatArray, Shape, size_of
from snnc.ir.maps import Conv, Dense, LinearMap

_MAX_WEIGHTS = 2**25


def compose(first: LinearMap, second: LinearMap) -> LinearMap | None:
    """The map second(first(x)); None where no single map of a known kind says the same."""
    if first.out_shape != second.in_shape:
        return None
    if isinstance(first, Dense) and isinstance(second, Dense):
        return Dense(weight=second.weight @ first.weight, lead=second.lead)
    if isinstance(first, Conv) and isinstance(second, Conv):
        return _compose_convs(first, second)
    return None


def _compose_convs(first: Conv, second: Conv) -> Conv | None:
    """Two convolutions as one.

    Exact only where the second does not pad: its zeros are not what the first would compute
    outside of its input. A first convolution of 1x1 without padding gives zero for zero.
    """
    pointwise = is_pointwise(first)
    if not pointwise and any(pad for sides in second.padding for pad in sides):
        return None
    stride = tuple(a * b for a, b in zip(first.stride, second.stride, strict=True))
    if pointwise:
        padding, dilation, kernel = second.padding, second.dilation, second.kernel
    elif is_pointwise(second):
        padding, dilation, kernel = first.padding, first.dilation, first.kernel
    else:
        padding, dilation = first.padding, (1,) * len(stride)
        kernel = _reach(first, second)
    groups = first.groups if first.groups == second.groups else 1
    n_weights = second.out_shape[0] * first.in_shape[0] // groups * size_of(kernel)
    if n_weights > _MAX_WEIGHTS:
        return None
    composed = Conv(
        weight=_kernel(first, second, kernel, dilation, groups),
        in_shape=first.in_shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return composed if composed.out_shape == second.out_shape else None


def is_pointwise(conv: Conv) -> bool:
    """Is it one matrix for every position?"""
    unpadded = not any(pad for sides in conv.padding for pad in sides)
    return unpadded and set(conv.kernel) == {1} and set(conv.stride) == {1}


def _reach(first: Conv, second: Conv) -> Shape:
    return tuple(
        d1 * (k1 - 1) + s1 * d2 * (k2 - 1) + 1
        for k1, d1, s1, k2, d2 in zip(
            first.kernel, first.dilation, first.stride, second.kernel, second.dilation, strict=True
        )
    )


def _kernel(first: Conv, second: Conv, kernel: Shape, dilation: Shape, groups: int) -> FloatArray:
    w1, w2 = _grouped(first, groups), _grouped(second, groups)
    out: Array = np.zeros((groups, w2.shape[1], w1.shape[2], *kernel))
    for a in product(*(range(k) for k in first.kernel)):
        for b in product(*(range(k) for k in second.kernel)):
            at = tuple(
                (d1 * i + s1 * d2 * j) // d
                for d1, i, s1, d2, j, d in zip(
                    first.dilation, a, first.stride, second.dilation, b, dilation, strict=True
                )
            )
            into, left, right = _taps(at), w2[_taps(b)], w1[_taps(a)]
            out[into] += np.matmul(left, right)
    out.flags.writeable = False  # nobody else's: the map may keep it without a copy
    return out.reshape(groups * out.shape[1], *out.shape[2:])


def _taps(at: Shape) -> Any:
    return (..., *at)


def _grouped(conv: Conv, groups: int) -> Array:
    """Weights as (groups, C_out per group, C_in per group, *kernel), filled up with zeros."""
    n_out, n_in = conv.weight.shape[0] // conv.groups, conv.weight.shape[1]
    blocks = conv.weight.reshape(conv.groups, n_out, n_in, *conv.kernel)
    if groups == conv.groups:
        return np.asarray(blocks)
    full = np.zeros((1, conv.groups * n_out, conv.groups * n_in, *conv.kernel))
    for g, block in enumerate(blocks):
        full[0, g * n_out : (g + 1) * n_out, g * n_in : (g + 1) * n_in] = block
    return full
