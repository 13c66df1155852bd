"""Which neuron models have compiled latches, and how their parameters enter the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snnc.backends.event.layout import Layout
from snnc.backends.event.pools import Pool
from snnc.backends.event.tables import (
    ACCUMULATE,
    DELTA,
    FIRE,
    FOREIGN,
    INTEGRATE,
    KEEP,
    LANES,
    LOIHI_LIF,
    LOIHI_READOUT,
    LOOKUP,
    MAXIMUM,
    REPLACE,
    SIGMA,
    SIGMA_DELTA,
    SUBTRACT,
    TRACE,
)
from snnc.ir.arrays import Array, IntArray, along
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
from snnc.ir.neurons.loihi_lif import ALIGN_BITS
from snnc.ir.nodes import Population

_RESETS = {"none": KEEP, "subtract": SUBTRACT, "zero": REPLACE}

_Lower = Callable[[Population, Any, Mapping[str, Pool], Layout], None]


def lower_model(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> bool:
    """Enter a population's model into its row.

    Returns:
        whether the model has a compiled latch; without one its own numpy `latch` runs.
    """
    # the exact class: a subclass may latch otherwise
    lower = _LOWERED.get(type(node.model))
    if lower is None:
        row["kind"] = FOREIGN
        return False
    lower(node, row, pools, layout)
    return True


def _lower_fire(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> None:
    model = node.model
    assert isinstance(model, IntegerFire)
    row["kind"], row["lo"], row["levels"] = FIRE, model.lo, model.thresholds.shape[1]
    theta = model.thresholds
    if not row["wide"]:
        # a bound that no 32-bit membrane of this graph reaches says the same as int64's
        limit = np.iinfo(np.int32)
        theta = np.clip(theta, limit.min, limit.max)
    _add_theta(row, theta, pools["theta64" if row["wide"] else "theta32"], node, layout)


def _lower_accumulator(node: Population, row: Any, pools: Mapping[str, Pool], _: Layout) -> None:
    row["kind"] = ACCUMULATE


def _lower_max(node: Population, row: Any, pools: Mapping[str, Pool], _: Layout) -> None:
    row["kind"] = MAXIMUM


def _lower_firing(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> None:
    model = node.model
    assert isinstance(model, FixedIntegrateFire | FixedCurrentLIF)
    row["kind"], row["lo"], row["levels"] = INTEGRATE, model.lo, model.thresholds.shape[-1]
    row["reset"], row["reset_before"] = _RESETS[model.reset], model.reset_before
    row["leak_shift"], row["fraction"] = model.leak_shift, model.fraction_bits
    row["state"], row["current"] = pools["state"].reserve(node.size), -1
    levels = list(np.moveaxis(model.thresholds, -1, 0))
    own = [model.reset_step, model.reset_value, model.v_min, model.leak_multiplier]
    if isinstance(model, FixedCurrentLIF):
        row["current"] = pools["state"].reserve(node.size)
        row["current_shift"] = model.current_shift
        own.append(model.current_multiplier)
    _add_rows(row, [*levels, *own], pools["theta64"], node, layout)


def _lower_trace(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> None:
    model = node.model
    assert isinstance(model, FixedTrace)
    row["kind"], row["out_shift"] = TRACE, model.out_shift
    row["leak_shift"], row["fraction"] = model.leak_shift, model.fraction_bits
    row["state"], row["current"] = pools["state"].reserve(node.size), -1
    _add_rows(row, [model.leak_multiplier], pools["theta64"], node, layout)


def _lower_loihi(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> None:
    model = node.model
    assert isinstance(model, LoihiLIF | LoihiReadout)
    row["kind"] = LOIHI_LIF if isinstance(model, LoihiLIF) else LOIHI_READOUT
    row["state"], row["current"] = (pools["state"].reserve(node.size) for _ in range(2))
    row["clock"] = pools["state"].reserve(node.size) if model.reset_interval else -1
    own = [
        np.array(model.threshold << ALIGN_BITS),
        model.bias << ALIGN_BITS,
        model.kept(model.decay_u),
        model.kept(model.decay_v),
        np.array(model.reset_interval),
        np.array(model.reset_offset),
    ]
    _add_rows(row, own, pools["theta64"], node, layout)


def _lower_sending(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> None:
    model = node.model
    assert isinstance(model, Delta | SigmaDelta)
    row["kind"] = DELTA if isinstance(model, Delta) else SIGMA_DELTA
    row["fraction"], row["out_shift"] = model.fraction_bits, model.state_exp
    row["state"] = pools["state"].reserve(node.size if isinstance(model, SigmaDelta) else 0)
    row["current"] = pools["state"].reserve(node.size)
    bias = model.bias if isinstance(model, SigmaDelta) else np.array(0)
    own = [np.array(model.threshold), bias]
    own = [values << model.fraction_bits for values in own]
    _add_rows(row, own, pools["theta64"], node, layout)


def _lower_sigma(node: Population, row: Any, pools: Mapping[str, Pool], _: Layout) -> None:
    row["kind"], row["state"] = SIGMA, pools["state"].reserve(node.size)


def _add_rows(row: Any, rows: list[Array], pool: Pool, node: Population, layout: Layout) -> None:
    """Values for all, each channel or each neuron, as rows over a pixel's channels."""
    ndim, axis = len(node.shape), node.channel_axis
    maps = [np.broadcast_to(along(r, ndim, axis), node.shape).reshape(-1) for r in rows]
    by_pixel = np.stack(maps)[:, layout.order()].reshape(-1, layout.pixels, layout.channels)
    same_everywhere = bool((by_pixel == by_pixel[:, :1]).all())
    if same_everywhere:
        by_pixel = by_pixel[:, :1]
    row["theta"] = pool.add(by_pixel)
    row["theta_pitch"] = by_pixel[0].size
    row["theta_step"] = 0 if same_everywhere else layout.channels


def _lower_rescaled(node: Population, row: Any, pools: Mapping[str, Pool], _: Layout) -> None:
    model = node.model
    assert isinstance(model, RescaledSum)
    row["kind"], row["lo"], row["levels"] = LOOKUP, model.first, model.counts.size
    row["theta"] = pools["theta64" if row["wide"] else "theta32"].add(model.counts)


def _add_theta(row: Any, theta: IntArray, pool: Pool, node: Population, layout: Layout) -> None:
    """Thresholds, shape (C or 1, L), as rows over a pixel's channels, one for each level."""
    channel = _channel_of(node)[layout.order()].reshape(layout.pixels, layout.channels)
    if len(theta) == 1:
        channel = np.zeros_like(channel)
    same_everywhere = bool((channel == channel[:1]).all())
    if same_everywhere:
        channel = channel[:1]
    # blocks of neurons go on over pixels, and so do their thresholds
    by_level: Array = theta.T[:, np.resize(channel.reshape(-1), channel.size + LANES - 1)]
    row["theta"] = pool.add(by_level)
    row["theta_pitch"] = by_level.shape[1]
    row["theta_step"] = 0 if same_everywhere else layout.channels


def _channel_of(node: Population) -> IntArray:
    """Channel of each neuron, C order."""
    index = np.arange(node.size, dtype=np.int64)
    return np.asarray(np.unravel_index(index, node.shape)[node.channel_axis], dtype=np.int64)


_LOWERED: dict[type[NeuronModel], _Lower] = {
    IntegerFire: _lower_fire,
    Accumulator: _lower_accumulator,
    Max: _lower_max,
    RescaledSum: _lower_rescaled,
    FixedIntegrateFire: _lower_firing,
    FixedCurrentLIF: _lower_firing,
    FixedTrace: _lower_trace,
    LoihiLIF: _lower_loihi,
    LoihiReadout: _lower_loihi,
    Delta: _lower_sending,
    SigmaDelta: _lower_sending,
    Sigma: _lower_sigma,
}
