"""Sparse weight matrices, shape (n_out, n_in), from the kernels in weights.npz.

Neurons count in C order of their population's shape (channels first), on both sides.
"""

from itertools import product

import numpy as np
from scipy.sparse import csr_matrix, diags, identity, kron


def dense_matrix(weight, lead=()):
    """(n_out, n_in) weights, repeated for each position of the leading axes `lead`."""
    return csr_matrix(kron(identity(int(np.prod(lead)), dtype=np.int32), weight))


def diagonal_matrix(weight, shape, channel_axis=0):
    """One weight for all neurons, or one for each channel."""
    if weight.ndim:
        spread = [1] * len(shape)
        spread[channel_axis] = len(weight)
        weight = weight.reshape(spread)
    return csr_matrix(diags(np.broadcast_to(weight, shape).ravel(), dtype=np.int32))


def listed_matrix(weight, indptr, targets, n_out):
    """Synapses listed by input neuron: n owns `indptr[n]` to `indptr[n + 1] - 1`."""
    return csr_matrix(csr_matrix((weight, targets, indptr), shape=(len(indptr) - 1, n_out)).T)


def conv_matrix(kernel, in_shape, stride, padding, dilation, groups=1):
    """Cross-correlation, as PyTorch's convolutions; one or two spatial axes.

    Args:
        kernel: shape (C_out, C_in / groups, *window).
        in_shape: (C_in, *spatial).
        stride, dilation: for each spatial axis.
        padding: (before, after) for each spatial axis.
    """
    c_out, c_group = kernel.shape[:2]
    per_group = c_out // groups
    out_spatial, taps = window_taps(in_shape[1:], kernel.shape[2:], stride, padding, dilation)
    n_in, n_out = int(np.prod(in_shape[1:])), int(np.prod(out_spatial))
    rows, columns, values = [], [], []
    for tap, source, target in taps:
        for c in range(c_out):
            channels = c // per_group * c_group + np.arange(c_group)
            shape = (c_group, len(source))
            rows.append(np.broadcast_to(c * n_out + target, shape).ravel())
            columns.append((channels[:, None] * n_in + source).ravel())
            values.append(np.broadcast_to(kernel[(c, slice(None), *tap)][:, None], shape).ravel())
    return from_lists(rows, columns, values, (c_out * n_out, in_shape[0] * n_in))


def pool_matrix(weight, in_shape, window, stride, padding):
    """Sum over a sliding window of each channel."""
    n_channels = in_shape[0]
    out_spatial, taps = window_taps(in_shape[1:], window, stride, padding, (1,) * len(window))
    n_in, n_out = int(np.prod(in_shape[1:])), int(np.prod(out_spatial))
    weights = np.broadcast_to(weight, (n_channels,))
    rows, columns, values = [], [], []
    for _, source, target in taps:
        for c in range(n_channels):
            rows.append(c * n_out + target)
            columns.append(c * n_in + source)
            values.append(np.full(len(source), weights[c]))
    return from_lists(rows, columns, values, (n_channels * n_out, n_channels * n_in))


def window_taps(spatial, window, stride, padding, dilation):
    """Output extent, and for each tap of the window the flat positions that it joins."""
    extent = tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, after), d in zip(
            spatial, window, stride, padding, dilation, strict=True
        )
    )
    taps = []
    for tap in product(*(range(k) for k in window)):
        source, target = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        for axis, k in enumerate(tap):
            out = np.arange(extent[axis])
            at = out * stride[axis] + k * dilation[axis] - padding[axis][0]
            inside = (at >= 0) & (at < spatial[axis])
            source = (source[:, None] * spatial[axis] + at[inside]).ravel()
            target = (target[:, None] * extent[axis] + out[inside]).ravel()
        taps.append((tap, source, target))
    return extent, taps


def from_lists(rows, columns, values, shape):
    """A matrix from lists of parts."""
    parts = (np.concatenate(part) for part in (values, rows, columns))
    value, row, column = parts
    return csr_matrix((value.astype(np.int32), (row, column)), shape=shape)


def taken_from(matrix, gather, n_source):
    """The matrix for a source of which input j takes neuron `gather[j]` (-1: none)."""
    used = gather >= 0
    place = csr_matrix(
        (np.ones(used.sum(), dtype=np.int32), (np.flatnonzero(used), gather[used])),
        shape=(len(gather), n_source),
    )
    return csr_matrix(matrix @ place)


def low_byte(matrix):
    """The lowest 8 bits of each weight, 0 to 255: weight = 256 * high + low."""
    part = matrix.copy()
    part.data = part.data & 255
    return part


def high_byte(matrix):
    """What is above the lowest 8 bits, -128 to 127 for a 16-bit weight."""
    part = matrix.copy()
    part.data = part.data >> 8
    return part
