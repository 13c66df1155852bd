"""What stock integrate-and-fire neurons ask for: one threshold for a whole population.

Lava's LIF, and a core of Loihi, compare all membranes with the same threshold. Channels whose
staircases have other steps get other weights instead, rounded to the chip's width: the smaller a
channel's step is, the larger its weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnc.ir.arrays import Array, FloatArray, IntArray, size_of
from snnc.ir.graph import Projection
from snnc.ir.maps import LinearMap
from snnc.ir.nodes import Population

MEMBRANE_BITS = 24
"""Of the neurons that chips have: 23 bits and sign [nengo-loihi: V_BITS; lava-nc: LIF.v]."""

CURRENT_SHIFT = 6
"""Lava's LIF adds its input to the membrane with so many fraction bits [lava-nc: LIF]."""

THRESHOLD_BITS = 17
"""Of Loihi's thresholds, without these fraction bits [lava-nc: LIF.vth, precision 17]."""

BIAS_BITS = 13
"""Of a bias, likewise: 12 bits and sign [nengo-loihi: BIAS_BITS; lava-nc: LIF.bias_mant]."""

MOST_EXPONENT = 7
"""Of a synapse group [nengo-loihi: Synapse.format weight_exp]."""

LARGEST_WEIGHT = 127
"""Of 8 bits, the other sign alike [lava.md C2: Timcheck et al., arXiv:2601.10035]."""

COARSEST = 8
"""A channel's largest weight has to be worth so many steps; else its own threshold is kept."""


def common_threshold(
    node: Population,
    incoming: Sequence[Projection],
    factors: Sequence[int],
    taken: Array,
    reach: FloatArray,
    bias: Array,
) -> tuple[FloatArray, IntArray] | None:
    """Gains by channel that make one threshold do, and that threshold, shape ().

    Args:
        factors: of the weights of each projection.
        taken: what a spike takes, for all or by channel.
        reach: the largest input of a tick, by channel, in the same units.
        bias: of every neuron, in the same units.

    Returns:
        None where channels and weights do not go together, or weights would become too coarse.
    """
    if taken.ndim > 1 or not all(_goes_with(node, p) for p in incoming):
        return None
    taken = np.broadcast_to(taken, (node.n_channels,))
    rows = [
        factor * _largest_by_channel(p.map, node.n_channels)
        for p, factor in zip(incoming, factors, strict=True)
    ]
    largest = np.max([np.zeros(node.n_channels), *rows], axis=0)
    axes = tuple(a for a in range(len(node.shape)) if a != node.channel_axis)
    bound = np.stack(
        [
            np.full(node.n_channels, 2.0 ** (THRESHOLD_BITS - 1)),
            2.0 ** (THRESHOLD_BITS - 1) * taken / np.maximum(reach, 1e-9),
            LARGEST_WEIGHT * taken / np.maximum(largest, 1e-9),
            (2.0 ** (BIAS_BITS - 1) - 1)
            * taken
            / np.maximum(np.broadcast_to(np.abs(bias), node.shape).max(axis=axes), 1e-9),
        ]
    )
    threshold = int(bound.min())
    gain = threshold / taken
    if threshold < 1 or (gain * largest)[largest > 0].min(initial=COARSEST) < COARSEST:
        return None
    return gain, np.array(threshold)


def scaled_rows(map_: LinearMap, by: FloatArray) -> LinearMap:
    """A map with the weights of each output channel multiplied, and rounded to integers."""
    weight = map_.weight
    if weight.ndim == 0:  # one for all becomes one for each channel
        return map_.with_weight(np.rint(weight * by).astype(np.int64))
    factors = by[map_.weight_channels()].reshape(weight.shape)
    return map_.with_weight(np.rint(weight * factors).astype(np.int64))


def _goes_with(node: Population, p: Projection) -> bool:
    """Is each output channel of a map a channel of the population?"""
    axis = p.map.channel_axis % len(p.map.out_shape)
    inner = size_of(p.map.out_shape[axis + 1 :])
    return p.map.n_channels == node.n_channels and inner == size_of(
        node.shape[node.channel_axis + 1 :]
    )


def _largest_by_channel(map_: LinearMap, n_channels: int) -> FloatArray:
    """The largest |weight| of each output channel, shape (C,)."""
    size = np.abs(map_.weight).astype(np.float64).reshape(-1)
    if map_.weight.ndim == 0:
        return np.full(n_channels, size[0])
    found = np.zeros(n_channels)
    np.maximum.at(found, map_.weight_channels(), size)
    return found
