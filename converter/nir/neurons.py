"""NIR's neurons as models of the event graph: forward Euler steps of the equations in the file.

    LIF      v = (1 - dt/tau) v + dt/tau (v_leak + R i);   z = v > v_threshold;  reset
    CubaLIF  c = (1 - dt/tau_syn) c + dt/tau_syn w_in i;   v = (1 - dt/tau_mem) v
             + dt/tau_mem (v_leak + R c);                   z = v > v_threshold;  reset
    IF, I    v = v + R i: i is what one frame brings, dt has no part in it
    LI, CubaLI: LIF, CubaLIF that pass v on instead of firing

Factors of i go into the weights, so that what a population integrates is what its v (or c,
scaled by R dt/tau_mem) gains in a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from snnc.converter.nir.graph import NirNode
from snnc.ir.arrays import FloatArray, Shape
from snnc.ir.errors import DamagedFile, UnsupportedOperator
from snnc.ir.neurons import CurrentLIF, FloatFire, IntegrateFire, NeuronModel, Trace
from snnc.ir.rules import FireRule, RuleOp

Reset: TypeAlias = Literal["subtract", "zero"]


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What NIR leaves open.

    Attributes:
        dt: seconds of one frame, None if no primitive asks for it.
        reset: what a spike leaves of the membrane, None if no primitive resets.
    """

    dt: float | None
    reset: Reset | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """One population.

    Attributes:
        model: its neurons.
        gain: factor of what arrives, of the neurons' shape.
        bias: joins the membrane each frame, likewise.
    """

    model: NeuronModel
    gain: FloatArray
    bias: FloatArray = field(default_factory=lambda: np.zeros(()))


SHAPED = {
    "Threshold": ("threshold",),
    "IF": ("r", "v_threshold"),
    "I": ("r",),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
}
"""Neurons and the parameters that give them their shape."""
TIMED = frozenset({"LI", "LIF", "CubaLI", "CubaLIF", "Delay"})
"""Primitives whose equations hold dt."""
RESETTING = frozenset({"IF", "LIF", "CubaLIF"})


def neuron_shape(node: NirNode) -> Shape | None:
    """Shape of a neuron's parameters; None where all are single numbers."""
    shapes = {node.array(name).shape for name in SHAPED[node.type]} - {()}
    if len(shapes) > 1:
        raise DamagedFile(f"parameters of different shapes: {sorted(shapes)}", where=node.name)
    return shapes.pop() if shapes else None


def stages(node: NirNode, shape: Shape, assumed: Assumptions) -> list[Stage]:
    """Populations, first to last, that do what a neuron of `shape` does.

    Raises:
        UnsupportedOperator: a time constant below dt, or a reset that is not defined.
    """
    return NEURONS[node.type](_Parameters(node, shape, assumed))


@dataclass(frozen=True, eq=False)
class _Parameters:
    """A neuron's parameters, spread over its shape."""

    node: NirNode
    shape: Shape
    assumed: Assumptions

    def __call__(self, name: str, default: float | None = None) -> FloatArray:
        if default is not None and name not in self.node.fields:
            return np.full(self.shape, default)
        value = self.node.array(name)
        if value.shape not in ((), self.shape):
            raise DamagedFile(
                f"`{name}` has shape {value.shape}, the neurons {self.shape}", where=self.node.name
            )
        return np.array(np.broadcast_to(value, self.shape))

    def rate(self, name: str) -> FloatArray:
        """Dt / tau"""
        tau, dt = self(name), self.assumed.dt
        assert dt is not None
        if (tau <= 0).any():
            raise UnsupportedOperator(f"`{name}` is not positive", where=self.node.name)
        rate = dt / tau
        if (rate > 1 + _ROUNDING).any():
            raise UnsupportedOperator(
                f"`{name}` is {tau.min():.6g} s, shorter than a time step of {dt:.6g} s",
                where=self.node.name,
                hint="give the --dt that the network was trained with",
            )
        return np.minimum(rate, 1.0)

    def firing(self) -> dict[str, object]:
        """Threshold and reset."""
        reset, value = self.assumed.reset, self("v_reset", 0.0)
        assert reset is not None
        if reset == "subtract" and value.any():
            raise UnsupportedOperator(
                "`v_reset` is not 0: a reset that subtracts the threshold does not go there",
                where=self.node.name,
                hint="--reset zero resets to v_reset",
            )
        threshold = self("v_threshold")
        if (threshold <= 0).any():
            raise UnsupportedOperator("`v_threshold` is not positive", where=self.node.name)
        return {
            "threshold": few(threshold),
            "strict": True,
            "reset": reset,
            "reset_value": few(value),
        }


_ROUNDING = 1e-6
"""float32's: time constants are stored as quotients by dt."""


def few(values: FloatArray) -> FloatArray:
    """One number for all, one for each channel, or all of them."""
    if (values == values.flat[0]).all():
        return np.array(values.flat[0])
    rows = values.reshape(len(values), -1)
    return rows[:, 0].copy() if (rows == rows[:, :1]).all() else values


def _threshold(p: _Parameters) -> list[Stage]:
    above = few(p("threshold"))
    if above.ndim > 1:  # a rule knows channels only: the sum is shifted instead
        rule, bias = FireRule(ops=(RuleOp.of("greater", 0.0),), dtype="float64"), -p("threshold")
    else:
        rule, bias = FireRule(ops=(RuleOp.of("greater", above),), dtype="float64"), np.zeros(())
    return [Stage(model=FloatFire(rule=rule, lo=0, hi=1), gain=np.ones(p.shape), bias=bias)]


def _integrate_fire(p: _Parameters) -> list[Stage]:
    return [Stage(model=IntegrateFire(**p.firing()), gain=p("r"))]  # type: ignore[arg-type]


def _integrator(p: _Parameters) -> list[Stage]:
    return [Stage(model=Trace(decay=np.array(1.0)), gain=p("r"))]


def _leaky(p: _Parameters) -> list[Stage]:
    rate = p.rate("tau")
    return [
        Stage(model=Trace(decay=few(1 - rate)), gain=rate * p("r"), bias=rate * p("v_leak")),
    ]


def _leaky_fire(p: _Parameters) -> list[Stage]:
    rate = p.rate("tau")
    model = IntegrateFire(decay=few(1 - rate), **p.firing())  # type: ignore[arg-type]
    return [Stage(model=model, gain=rate * p("r"), bias=rate * p("v_leak"))]


def _current(p: _Parameters) -> Stage:
    rate = p.rate("tau_syn")
    return Stage(model=Trace(decay=few(1 - rate)), gain=rate * p("w_in", 1.0))


def _current_leaky(p: _Parameters) -> list[Stage]:
    rate = p.rate("tau_mem")
    behind = Trace(decay=few(1 - rate))
    return [_current(p), Stage(model=behind, gain=rate * p("r"), bias=rate * p("v_leak"))]


def _current_leaky_fire(p: _Parameters) -> list[Stage]:
    rate, firing = p.rate("tau_mem"), p.firing()
    decay, bias = few(1 - rate), rate * p("v_leak")
    current = _current(p)
    if bias.any():  # it joins the membrane, not the current: two populations
        model: NeuronModel = IntegrateFire(decay=decay, **firing)  # type: ignore[arg-type]
        return [current, Stage(model=model, gain=rate * p("r"), bias=bias)]
    assert isinstance(current.model, Trace)
    model = CurrentLIF(decay=decay, current_decay=current.model.decay, **firing)  # type: ignore[arg-type]
    return [Stage(model=model, gain=rate * p("r") * current.gain)]


NEURONS: dict[str, Callable[[_Parameters], list[Stage]]] = {
    "Threshold": _threshold,
    "IF": _integrate_fire,
    "I": _integrator,
    "LI": _leaky,
    "LIF": _leaky_fire,
    "CubaLI": _current_leaky,
    "CubaLIF": _current_leaky_fire,
}
"""Neurons: from parameters to populations."""
