"""Sparse maps that the lowering makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.ir.arrays import FloatArray, Shape, size_of
from snnc.ir.maps import Sparse


def axis_by_axis(lead: Shape, matrices: Sequence[FloatArray]) -> Sparse:
    """A map that acts along each of the last axes with a matrix of its own.

    Only what is zero in none of them becomes a synapse.

    Args:
        lead: the axes in front of them, which stay apart; the first is the channel.
        matrices: shape (out, in) each.
    """
    in_shape, out_shape = (tuple(m.shape[i] for m in matrices) for i in (1, 0))
    source, target, weight = np.zeros(1, np.int64), np.zeros(1, np.int64), np.ones(1)
    for matrix in matrices:
        into, of = np.nonzero(matrix)
        source = (source[:, None] * matrix.shape[1] + of).reshape(-1)
        target = (target[:, None] * matrix.shape[0] + into).reshape(-1)
        weight = (weight[:, None] * matrix[into, of]).reshape(-1)
    order = np.lexsort((target, source))
    n, each = size_of(lead), np.bincount(source, minlength=size_of(in_shape))
    indptr = np.zeros(n * len(each) + 1, dtype=np.int64)
    np.cumsum(np.tile(each, n), out=indptr[1:])
    block = np.arange(n)[:, None] * size_of(out_shape)
    return Sparse(
        in_shape=(*lead, *in_shape),
        out_shape=(*lead, *out_shape),
        indptr=indptr,
        targets=(block + target[order]).reshape(-1),
        weight=np.tile(weight[order], n),
        channel_axis=0,
    )
