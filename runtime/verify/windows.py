"""Convolutions and pools by sliding windows, any number of axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import helper

from snnc.ir.arrays import FloatArray


def convolve(node: onnx.NodeProto, x: FloatArray, w: FloatArray) -> FloatArray:
    """X * w without a bias, by the attributes of a Conv node.

    Args:
        node: its strides, dilations, pads, auto_pad and group are used.
        x: shape (N, C, *spatial).
        w: shape (M, C / group, *kernel).
    """
    given = _given(node)
    n, groups = w.ndim - 2, given.get("group", 1)
    strides = list(given.get("strides", [1] * n))
    dilations = list(given.get("dilations", [1] * n))
    extent = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    padding = _padding(given, x.shape[2:], extent, strides)
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    windows = sliding_window_view(x, extent, axis=tuple(range(2, 2 + n)))
    steps = tuple(slice(None, None, s) for s in strides)
    taps = tuple(slice(None, None, d) for d in dilations)
    windows = windows[(slice(None), slice(None), *steps, *taps)]
    out = windows.shape[2 : 2 + n]
    # (N, C, *out, *kernel) to (groups, N * out, C / group * kernel)
    parts = windows.reshape(len(x), groups, -1, *windows.shape[2:])
    order = (1, 0, *range(3, 3 + n), 2, *range(3 + n, 3 + 2 * n))
    columns = parts.transpose(order).reshape(groups, len(x) * int(np.prod(out)), -1)
    rows = w.reshape(groups, len(w) // groups, -1).transpose(0, 2, 1)
    y = np.matmul(columns, rows)
    y = y.reshape(groups, len(x), *out, -1)
    return np.moveaxis(y, (0, -1), (1, 2)).reshape(len(x), len(w), *out)


def _padding(
    given: dict[str, Any], shape: tuple[int, ...], extent: list[int], strides: list[int]
) -> list[tuple[int, int]]:
    n = len(shape)
    mode = given.get("auto_pad", b"NOTSET").decode()
    if mode == "NOTSET":
        pads = given.get("pads", [0] * 2 * n)
        return [(pads[i], pads[i + n]) for i in range(n)]
    if mode == "VALID":
        return [(0, 0)] * n
    found = []
    for size, e, s in zip(shape, extent, strides, strict=True):
        total = max(0, (-(-size // s) - 1) * s + e - size)
        small, large = total // 2, total - total // 2
        found.append((small, large) if mode == "SAME_UPPER" else (large, small))
    return found


def pooled(node: onnx.NodeProto, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Sums over the windows of a pool, and how many elements each window holds.

    Returns:
        sums, shape (N, C, *out); numbers of elements, broadcastable to it.
    """
    windows, padding = _pool_windows(node, x, 0.0)
    n = x.ndim - 2
    axes = tuple(range(2 + n, 2 + 2 * n))
    sums = windows.sum(axis=axes)
    if _given(node).get("count_include_pad", 0) or not any(map(sum, padding)):
        return sums, np.array(float(np.prod(windows.shape[2 + n :])))
    inside, _ = _pool_windows(node, np.ones_like(x[:1, :1]), 0.0)
    return sums, inside.sum(axis=axes)


def maxima(node: onnx.NodeProto, x: FloatArray) -> FloatArray:
    """Maxima over the windows of a pool, shape (N, C, *out)."""
    windows, _ = _pool_windows(node, x, -np.inf)
    n = x.ndim - 2
    return np.asarray(windows.max(axis=tuple(range(2 + n, 2 + 2 * n))))


def is_simple(node: onnx.NodeProto) -> bool:
    """Do the windows lie inside of the padded input: no ceil_mode, no dilation?"""
    given = _given(node)
    return not given.get("ceil_mode", 0) and set(given.get("dilations", [1])) == {1}


def _given(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _pool_windows(
    node: onnx.NodeProto, x: FloatArray, fill: float
) -> tuple[FloatArray, list[tuple[int, int]]]:
    given = _given(node)
    kernel = list(given["kernel_shape"])
    strides = list(given.get("strides", [1] * len(kernel)))
    padding = _padding(given, x.shape[2:], kernel, strides)
    padded = np.pad(x, [(0, 0), (0, 0), *padding], constant_values=fill)
    windows = sliding_window_view(padded, kernel, axis=tuple(range(2, 2 + len(kernel))))
    return windows[(slice(None), slice(None), *(slice(None, None, s) for s in strides))], padding
