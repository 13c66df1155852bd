"""Populations that are, bit for bit, lava-nc's own LIF neurons.

Lava's fixed-point LIF (lava-nc 0.10.0, proc/lif/models.py, PyLifResetModelBitAcc) computes at every
step

    u = leak(u, du + 1) + (a_in << 6);   v = leak(v, dv) + u + (bias_mant << bias_exp)
    spike = v > (vth << 6);              v = 0 where it spikes
    leak(x, d) = sign(x) * ((|x| * (4096 - d)) >> 12)

u wraps and v saturates at 24 bits. It has no window: it integrates and fires at every step, so it
can only stand where every step is a frame of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.lava.limits import BIAS_BITS, LEAK_BITS, STATE_BITS, THRESHOLD_BITS
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.text import Call, quoted
from snnc.ir.arrays import Array, IntArray, along, bits
from snnc.ir.neurons import FixedCurrentLIF, FixedIntegrateFire, LoihiLIF, NeuronModel
from snnc.ir.nodes import Population
from snnc.ir.rate import METADATA

UNIT = 6
"""What arrives, and the threshold, stand so many bits above the membrane's lowest."""

LARGEST = 2 ** (STATE_BITS - 1) - 1
ONE = 2**LEAK_BITS


@dataclass(frozen=True)
class StockLIF:
    """Parameters of lava-nc's LIF.

    Attributes:
        du, dv: decays of current and voltage; 4095 forgets the current, 0 keeps the voltage.
        vth: threshold, in units of 2^6.
        bias: per neuron, in units of 2^6, shape of the population; None: none.
    """

    du: int
    dv: int
    vth: int
    bias: IntArray | None = None


def stock_lif(plan: Plan, node: Population) -> StockLIF | None:
    """The LIF neurons of lava-nc that a population is; None if it is none of theirs."""
    find = STOCK.get(type(node.model))
    every_step = plan.schedule.window == plan.schedule.period == 1
    if find is None or not every_step or plan.settings.code not in ("burst", "graded"):
        return None
    found = find(plan, node)
    if found is None or not _representable(found) or not _silent_before(plan, node, found):
        return None
    return found


def stock_call(plan: Plan, node: Population, lif: StockLIF, key: str) -> Call:
    """Its constructor: a sample begins with u = v = 0, at the step of its first frame."""
    first = f"START[{quoted(node.name)}]"
    arguments = {
        "name": quoted(node.name),
        "shape": repr(node.shape),
        "du": repr(lif.du),
        "dv": repr(lif.dv),
        "vth": repr(lif.vth),
    }
    if lif.bias is not None:
        arguments |= {
            "bias_mant": plan.store(f"{key}.bias", lif.bias.astype(np.int32)),
            "bias_exp": repr(UNIT),
            "v": "SILENT",
        }
    arguments |= {
        "reset_interval": "frames_per_sample",
        "reset_offset": f"({first} + 1) % frames_per_sample",
    }
    return Call("lava.proc.lif.process", "LIFReset", arguments)


def _integrate_fire(plan: Plan, node: Population) -> StockLIF | None:
    """Its input reaches the membrane at once, which is a current without memory."""
    model = node.model
    assert isinstance(model, FixedIntegrateFire)
    return _membrane(plan, node, model, du=ONE - 1)


def _current_lif(plan: Plan, node: Population) -> StockLIF | None:
    model = node.model
    assert isinstance(model, FixedCurrentLIF)
    kept = _kept(model.current_multiplier, model.current_shift)
    # the bias joins the current here and the voltage there
    apart = kept != 0 and bool((node.bias != 0).any())
    if kept is None or kept == ONE or apart or model.fraction_bits != UNIT:
        return None
    return _membrane(plan, node, model, du=ONE - 1 - kept)


def _loihi_lif(plan: Plan, node: Population) -> StockLIF | None:
    """The same equations; only resets within a sample are more than Lava's one interval says."""
    model = node.model
    assert isinstance(model, LoihiLIF)
    if model.reset_interval or not model.decay_u or (node.bias != 0).any():
        return None
    bias = along(model.bias, len(node.shape), node.channel_axis)
    return StockLIF(
        du=model.decay_u - 1,
        dv=model.decay_v,
        vth=model.threshold,
        bias=np.broadcast_to(bias, node.shape) if bias.any() else None,
    )


def _membrane(
    plan: Plan, node: Population, model: FixedIntegrateFire | FixedCurrentLIF, du: int
) -> StockLIF | None:
    kept, theta = _kept(model.leak_multiplier, model.leak_shift), _one(model.thresholds)
    binary = model.lo == 0 and model.thresholds.shape[-1] == 1
    to_zero = model.reset == "zero" and not (model.reset_value != 0).any()
    finer = UNIT - model.fraction_bits
    if kept is None or theta is None or not binary or not to_zero or finer < 0:
        return None
    bottom = _bottom(plan, node, model.v_min)
    if bottom is None or max(-bottom, plan.ranges[node.name].membrane_hi) << finer > LARGEST:
        return None
    whole = kept == ONE and bottom != -LARGEST and du == ONE - 1
    if whole:  # the membrane is a multiple of what one input brings
        vth = -(-(theta << finer) >> UNIT) - 1
    elif finer == 0 and (theta - 1) % 2**UNIT == 0:
        vth = (theta - 1) >> UNIT
    else:
        return None
    bias = node.bias_map().astype(np.int64) if (node.bias != 0).any() else None
    return StockLIF(du=du, dv=ONE - kept, vth=vth, bias=bias)


def _bottom(plan: Plan, node: Population, v_min: IntArray) -> int | None:
    """The lowest membrane, where it is not held above what Lava's would be."""
    lowest = plan.ranges[node.name].membrane_lo
    if int(v_min.max()) <= lowest:
        return lowest
    return -LARGEST if _one(v_min) == -LARGEST else None


def _kept(multiplier: IntArray, shift: int) -> int | None:
    """Share that a leak keeps, in units of 2^-12; None if it is not one such share for all."""
    value = _one(multiplier)
    return None if value is None or shift > LEAK_BITS else value << (LEAK_BITS - shift)


def _one(values: Array) -> int | None:
    first = int(values.flat[0])
    return first if bool((values == first).all()) else None


def _representable(lif: StockLIF) -> bool:
    bias = 0 if lif.bias is None else bits(int(lif.bias.min()), int(lif.bias.max()))
    return 0 <= lif.vth < 2**THRESHOLD_BITS and lif.dv < ONE and bias <= BIAS_BITS


def _silent_before(plan: Plan, node: Population, lif: StockLIF) -> bool:
    """Is it silent until its first frame, though its bias already acts?

    It starts as low as a membrane can be, and the first frame's reset ends that. But resets come
    once a sample: of samples shorter than the way to it, earlier ones fall before its first frame.
    Only code `rate` fixes how long a sample is; else one may fall before the first tick.
    """
    if lif.bias is None:
        return True
    start = plan.schedule.start[node.name]
    frames = plan.graph.metadata.get(METADATA, {}).get("ticks")
    bias = np.unique(lif.bias) << UNIT
    v = np.full(len(bias), 0 if frames is None else -LARGEST, dtype=np.int64)
    for tick in range(start):
        if frames is not None and tick % frames == start % frames:
            v = np.zeros(len(bias), dtype=np.int64)
        v = np.sign(v) * ((np.abs(v) * (ONE - lif.dv)) >> LEAK_BITS) + bias
        if (v > lif.vth << UNIT).any():
            return False
    return True


STOCK: Mapping[type[NeuronModel], Callable[[Plan, Population], StockLIF | None]] = {
    FixedIntegrateFire: _integrate_fire,
    FixedCurrentLIF: _current_lif,
    LoihiLIF: _loihi_lif,
}
