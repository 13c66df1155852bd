"""Fixed-point arithmetic of neurons with state: leaks, fractions, bounds.

State lies in units of 2^-fraction_bits of what a frame brings. A leak multiplies by an integer
and shifts, towards zero, as Loihi does: leak(v) = sign(v) * ((|v| * multiplier) >> shift).
"""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import Array, BoolArray, FloatArray, IntArray, Shape, along
from snnc.ir.errors import GraphError
from snnc.ir.neurons.base import IntegerSite

FRACTION_BITS = 6
"""Fraction of a state that forgets at once; Lava's, too. Slower leaks round more often."""

_MOST_FRACTION_BITS = 24
_LEAK_BITS = 24
"""Where a target has no limit."""
_LEAK_ERROR = 2.0**-12
"""Relative error of 1 - decay that is good enough."""
_NEAR = 2.0**-40
_LARGEST = 2**62


def leaked(v: Array, multiplier: IntArray, shift: int) -> Array:
    """sign(v) * ((|v| * multiplier) >> shift)"""
    return np.sign(v) * ((np.abs(v) * multiplier) >> shift)


def fixed_leak(decay: FloatArray, leak_bits: int | None) -> tuple[IntArray, int]:
    """Multipliers and the smallest shift that hold `decay` well enough.

    Args:
        decay: share of a state that a frame leaves, 0 … 1.
        leak_bits: largest shift; None: as many as it takes.
    """
    most = _LEAK_BITS if leak_bits is None else leak_bits
    for shift in range(most + 1):
        multiplier = np.rint(decay * 2.0**shift)
        error = np.abs(multiplier / 2.0**shift - decay)
        if (error <= _LEAK_ERROR * (1 - decay)).all():
            break
    return multiplier.astype(np.int64), shift


def wanted_fraction(*decays: FloatArray) -> int:
    """Fraction bits with which truncation stays below 2^-FRACTION_BITS, however slow the leak."""
    slowest = min((float((1 - d[d < 1]).min(initial=1.0)) for d in decays), default=1.0)
    bits = FRACTION_BITS + int(np.ceil(-np.log2(slowest)))
    return min(bits, _MOST_FRACTION_BITS)


def to_integers(values: FloatArray, strict: bool | BoolArray = False) -> IntArray:
    """Smallest integers at or above (`strict`: above) `values`; float noise does not count."""
    nearest = np.rint(values)
    exact = np.abs(values - nearest) <= _NEAR * np.maximum(np.abs(values), 1)
    found = np.where(exact, nearest + np.asarray(strict), np.ceil(values))
    return np.clip(found, -_LARGEST, _LARGEST).astype(np.int64)


def is_exact(values: FloatArray) -> bool:
    """Are all of these integers?"""
    return bool((np.abs(values - np.rint(values)) <= _NEAR * np.maximum(np.abs(values), 1)).all())


def fine_units(values: FloatArray, site: IntegerSite) -> FloatArray:
    """Real values in units of what a frame brings.

    One value for all stays one where the step allows it; else one for each channel or neuron.
    """
    step = site.step
    if (step == step.flat[0]).all():
        return np.asarray(values / step.flat[0])
    if values.ndim <= 1 and values.shape in ((), step.shape):
        return np.asarray(values / step)
    return np.asarray(values / site.along(step))


def scaled(values: IntArray, fraction: int) -> Array:
    """Values * 2^fraction, however large, as Python integers."""
    return np.asarray(values.astype(object) * 2**fraction)


def largest_kept(i: Array, multiplier: IntArray, shift: int, n_frames: int) -> Array:
    """The largest magnitude that `n_frames` inputs of magnitude `i` can leave.

    With a leak this is the geometric sum over all frames there may ever be.
    """
    lost = (2**shift - multiplier).astype(object)
    forever = -(-(i * 2**shift) // np.maximum(lost, 1))
    return np.where(lost > 0, forever, i * n_frames)


def check_per_neuron(name: str, values: Array, shape: Shape, axis: int) -> None:
    """Raise `GraphError` unless there is one value for all, for each channel or neuron."""
    if values.shape not in ((), (shape[axis],), shape):
        raise GraphError(
            f"{name} is (), ({shape[axis]},) or {shape}, got shape {values.shape}",
        )


def check_leak(multiplier: IntArray, shift: int, shape: Shape, axis: int) -> None:
    """Raise `GraphError` unless a leak keeps between nothing and all."""
    check_per_neuron("leak_multiplier", multiplier, shape, axis)
    if not 0 <= shift <= _LEAK_BITS or (multiplier < 0).any() or (multiplier > 2**shift).any():
        raise GraphError(
            f"a leak keeps between nothing and all: leak_multiplier is 0 … {2**shift}, "
            f"got {multiplier.min()} … {multiplier.max()}"
        )


def check_decay(name: str, decay: FloatArray, shape: Shape, axis: int) -> None:
    """Raise `GraphError` unless a share of the state is left."""
    check_per_neuron(name, decay, shape, axis)
    if not ((decay >= 0) & (decay <= 1)).all():
        raise GraphError(f"{name} is the share that a frame leaves, 0 … 1, got {decay}")


def one_for_all(values: IntArray) -> IntArray:
    """One value where all are equal."""
    first = values.reshape(-1)[0]
    return np.asarray(first) if (values == first).all() else values


def spread(values: Array, v: Array, axis: int) -> Array:
    """Values for all, each channel or each neuron, against arrays (N, *shape)."""
    return along(values, v.ndim - 1, axis)
