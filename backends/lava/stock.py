"""Populations that are, bit for bit, lava-nc's own LIF neurons.

Lava's fixed-point LIF (lava-nc 0.10.0, proc/lif/models.py, PyLifResetModelBitAcc) computes at every
step

    u = leak(u, du + 1) + (a_in << 6);   v = leak(v, dv) + u + (bias_mant << bias_exp)
    spike = v > (vth << 6);              v = 0 where it spikes
    leak(x, d) = sign(x) * ((|x| * (4096 - d)) >> 12)

u wraps and v saturates at 24 bits. It has no window: it integrates and fires at every step, so it
can only stand where every step is a frame of its own. A population without memory is one as well:
its u and v are reset at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from snnc.backends.lava.limits import (
    BIAS_BITS,
    BIAS_EXPONENT_BITS,
    LEAK_BITS,
    STATE_BITS,
    THRESHOLD_BITS,
)
from snnc.backends.lava.plan import Plan
from snnc.backends.lava.text import Call, quoted
from snnc.ir.arrays import Array, IntArray, along, bits
from snnc.ir.neurons import (
    FixedCurrentLIF,
    FixedIntegrateFire,
    IntegerFire,
    LoihiLIF,
    NeuronModel,
)
from snnc.ir.nodes import Population
from snnc.ir.rate import METADATA

UNIT = 6
"""What arrives, and the threshold, stand so many bits above the membrane's lowest."""

LARGEST = 2 ** (STATE_BITS - 1) - 1
ONE = 2**LEAK_BITS

_EVERY_STEP = "it fires in every tick, so that each has to be a frame of its own"


@dataclass(frozen=True)
class StockLIF:
    """Parameters of lava-nc's LIF.

    Attributes:
        du, dv: decays of current and voltage; 4095 forgets the current, 0 keeps the voltage.
        vth: threshold, in units of 2^6.
        bias: per neuron, in units of 2^6, shape of the population; None: none.
        forgets: are u and v reset at every step, not only where a sample begins?
    """

    du: int
    dv: int
    vth: int
    bias: IntArray | None = None
    forgets: bool = False


class _IsNone(Exception):
    """A population is none of lava-nc's LIF neurons, and why."""


def stock_lif(plan: Plan, node: Population) -> StockLIF | None:
    """The LIF neurons of lava-nc that a population is; None if it is none of theirs."""
    try:
        return _stock_lif(plan, node)
    except _IsNone:
        return None


def why_not_stock(plan: Plan, node: Population) -> str | None:
    """What keeps a population from being the chip's LIF; None where it is, or is no such neuron."""
    try:
        _stock_lif(plan, node)
    except _IsNone as reason:
        return str(reason) if type(node.model) in STOCK else None
    return None


def _stock_lif(plan: Plan, node: Population) -> StockLIF:
    find = STOCK.get(type(node.model))
    if find is None:
        raise _IsNone(node.model.kind)
    every_step = plan.schedule.window == plan.schedule.period == 1
    if not every_step or plan.settings.code not in ("burst", "graded"):
        raise _IsNone(_EVERY_STEP)
    found = find(plan, node)
    _check_formats(found)
    _check_silence(plan, node, found)
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
        mantissa, exponent = bias_format(lif.bias)
        arguments["bias_mant"] = plan.store(f"{key}.bias", mantissa.astype(np.int32))
        arguments["bias_exp"] = repr(UNIT)
        if (exponent != UNIT).any():
            arguments["bias_exp"] = plan.store(f"{key}.bias_exp", exponent.astype(np.int32))
    if lif.forgets:
        return _process(arguments | {"reset_interval": "1", "reset_offset": "0"})
    if lif.bias is not None:
        arguments["v"] = "SILENT"
    return _process(
        arguments
        | {
            "reset_interval": "frames_per_sample",
            "reset_offset": f"({first} + 1) % frames_per_sample",
        }
    )


def _process(arguments: Mapping[str, str]) -> Call:
    return Call("lava.proc.lif.process", "LIFReset", arguments)


def bias_format(bias: IntArray) -> tuple[IntArray, IntArray]:
    """Mantissas and exponents of biases in units of 2^6: the smallest exponents that do."""
    mantissa, exponent = bias.astype(np.int64), np.full(bias.shape, UNIT)
    for larger in range(UNIT + 1, 2**BIAS_EXPONENT_BITS):
        wide = (_too_wide(mantissa)) & (mantissa % 2 == 0)
        mantissa = np.where(wide, mantissa >> 1, mantissa)
        exponent = np.where(wide, larger, exponent)
    return mantissa, exponent


def _too_wide(mantissa: IntArray) -> Array:
    half = 2 ** (BIAS_BITS - 1)
    wide: Array = (mantissa < -half) | (mantissa >= half)
    return wide


def _integer_fire(plan: Plan, node: Population) -> StockLIF:
    """One level and no memory; thresholds by channel become a bias under a common one."""
    model, r = node.model, plan.ranges[node.name]
    assert isinstance(model, IntegerFire)
    if model.lo != 0 or model.thresholds.shape[1] != 1:
        raise _IsNone(f"counts run from {model.lo} to {model.hi}, its LIF sends one spike or none")
    _check_membrane(max(-r.tick_lo, r.tick_hi, -r.membrane_lo, r.membrane_hi))
    # what is never reached, or always, is as good just beyond what there can be
    theta = np.clip(model.thresholds[:, 0], r.i_lo.min(), r.i_hi.max() + 1)
    common = max(int(theta.max()), 1)
    rise = (
        along(common - theta, len(node.shape), node.channel_axis)
        if len(theta) > 1
        else (common - theta[0])
    )
    bias = node.bias_map().astype(np.int64) + rise
    return StockLIF(
        du=ONE - 1, dv=0, vth=common - 1, bias=bias if bias.any() else None, forgets=True
    )


def _integrate_fire(plan: Plan, node: Population) -> StockLIF:
    """Its input reaches the membrane at once, which is a current without memory."""
    model = node.model
    assert isinstance(model, FixedIntegrateFire)
    return _membrane(plan, node, model, du=ONE - 1)


def _current_lif(plan: Plan, node: Population) -> StockLIF:
    model = node.model
    assert isinstance(model, FixedCurrentLIF)
    kept = _kept(model.current_multiplier, model.current_shift)
    if kept == ONE:
        raise _IsNone("the current never decays")
    if kept and (node.bias != 0).any():
        raise _IsNone("the bias joins a current that lasts, its LIF adds it to the voltage")
    if model.fraction_bits != UNIT:
        raise _IsNone(f"the current has {model.fraction_bits} fraction bits, its LIF {UNIT}")
    return _membrane(plan, node, model, du=ONE - 1 - kept)


def _loihi_lif(plan: Plan, node: Population) -> StockLIF:
    """The same equations; only resets within a sample are more than Lava's one interval says."""
    model = node.model
    assert isinstance(model, LoihiLIF)
    if model.reset_interval:
        raise _IsNone("it is reset within a sample")
    if not model.decay_u:
        raise _IsNone("the current never decays")
    if (node.bias != 0).any():
        raise _IsNone("the bias joins a current that lasts, its LIF adds it to the voltage")
    bias = along(model.bias, len(node.shape), node.channel_axis)
    return StockLIF(
        du=model.decay_u - 1,
        dv=model.decay_v,
        vth=model.threshold,
        bias=np.broadcast_to(bias, node.shape) if bias.any() else None,
    )


def _membrane(
    plan: Plan, node: Population, model: FixedIntegrateFire | FixedCurrentLIF, du: int
) -> StockLIF:
    kept, theta = _kept(model.leak_multiplier, model.leak_shift), _one(model.thresholds)
    finer = UNIT - model.fraction_bits
    if model.lo != 0 or model.thresholds.shape[-1] != 1:
        raise _IsNone("it sends more than one spike or none")
    if model.reset != "zero" or (model.reset_value != 0).any():
        raise _IsNone(f"its reset is `{model.reset}`, that of its LIF to 0")
    if theta is None:
        raise _IsNone("its neurons have different thresholds")
    if finer < 0:
        raise _IsNone(f"the membrane has {model.fraction_bits} fraction bits, its LIF {UNIT}")
    bottom = _bottom(plan, node, model.v_min)
    _check_membrane(max(-bottom, plan.ranges[node.name].membrane_hi), model.fraction_bits)
    whole = kept == ONE and bottom != -LARGEST and du == ONE - 1
    if whole:  # the membrane is a multiple of what one input brings
        vth = -(-(theta << finer) >> UNIT) - 1
    elif finer == 0 and (theta - 1) % 2**UNIT == 0:
        vth = (theta - 1) >> UNIT
    else:
        raise _IsNone(
            f"it fires from {theta} / 2^{model.fraction_bits} on, its LIF above whole thresholds, "
            f"with {UNIT} fraction bits"
        )
    bias = node.bias_map().astype(np.int64) if (node.bias != 0).any() else None
    return StockLIF(du=du, dv=ONE - kept, vth=vth, bias=bias)


def _check_membrane(largest: int, fraction_bits: int = 0) -> None:
    needed = bits(-largest, largest) + UNIT - fraction_bits
    if largest << (UNIT - fraction_bits) > LARGEST:
        raise _IsNone(f"the membrane needs {needed} bits with its fraction, there are {STATE_BITS}")


def _bottom(plan: Plan, node: Population, v_min: IntArray) -> int:
    """The lowest membrane, where it is not held above what Lava's would be."""
    lowest = plan.ranges[node.name].membrane_lo
    if int(v_min.max()) <= lowest:
        return lowest
    if _one(v_min) == -LARGEST:
        return -LARGEST
    raise _IsNone(f"the membrane is held at {int(v_min.max())}, that of its LIF at {-LARGEST}")


def _kept(multiplier: IntArray, shift: int) -> int:
    """Share that a leak keeps, in units of 2^-12."""
    value = _one(multiplier)
    if value is None:
        raise _IsNone("its neurons leak differently")
    if shift > LEAK_BITS:
        raise _IsNone(f"its leak has {shift} bits, the chip's {LEAK_BITS}")
    return value << (LEAK_BITS - shift)


def _one(values: Array) -> int | None:
    first = int(values.flat[0])
    return first if bool((values == first).all()) else None


def _check_formats(lif: StockLIF) -> None:
    if not 0 <= lif.vth < 2**THRESHOLD_BITS:
        raise _IsNone(f"the threshold {lif.vth} is none of 0 to {2**THRESHOLD_BITS - 1}")
    if lif.dv >= ONE:
        raise _IsNone("nothing of the voltage is kept, its LIF keeps 2^-12 of it at least")
    if lif.bias is None:
        return
    wide = _too_wide(bias_format(lif.bias)[0])
    if wide.any():
        raise _IsNone(
            f"the bias {int(lif.bias[wide][0])} is no mantissa of {BIAS_BITS} bits times 1 or 2"
        )


def _check_silence(plan: Plan, node: Population, lif: StockLIF) -> None:
    """Is it silent until its first frame, though its bias already acts?

    It starts as low as a membrane can be, and the first frame's reset ends that. But resets come
    once a sample: of samples shorter than the way to it, earlier ones fall before its first frame.
    Only code `rate` fixes how long a sample is; else one may fall before the first tick.
    """
    if lif.bias is None:
        return
    early = "the bias makes it spike before its first frame has come"
    if lif.forgets:
        if lif.bias.max() > lif.vth:
            raise _IsNone(early)
        return
    start = plan.schedule.start[node.name]
    frames = plan.graph.metadata.get(METADATA, {}).get("ticks")
    bias = np.unique(lif.bias) << UNIT
    v = np.full(len(bias), 0 if frames is None else -LARGEST, dtype=np.int64)
    for tick in range(start):
        if frames is not None and tick % frames == start % frames:
            v = np.zeros(len(bias), dtype=np.int64)
        v = np.sign(v) * ((np.abs(v) * (ONE - lif.dv)) >> LEAK_BITS) + bias
        if (v > lif.vth << UNIT).any():
            raise _IsNone(early)


STOCK: Mapping[type[NeuronModel], Callable[[Plan, Population], StockLIF]] = {
    IntegerFire: _integer_fire,
    FixedIntegrateFire: _integrate_fire,
    FixedCurrentLIF: _current_lif,
    LoihiLIF: _loihi_lif,
}
