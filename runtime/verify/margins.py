"""Is a difference of counts explained by rounding? How far from the threshold was it?"""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Array, BoolArray, FloatArray
from snnc.ir.neurons import NeuronModel
from snnc.ir.nodes import Population

_HALVINGS = 40


def near_threshold(
    node: Population, i: FloatArray, bound: FloatArray, k: FloatArray, at: tuple[Array, ...]
) -> tuple[BoolArray, FloatArray]:
    """Differences that rounding explains, and their margins.

    A count `k` is explained where the neuron gives it for some pre-activation within `bound` of
    `i`. The margin is the distance from `i` to where it starts to.

    Args:
        node: a firing population of the float form.
        i: exact pre-activations, shape (B, *shape).
        bound: of the source's rounding, same shape.
        k: the source's counts, same shape.
        at: indices of the differing activations, as `np.nonzero` gives them.

    Returns:
        for each of them: explained?, margin (the bound itself where not).
    """
    model = node.model.at_neurons(at[1:], node.channel_axis)
    x, width, wanted = i[at], bound[at], k[at]

    def reaches(distance: FloatArray) -> BoolArray:
        low, high = _fire(model, x - distance), _fire(model, x + distance)
        return np.asarray((np.minimum(low, high) <= wanted) & (wanted <= np.maximum(low, high)))

    explained = reaches(width)
    inside, outside = np.zeros_like(width), width.copy()
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        hit = reaches(middle)
        inside, outside = np.where(hit, inside, middle), np.where(hit, middle, outside)
    return explained, outside


def any_near(node: Population, i: FloatArray, bound: FloatArray) -> BoolArray:
    """Frames in which some activation lies within its bound of a threshold, shape (B,)."""
    axis = node.channel_axis
    low, _ = node.model.latch(i - bound, node.model.initial_state(i.shape), axis)
    high, _ = node.model.latch(i + bound, node.model.initial_state(i.shape), axis)
    return np.asarray((low != high).reshape(len(i), -1).any(axis=1))


def _fire(model: NeuronModel, x: FloatArray) -> FloatArray:
    """Counts of single neurons, each its own channel, shape (n,)."""
    k, _ = model.latch(x[None], model.initial_state(x[None].shape), 0)
    return np.asarray(k[0], dtype=np.float64)
