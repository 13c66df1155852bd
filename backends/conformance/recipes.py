"""Random parameters for neuron models, fitted to the input that they will see.

A recipe takes one frame's input of a population over all samples and frames and makes a model
that neither stays silent nor saturates on it. A registered model without a recipe here makes
its own in a class method `example(i, axis, rng)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from snnc.ir.arrays import INT64_MAX, INT64_MIN, IntArray
from snnc.ir.errors import GraphError
from snnc.ir.neurons import (
    NEURONS,
    Accumulator,
    Delta,
    FixedCurrentLIF,
    FixedIntegrateFire,
    FixedTrace,
    IntegerFire,
    LoihiLIF,
    LoihiReadout,
    Max,
    NeuronModel,
    Sigma,
    SigmaDelta,
)

Recipe: TypeAlias = Callable[[IntArray, int, np.random.Generator], NeuronModel]

ROUNDINGS = ("half-even", "half-up", "floor", "above", "any")
"""How the thresholds of a staircase come about; `above` is a strict comparison."""


def integer_models() -> list[str]:
    """Kinds of the registered models that an integer graph can hold."""
    return sorted(kind for kind, model in NEURONS.items() if "integer" in model.forms)


def make_model(kind: str, i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    """A model of `kind` with random parameters that suit `i`, shape (frames, *shape)."""
    if kind in RECIPES:
        return RECIPES[kind](i, axis, rng)
    example = getattr(NEURONS[kind], "example", None)
    if example is None:
        raise GraphError(
            f"no random parameters for neuron model `{kind}`",
            hint="give it a class method `example(i, axis, rng)`",
        )
    model: NeuronModel = example(i, axis, rng)
    return model


def staircase(
    i: IntArray, axis: int, rng: np.random.Generator, rounding: str, n_levels: int
) -> IntegerFire:
    """An integer-fire model with thresholds as `rounding` makes them, ties included.

    Args:
        i: input over all frames, shape (frames, *shape).
        rounding: one of `ROUNDINGS`.
        n_levels: L, counts run from lo to lo + L.
    """
    lo = int(rng.choice([0, 0, -1, -(n_levels // 2), -n_levels]))
    lo = max(lo, -n_levels)
    by_channel = rng.random() < 0.5
    rows = by_rows(i, axis) if by_channel else i.reshape(1, -1)
    thresholds = np.stack([_levels(row, lo, n_levels, rounding, rng) for row in rows])
    chance = rng.random()
    if chance < 0.05:
        thresholds[rng.integers(len(thresholds)), -1] = INT64_MAX
    elif chance < 0.1 and n_levels > 1:
        thresholds[rng.integers(len(thresholds)), 0] = INT64_MIN
    return IntegerFire(lo=lo, thresholds=thresholds)


def by_rows(i: IntArray, axis: int) -> IntArray:
    """(frames, *shape) as (C, n)."""
    return np.moveaxis(i, axis + 1, 0).reshape(i.shape[axis + 1], -1)


def _levels(
    row: IntArray, lo: int, n_levels: int, rounding: str, rng: np.random.Generator
) -> IntArray:
    if rounding == "any":
        return np.sort(rng.choice(row, size=n_levels))
    low, high = (int(q) for q in np.quantile(row, [rng.uniform(0, 0.3), rng.uniform(0.7, 1)]))
    step = max(1, round((high - low) / n_levels))
    origin = low - step * lo
    return np.array([threshold(rounding, origin, step, lo + 1 + j) for j in range(n_levels)])


def threshold(rounding: str, origin: int, step: int, k: int) -> int:
    """Smallest i that the rule `round((i - origin) / step)` takes to at least k."""
    if rounding == "floor":
        return origin + step * k
    if rounding == "above":
        return origin + step * k + 1
    twice = 2 * origin + step * (2 * k - 1)
    if rounding == "half-even" and k % 2:
        return twice // 2 + 1  # a tie goes to the even neighbour below
    return -(-twice // 2)


def _integer_fire(i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    return staircase(i, axis, rng, str(rng.choice(ROUNDINGS)), int(rng.integers(1, 9)))


def _threshold_of(i: IntArray, axis: int, rng: np.random.Generator) -> IntArray:
    rows = by_rows(i, axis) if rng.random() < 0.5 else i.reshape(1, -1)
    levels = [max(1, int(np.quantile(np.abs(row), rng.uniform(0.3, 0.9)))) for row in rows]
    return np.array(levels if len(levels) > 1 else levels[0], dtype=np.int64)


def _firing(i: IntArray, axis: int, rng: np.random.Generator, fraction: int) -> dict[str, Any]:
    """Thresholds, resets and fraction of neurons that keep a membrane."""
    unit = _threshold_of(i, axis, rng) << fraction
    n_levels = int(rng.choice([1, 1, 2, 4]))
    lo = int(rng.choice([0, 0, 0, -1, -n_levels]))
    at = np.arange(lo + 1, lo + n_levels + 1) - rng.choice([0.0, 0.5])
    thresholds = np.ceil(unit[..., None] * at).astype(np.int64) + rng.integers(0, 2)
    reset = str(rng.choice(["subtract", "subtract", "zero", "none"]))
    return {
        "lo": lo,
        "thresholds": thresholds,
        "reset_step": unit,
        "reset": reset,
        "reset_value": rng.integers(-3, 4) if rng.random() < 0.3 else 0,
        "v_min": -unit if rng.random() < 0.3 else np.array(INT64_MIN),
        "reset_before": bool(rng.random() < 0.3),
        "fraction_bits": fraction,
    }


def _leak(i: IntArray, axis: int, rng: np.random.Generator) -> tuple[IntArray, int]:
    """A multiplier for all, each channel or each neuron, and its shift."""
    shift = int(rng.choice([0, 1, 3, 12]))
    shapes = [(), (i.shape[axis + 1],), i.shape[1:]]
    return rng.integers(0, 2**shift + 1, shapes[rng.integers(3)]), shift


def _integrate_fire(i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    multiplier, shift = _leak(i, axis, rng)
    if rng.random() < 0.3:
        multiplier, shift = np.array(1), 0
    firing = _firing(i, axis, rng, int(rng.choice([0, 0, 6])))
    return FixedIntegrateFire(leak_multiplier=multiplier, leak_shift=shift, **firing)


def _current_lif(i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    multiplier, shift = _leak(i, axis, rng)
    current_multiplier, current_shift = _leak(i, axis, rng)
    return FixedCurrentLIF(
        leak_multiplier=multiplier,
        leak_shift=shift,
        current_multiplier=current_multiplier,
        current_shift=current_shift,
        **_firing(i, axis, rng, int(rng.choice([0, 0, 6]))),
    )


def _trace(i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    multiplier, shift = _leak(i, axis, rng)
    fraction = int(rng.choice([0, 3, 6]))
    return FixedTrace(
        leak_multiplier=multiplier,
        leak_shift=shift,
        fraction_bits=fraction,
        out_shift=int(rng.integers(0, fraction + 1)),
    )


def _loihi(i: IntArray, axis: int, rng: np.random.Generator) -> dict[str, Any]:
    """Decays, threshold, bias and resets of Loihi's own neurons."""
    reach = max(1, int(np.quantile(np.abs(i), 0.9)))
    shapes = [(), (i.shape[axis + 1],), i.shape[1:]]
    interval = int(rng.choice([0, 0, 2, 3]))
    return {
        "decay_u": int(rng.choice([0, 400, 2048, 4096])),
        "decay_v": int(rng.choice([0, 128, 1024, 4096])),
        "threshold": min(int(rng.integers(1, 3 * reach + 1)), 2**17),
        "bias": rng.integers(-min(reach, 1000), min(reach, 1000) + 1, shapes[rng.integers(3)]),
        "reset_interval": interval,
        "reset_offset": int(rng.integers(0, max(interval, 1))),
    }


def _sigma_delta(i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    """Exponents that leave room in 24 bits for the sum of all frames."""
    reach = int(np.abs(i).max(initial=1)) * len(i)
    spare = max(0, 22 - reach.bit_length())
    state_exp = int(rng.integers(0, min(spare, 6) + 1))
    shapes = [(), (i.shape[axis + 1],), i.shape[1:]]
    return SigmaDelta(
        threshold=int(rng.integers(0, 4)),
        spike_exp=int(rng.integers(0, min(spare - state_exp, 6) + 1)),
        state_exp=state_exp,
        bias=rng.integers(-1, 2, shapes[rng.integers(3)]),
    )


def _delta(i: IntArray, axis: int, rng: np.random.Generator) -> NeuronModel:
    spare = max(0, 22 - int(np.abs(i).max(initial=1)).bit_length())
    exponents = rng.integers(0, min(spare // 2, 6) + 1, 2)
    return Delta(
        threshold=int(rng.integers(0, 4)),
        spike_exp=int(exponents[0]),
        state_exp=int(exponents[1]),
    )


RECIPES: dict[str, Recipe] = {
    IntegerFire.kind: _integer_fire,
    Accumulator.kind: lambda i, axis, rng: Accumulator(),
    Max.kind: lambda i, axis, rng: Max(),
    FixedIntegrateFire.kind: _integrate_fire,
    FixedCurrentLIF.kind: _current_lif,
    FixedTrace.kind: _trace,
    LoihiLIF.kind: lambda i, axis, rng: LoihiLIF(**_loihi(i, axis, rng)),
    LoihiReadout.kind: lambda i, axis, rng: LoihiReadout(**_loihi(i, axis, rng)),
    Delta.kind: _delta,
    SigmaDelta.kind: _sigma_delta,
    Sigma.kind: lambda i, axis, rng: Sigma(),
}
