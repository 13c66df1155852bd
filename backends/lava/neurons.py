"""Nodes as Lava processes: one function for each kind, found through tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from snnc.backends.lava.plan import Plan
from snnc.backends.lava.stock import stock_call, stock_lif
from snnc.backends.lava.text import Call, quoted
from snnc.ir.arrays import Array, along
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.neurons import (
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
    RescaledSum,
    Sigma,
    SigmaDelta,
)
from snnc.ir.nodes import HostOp, Input, InputPart, Node, Pattern, Population, Product

INT32 = np.iinfo(np.int32)

_DEFAULTS = {
    "reset_value": "0",
    "v_min": repr(int(INT32.min)),
    "reset_before": "False",
    "leak_multiplier": "1",
    "leak_shift": "0",
    "fraction_bits": "0",
}
"""Arguments of the bundle's IntegrateAndFire that need not be written."""

PopulationLowering = Callable[[Plan, Population, str], Call]
NodeLowering = Callable[[Plan, Node, str], Call]


def node_call(plan: Plan, node: Node, key: str) -> Call:
    """The process of a node.

    Args:
        key: identifier of the node, under which its arrays are kept.

    Raises:
        UnsupportedByTarget: there is no process for it.
    """
    if isinstance(node, Population):
        lowering = POPULATIONS.get(type(node.model))
        if lowering is None:
            raise UnsupportedByTarget(
                f"{plan.limits.target} has no process for {node.model.kind} neurons",
                where=node.module_path or node.name,
                hint=f"it has them for {', '.join(m.kind for m in POPULATIONS)}",
            )
        return lowering(plan, node, key)
    if type(node) not in NODES:
        raise UnsupportedByTarget(
            f"{plan.limits.target} has no process for {node.kind} nodes",
            where=node.module_path or node.name,
            hint="run it on the simulators (target `sim`)",
        )
    return NODES[type(node)](plan, node, key)


def source(plan: Plan, node: Node, key: str) -> Call:
    """An input, or what a host operator computed."""
    arguments = {
        "name": quoted(node.name),
        "counts": f"counts[{quoted(node.name)}]",
        "window": "WINDOW",
        "period": "PERIOD",
        "code": _code(plan, node),
        **_keeps(plan),
    }
    return Call("processes.source", "Source", arguments)


def pattern(plan: Plan, node: Node, key: str) -> Call:
    """Counts that the bundle holds itself, the same in every sample."""
    assert isinstance(node, Pattern)
    held = plan.store(f"{key}.counts", node.counts.astype(np.int32))
    again = f" % {len(node.counts)}" if node.repeat else ""
    arguments = {
        "name": quoted(node.name),
        "counts": f"{held}[np.arange(frames_per_sample){again}]",
        "repeat": "True",
        "window": "WINDOW",
        "period": "PERIOD",
        "code": _code(plan, node),
        **_keeps(plan),
    }
    return Call("processes.source", "Source", arguments)


def product(plan: Plan, node: Node, key: str) -> Call:
    """The product of two operands."""
    assert isinstance(node, Product)
    arguments = {
        "name": quoted(node.name),
        "op": quoted(node.op),
        "a_shape": repr(node.a_shape),
        "b_shape": repr(node.b_shape),
        "shape": repr(node.shape),
        "start": f"START[{quoted(node.name)}]",
        "window": "WINDOW",
        "period": "PERIOD",
        **_keeps(plan),
    }
    return Call("processes.product", "Product", arguments)


def integer_fire(plan: Plan, node: Population, key: str) -> Call:
    """The integer activation."""
    model = node.model
    assert isinstance(model, IntegerFire)
    stock = stock_lif(plan, node)
    if stock is not None:
        return stock_call(plan, node, stock, key)
    thresholds = level_maps(clipped(model.thresholds), len(node.shape), node.channel_axis)
    if not len(thresholds):  # a constant; Lava has no empty Vars
        thresholds = level_maps(np.full((1, 1), INT32.max, np.int32), len(node.shape), 0)
    own = {
        "thresholds": plan.store(f"{key}.thresholds", thresholds),
        "lo": repr(model.lo),
    }
    return Call("processes.fire", "IntegerFire", _common(plan, node, key, own))


def accumulator(plan: Plan, node: Population, key: str) -> Call:
    """A membrane that is passed on."""
    return Call("processes.passing", "Accumulator", _common(plan, node, key, {}))


def maximum(plan: Plan, node: Population, key: str) -> Call:
    """What max-pool synapses lead to."""
    return Call("processes.passing", "Maximum", _common(plan, node, key, {}))


def integrate_and_fire(plan: Plan, node: Population, key: str) -> Call:
    """Spiking neurons with a membrane across frames, and a leaky current before it if any."""
    model = node.model
    assert isinstance(model, FixedIntegrateFire | FixedCurrentLIF)
    stock = stock_lif(plan, node)
    if stock is not None:
        return stock_call(plan, node, stock, key)
    levels = np.moveaxis(clipped(model.thresholds), -1, 0)
    thresholds = np.stack([_map(level, node) for level in levels])
    own = {
        "thresholds": plan.store(f"{key}.thresholds", thresholds),
        "lo": repr(model.lo),
        "reset": quoted(model.reset),
        "reset_step": _parameter(plan, node, key, "reset_step", clipped(model.reset_step)),
        "reset_value": _parameter(plan, node, key, "reset_value", model.reset_value),
        "v_min": _parameter(plan, node, key, "v_min", clipped(model.v_min)),
        "reset_before": repr(model.reset_before),
        "leak_multiplier": _parameter(plan, node, key, "leak_multiplier", model.leak_multiplier),
        "leak_shift": repr(model.leak_shift),
        "fraction_bits": repr(model.fraction_bits),
        "frames_per_sample": "frames_per_sample",
    }
    own = {name: value for name, value in own.items() if _DEFAULTS.get(name) != value}
    process = "IntegrateAndFire"
    if isinstance(model, FixedCurrentLIF):
        process = "CurrentIntegrateAndFire"
        multiplier = model.current_multiplier
        own |= {
            "current_multiplier": _parameter(plan, node, key, "current_multiplier", multiplier),
            "current_shift": repr(model.current_shift),
        }
    return Call("processes.integrate", process, _common(plan, node, key, own))


def trace(plan: Plan, node: Population, key: str) -> Call:
    """Leaky sums that are passed on."""
    model = node.model
    assert isinstance(model, FixedTrace)
    own = {
        "leak_multiplier": _parameter(plan, node, key, "leak_multiplier", model.leak_multiplier),
        "leak_shift": repr(model.leak_shift),
        "fraction_bits": repr(model.fraction_bits),
        "out_shift": repr(model.out_shift),
        "frames_per_sample": "frames_per_sample",
    }
    return Call("processes.trace", "Trace", _common(plan, node, key, own))


def loihi_lif(plan: Plan, node: Population, key: str) -> Call:
    """Loihi's own neuron, firing or read."""
    model = node.model
    assert isinstance(model, LoihiLIF | LoihiReadout)
    stock = stock_lif(plan, node)
    if stock is not None:
        return stock_call(plan, node, stock, key)
    own = {
        "decay_u": repr(model.decay_u),
        "decay_v": repr(model.decay_v),
        "vth": repr(model.threshold),
        "membrane_bias": _parameter(plan, node, key, "membrane_bias", model.bias),
        "readout": repr(isinstance(model, LoihiReadout)),
        "reset_interval": repr(model.reset_interval),
        "reset_offset": repr(model.reset_offset),
        "frames_per_sample": "frames_per_sample",
    }
    return Call("processes.loihi_lif", "LoihiLIF", _common(plan, node, key, own))


def sigma_delta(plan: Plan, node: Population, key: str) -> Call:
    """Neurons that tell their changes."""
    model = node.model
    assert isinstance(model, Delta | SigmaDelta)
    bias = model.bias if isinstance(model, SigmaDelta) else np.array(0)
    own = {
        "threshold": repr(model.threshold),
        "spike_exp": repr(model.spike_exp),
        "state_exp": repr(model.state_exp),
        "activation_bias": _parameter(plan, node, key, "activation_bias", bias),
        "encodes": repr(isinstance(model, Delta)),
        "frames_per_sample": "frames_per_sample",
    }
    return Call("processes.sigma_delta", "SigmaDelta", _common(plan, node, key, own))


def sigma(plan: Plan, node: Population, key: str) -> Call:
    """The sum of what changes tell."""
    own = {"frames_per_sample": "frames_per_sample"}
    return Call("processes.sigma_delta", "Sigma", _common(plan, node, key, own))


def _parameter(plan: Plan, node: Population, key: str, name: str, values: Array) -> str:
    """A number, or the expression that reads the population's array of them."""
    if values.ndim == 0:
        return repr(int(values))
    return plan.store(f"{key}.{name}", _map(values, node).astype(np.int32))


def _map(values: Array, node: Population) -> Array:
    """Values for all, each channel or each neuron, broadcastable to the population's shape."""
    return spread(along(values, len(node.shape), node.channel_axis), node)


def rescaled_sum(plan: Plan, node: Population, key: str) -> Call:
    """A table of two operands."""
    model = node.model
    assert isinstance(model, RescaledSum)
    own = {
        "counts": plan.store(f"{key}.counts", model.counts.reshape(-1).astype(np.int32)),
        "first": repr(model.first),
    }
    return Call("processes.rescaled", "RescaledSum", _common(plan, node, key, own))


def level_maps(thresholds: Array, ndim: int, axis: int) -> Array:
    """Thresholds (C or 1, L) as (L, …), each level broadcastable to a shape of `ndim` axes."""
    extent = [1] * ndim
    extent[axis] = thresholds.shape[0]
    return thresholds.T.reshape(-1, *extent)


def clipped(values: Array) -> Array:
    """Thresholds as int32: membranes have 24 bits, so what is cut off is never reached."""
    return np.clip(values, INT32.min, INT32.max).astype(np.int32)


def spread(values: Array, node: Population) -> Array:
    """`values` with as many axes as the population."""
    return values.reshape((1,) * (len(node.shape) - values.ndim) + values.shape)


def _common(plan: Plan, node: Population, key: str, own: Mapping[str, str]) -> dict[str, str]:
    """Arguments of a population, those of its model (`own`) in the middle."""
    arguments = {"name": quoted(node.name), "shape": repr(node.shape), **own}
    if (node.bias != 0).any():
        bias = along(node.bias, len(node.shape), node.channel_axis).astype(np.int32)
        arguments["bias"] = plan.store(f"{key}.bias", bias)
    return arguments | {
        "start": f"START[{quoted(node.name)}]",
        "window": "WINDOW",
        "period": "PERIOD",
        "code": _code(plan, node),
        **_keeps(plan),
    }


def _keeps(plan: Plan) -> dict[str, str]:
    """In code `delta` membranes keep what has arrived until the sample ends."""
    return {"keeps": "frames_per_sample"} if plan.settings.sends_changes else {}


def _code(plan: Plan, node: Node) -> str:
    return plan.code_of(node.name).upper()


POPULATIONS: Mapping[type[NeuronModel], PopulationLowering] = {
    IntegerFire: integer_fire,
    Accumulator: accumulator,
    Max: maximum,
    RescaledSum: rescaled_sum,
    FixedIntegrateFire: integrate_and_fire,
    FixedCurrentLIF: integrate_and_fire,
    FixedTrace: trace,
    LoihiLIF: loihi_lif,
    LoihiReadout: loihi_lif,
    Delta: sigma_delta,
    SigmaDelta: sigma_delta,
    Sigma: sigma,
}

NODES: Mapping[type[Node], NodeLowering] = {
    Input: source,
    HostOp: source,
    InputPart: source,
    Pattern: pattern,
    Product: product,
}
