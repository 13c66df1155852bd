"""Which neuron models have compiled latches, and how their parameters enter the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snnc.backends.event.layout import Layout
from snnc.backends.event.pools import Pool
from snnc.backends.event.tables import ACCUMULATE, FIRE, FOREIGN, INTEGRATE, LOOKUP, MAXIMUM
from snnc.ir.arrays import Array, IntArray
from snnc.ir.neurons import IF, LIF, Accumulator, IntegerFire, Max, NeuronModel, RescaledSum
from snnc.ir.nodes import Population

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


def has_kernel(model: NeuronModel) -> bool:
    """Is there a compiled latch for this model?"""
    return type(model) in _LOWERED


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


def _lower_integrate(node: Population, row: Any, pools: Mapping[str, Pool], layout: Layout) -> None:
    model = node.model
    assert isinstance(model, IF | LIF)
    row["kind"] = INTEGRATE
    row["to_zero"], row["strict"] = model.reset == "zero", model.strict
    row["leak_multiplier"], row["leak_shift"] = 1, 0
    if isinstance(model, LIF):
        row["leak_multiplier"], row["leak_shift"] = model.leak_multiplier, model.leak_shift
    row["state"] = pools["state"].reserve(node.size)
    _add_theta(row, model.threshold.reshape(-1, 1), pools["theta64"], node, layout)


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
    by_level: Array = theta.T[:, channel.reshape(-1)]
    row["theta"] = pool.add(by_level)
    row["theta_pitch"] = channel.size
    row["theta_step"] = 0 if same_everywhere else layout.channels


def _channel_of(node: Population) -> IntArray:
    """Channel of each neuron, C order."""
    index = np.arange(node.size, dtype=np.int64)
    return np.asarray(np.unravel_index(index, node.shape)[node.channel_axis], dtype=np.int64)


_LOWERED: dict[type[NeuronModel], _Lower] = {
    IntegerFire: _lower_fire,
    Accumulator: _lower_accumulator,
    Max: _lower_max,
    IF: _lower_integrate,
    LIF: _lower_integrate,
    RescaledSum: _lower_rescaled,
}
