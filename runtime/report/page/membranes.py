"""Membranes that the page shows: those of the neurons that say most, within a budget."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population
from snnc.runtime.trace import TraceResult

MAX_VALUES = 1_000_000
"""Membranes x ticks in one page."""
_NEURONS = 24
"""Of one population at most."""
_LEVELS = 16
"""Thresholds of a neuron that are drawn at most."""


def membranes(trace: TraceResult, graph: Graph) -> dict[str, Any]:
    """By population: `neurons`, the `busiest`, their `values` (ticks last) and `thresholds`."""
    if not trace.membranes:
        return {}
    n_ticks = trace.ticks[1] - trace.ticks[0]
    share = MAX_VALUES // (len(trace.membranes) * n_ticks)
    found = {}
    for name, values in trace.membranes.items():
        node = graph.nodes[name]
        sent = _sent(trace, name, node.size)
        neurons = _choice(sent, min(_NEURONS, share))
        if not len(neurons):
            continue
        found[name] = {
            "neurons": neurons,
            "busiest": int(neurons[sent[neurons].argmax()]),
            "values": values.reshape(n_ticks, -1)[:, neurons].T,
            "thresholds": [_thresholds(node, int(neuron)) for neuron in neurons],
        }
    return found


def _sent(trace: TraceResult, name: str, size: int) -> IntArray:
    """Sum of |payload| by neuron."""
    sent = np.zeros(size, dtype=np.int64)
    if name in trace.names:
        chosen = trace.population == trace.names.index(name)
        np.add.at(sent, trace.neuron[chosen], np.abs(trace.payload[chosen]))
    return sent


def _choice(sent: IntArray, amount: int) -> IntArray:
    """Two thirds are the neurons that send most, the rest stand evenly among all."""
    size = len(sent)
    if size <= amount or amount == 0:
        return np.arange(min(size, amount), dtype=np.int64)
    first = np.argsort(-sent, kind="stable")[: amount - amount // 3]
    spread = np.linspace(0, size - 1, amount // 3).astype(np.int64)
    return np.unique(np.concatenate([first, spread]))


def _thresholds(node: Any, neuron: int) -> list[int]:
    """Of a staircase: what one neuron's membrane must reach; unreachable levels are left out."""
    given: Array | None = getattr(node.model, "thresholds", None)
    if not isinstance(node, Population) or given is None or given.ndim != 2:
        return []
    channel = int(np.unravel_index(neuron, node.shape)[node.channel_axis])
    row = given[channel if len(given) > 1 else 0]
    bounds = np.iinfo(np.int64)
    reachable = row[(row > bounds.min) & (row < bounds.max)]
    return [int(theta) for theta in reachable[:_LEVELS]]
