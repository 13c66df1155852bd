"""Populations as NIR's neurons, in the integer units of their membranes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from snnc.ir.arrays import INT64_MAX, INT64_MIN, Array, FloatArray, Shape, along
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.neurons import Accumulator, CurrentLIF, IntegerFire, IntegrateFire, Trace
from snnc.ir.nodes import Population

Fields: TypeAlias = dict[str, Any]

NEVER = 1e30
"""A threshold that nothing reaches, and one (negative) that everything passes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Neurons:
    """What stands for a population; the nodes take the same sum, and what they give is added.

    Attributes:
        nodes: fields of each one.
        reset: what a spike leaves, None for nodes without reset.
        note: what the file does not hold exactly, None if nothing.
    """

    nodes: tuple[Fields, ...]
    reset: str | None = None
    note: str | None = None


def neurons(
    population: Population, real: Population, step: FloatArray, shape: Shape, dt: float
) -> Neurons:
    """NIR's nodes for a population.

    Args:
        population: of the integer form.
        real: the same one of the float form.
        step: signed real value of integer 1 of its membrane, (C,).
        shape: that the nodes have.
        dt: seconds of a frame.

    Raises:
        UnsupportedByTarget: NIR has no such neuron.
    """
    model = population.model
    if isinstance(model, IntegerFire):
        return _bank(population, model, shape)
    spread = along(step, len(population.shape), population.channel_axis)

    def units(values: Array) -> FloatArray:
        by_place = along(values, len(population.shape), population.channel_axis) / spread
        return np.array(np.broadcast_to(by_place, population.shape)).reshape(shape)

    def kept(values: Array) -> FloatArray:
        by_place = along(values, len(population.shape), population.channel_axis)
        return np.array(np.broadcast_to(by_place, population.shape)).reshape(shape)

    origin = real.model
    if isinstance(origin, Accumulator):
        return Neurons(nodes=({"type": "Scale", "scale": np.ones(shape)},))
    if isinstance(origin, IntegrateFire | CurrentLIF):
        return _firing(population, origin, units, kept, dt)
    if isinstance(origin, Trace):
        return _trace(population, origin, kept(origin.decay), dt)
    raise _no(population, f"NIR has no `{model.kind}` neuron")


def _bank(population: Population, model: IntegerFire, shape: Shape) -> Neurons:
    """K = #{j : i >= theta_j}: one Threshold for each level, their spikes are added up."""
    if model.lo:
        raise _no(population, f"its counts begin at {model.lo}, NIR's at 0")
    nodes = []
    for level in model.thresholds.T:
        below = np.where(level == INT64_MAX, NEVER, level - 0.5)  # z = i > threshold
        below = np.where(level == INT64_MIN, -NEVER, below)
        by_place = along(below, len(population.shape), population.channel_axis)
        by_place = by_place if len(level) > 1 else by_place.reshape(())
        full = np.array(np.broadcast_to(by_place, population.shape)).reshape(shape)
        nodes.append({"type": "Threshold", "threshold": full})
    return Neurons(nodes=tuple(nodes))


def _firing(
    population: Population, model: IntegrateFire | CurrentLIF, units: Any, kept: Any, dt: float
) -> Neurons:
    if model.rounding != "step":
        raise _no(population, "it emits counts in a frame, NIR's neurons one spike")
    if model.reset == "none" or model.reset_before:
        raise _no(population, "NIR's neurons reset as they fire")
    threshold = units(model.threshold)
    if not model.strict:
        if model.reset == "subtract":
            raise _no(
                population,
                "it fires at v >= threshold and subtracts that, NIR's neurons at v > threshold",
            )
        threshold = np.nextafter(threshold, -np.inf)
    fields: Fields = {"v_threshold": threshold, "v_reset": units(model.reset_value)}
    decay = kept(model.decay)
    note: str | None = (
        f"{population.name}: NIR has no rounding of leaks, other simulators leak in floats"
    )
    if isinstance(model, CurrentLIF):
        share = kept(model.current_decay)
        if (decay == 1).any() or (share == 1).any():
            raise _no(population, "its membrane or current never leaks: tau would be infinite")
        fields |= {"type": "CubaLIF", "v_leak": np.zeros_like(decay)}
        fields |= {"tau_mem": dt / (1 - decay), "r": 1 / (1 - decay)}
        fields |= {"tau_syn": dt / (1 - share), "w_in": 1 / (1 - share)}
    elif (decay == 1).all():
        fields |= {"type": "IF", "r": np.ones_like(decay)}
        note = None
    elif (decay == 1).any():
        raise _no(population, "some of its membranes never leak: tau would be infinite")
    else:
        fields |= {"type": "LIF", "v_leak": np.zeros_like(decay)}
        fields |= {"tau": dt / (1 - decay), "r": 1 / (1 - decay)}
    return Neurons(nodes=(fields,), reset=model.reset, note=note)


def _trace(population: Population, model: Trace, decay: FloatArray, dt: float) -> Neurons:
    passed_on = 2.0 ** (population.model.fraction_bits - population.model.out_shift)  # type: ignore[attr-defined]
    note = f"{population.name}: NIR has no rounding of traces"
    gain = np.full(decay.shape, passed_on)
    if (decay == 1).all():
        return Neurons(nodes=({"type": "I", "r": gain},), note=note)
    if (decay == 1).any():
        raise _no(population, "some of its traces never leak: tau would be infinite")
    fields = {"type": "LI", "tau": dt / (1 - decay), "r": gain / (1 - decay)}
    return Neurons(nodes=(fields | {"v_leak": np.zeros_like(decay)},), note=note)


def _no(population: Population, what: str) -> UnsupportedByTarget:
    return UnsupportedByTarget(what, where=population.module_path or population.name)
