"""Neurons with state: the operators of domain `snnc` become populations that keep their state."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.converter.lower.context import Lowering
from snnc.converter.lower.registry import lowers
from snnc.converter.lower.source import SourceNode
from snnc.converter.lower.spread import Spread
from snnc.converter.lower.values import Affine, Value, wire_to
from snnc.converter.sources.spiking.operators import (
    CURRENT_LIF,
    DOMAIN,
    INPUTS,
    INTEGRATE_FIRE,
    TRACE,
)
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.errors import LevelsConflict, UnknownLevels, UnsupportedOperator
from snnc.ir.neurons import CurrentLIF, IntegrateFire, NeuronModel, Trace

_PARAMETERS = {"i_decay": "current_decay"}
"""Where a neuron model calls an input of the operator otherwise."""


@lowers(f"{DOMAIN}::{INTEGRATE_FIRE}", fate="event", why="spiking neurons with a membrane")
def integrate_fire(lowering: Lowering, node: SourceNode) -> Value:
    """Integrate-and-fire: v = decay * v + x;  k = fire(v);  v = reset(v, k)."""
    value, place, given = _site(lowering, node)
    model = IntegrateFire(**given, **_firing(lowering, node))
    return _population(lowering, node, value, place, model)


@lowers(
    f"{DOMAIN}::{CURRENT_LIF}", fate="event", why="spiking neurons with a current and a membrane"
)
def current_lif(lowering: Lowering, node: SourceNode) -> Value:
    """Current-based LIF: i = i_decay * i + x;  v = decay * v + i;  then as above."""
    value, place, given = _site(lowering, node)
    model = CurrentLIF(**given, **_firing(lowering, node))
    return _population(lowering, node, value, place, model)


@lowers(f"{DOMAIN}::{TRACE}", fate="event", why="leaky traces, passed on as graded events")
def trace(lowering: Lowering, node: SourceNode) -> Value:
    """Leaky trace: s = decay * s + x, the value itself."""
    value, place, given = _site(lowering, node)
    return _population(lowering, node, value, place, Trace(**given))


def _site(lowering: Lowering, node: SourceNode) -> tuple[Affine, tuple[Shape, int], dict[str, Any]]:
    """What arrives, where it is integrated, and the neurons' parameters."""
    value = lowering.events(lowering.operand(node, 0))
    shape, axis = lowering.builder.place_of(value)
    given: dict[str, Any] = {}
    names = INPUTS[node.op_type.removeprefix(f"{DOMAIN}::")][1:]
    for i, name in enumerate(names, start=1):
        array = lowering.constant(node, i)
        assert array is not None
        given[_PARAMETERS.get(name, name)] = _by_neuron(array, value.shape, shape, axis)
    if node.get("reset", "zero") != "zero":
        given.pop("reset_value", None)
    return value, (shape, axis), given


def _by_neuron(array: Any, full: Shape, shape: Shape, axis: int) -> FloatArray:
    """A constant that broadcasts against x, as one value for all, each channel or neuron."""
    spread = Spread.of(array, full)
    values = spread.by_channel(shape, axis)
    return spread.reshape(shape).full().copy() if values is None else values


def _firing(lowering: Lowering, node: SourceNode) -> dict[str, Any]:
    rounding = str(node.get("rounding")).replace("_", "-")
    lo, hi = int(node.get("lo")), int(node.get("hi"))
    if hi < lo:
        hi = _highest(lowering, node)
    elif rounding != "step" and lowering.levels not in (None, max(-lo, hi)):
        raise LevelsConflict(
            f"the neurons count to D = {max(-lo, hi)}, --levels says {lowering.levels}",
            where=node.where,
            hint="leave --levels out: it is for activations that the model does not bound",
        )
    return {
        "lo": lo,
        "hi": hi,
        "rounding": rounding,
        "strict": bool(node.get("strict")),
        "reset": str(node.get("reset")),
        "reset_before": bool(node.get("reset_before")),
    }


def _highest(lowering: Lowering, node: SourceNode) -> int:
    if lowering.levels is None:
        raise UnknownLevels(
            "nothing bounds how many spikes these neurons give in a frame",
            where=node.where,
            hint="say --levels D, or give the neurons a largest number of spikes a step",
        )
    return lowering.levels


def _population(
    lowering: Lowering,
    node: SourceNode,
    value: Affine,
    place: tuple[Shape, int],
    model: NeuronModel,
) -> Affine:
    path = str(node.get("module", "")) or node.module_path or node.name
    _check_bottom(node, model)
    counts = None if model.emits == "value" else model.count_range(*place)
    population = lowering.builder.population(
        value, model, name=path, place=place, tensor=node.outputs[0], count_range=counts
    )
    lowering.mark(node.name, "event", "a population that keeps its state across frames")
    return wire_to(population.name, value.shape, tensor=node.outputs[0])


def _check_bottom(node: SourceNode, model: NeuronModel) -> None:
    """A delayed reset reads the membrane before it; what holds it there is another rule."""
    if getattr(model, "reset_before", False) and np.isfinite(model.v_min).any():  # type: ignore[attr-defined]
        raise UnsupportedOperator(
            "a membrane with a lower bound whose reset comes a frame late",
            where=node.where,
            hint="leave out the lower bound, or let the reset act at once",
        )
