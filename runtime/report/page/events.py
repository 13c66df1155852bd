"""Events of a trace as the page draws them: all of them, or in bins where they are too many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.runtime.trace import TraceResult

MAX_EVENTS = 1_000_000
"""Above it a population's events are added up in bins."""
_BINS = (1024, 512)
"""Of a population, along ticks and along neurons."""


def raster(trace: TraceResult, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Events by population.

    Args:
        trace: of one sample.
        sizes: neurons of each node that emits.

    Returns:
        Settings of the trace and `populations`: name, size, values (does it pass sums on?),
        `tick`, `neuron`, `payload`, and `step`, the width of a bin in ticks and neurons. Where
        that is not (1, 1) an entry is a bin: its first tick and neuron, its events added up.
    """
    binned = len(trace.tick) > MAX_EVENTS
    order = np.argsort(trace.population, kind="stable")
    ends = np.searchsorted(trace.population[order], np.arange(len(trace.names) + 1))
    populations = []
    for index, name in enumerate(trace.names):
        chosen = order[ends[index] : ends[index + 1]]
        columns = (trace.tick[chosen], trace.neuron[chosen], trace.payload[chosen])
        step = _step(trace.n_ticks, sizes[name]) if binned else (1, 1)
        tick, neuron, payload = columns if step == (1, 1) else _bins(columns, step)
        populations.append(
            {
                "name": name,
                "size": sizes[name],
                "values": name in trace.values,
                "n_events": len(chosen),
                "step": list(step),
                "tick": tick,
                "neuron": neuron,
                "payload": payload,
            }
        )
    return {
        "sample": trace.sample,
        "code": trace.code,
        "schedule": trace.schedule,
        "n_ticks": trace.n_ticks,
        "first": trace.ticks[0],
        "end": trace.ticks[1],
        "n_events": len(trace.tick),
        "n_spikes": trace.n_spikes,
        "binned": binned,
        "populations": populations,
    }


def _step(n_ticks: int, size: int) -> tuple[int, int]:
    return -(-n_ticks // _BINS[0]), -(-size // _BINS[1])


def _bins(
    columns: tuple[IntArray, IntArray, IntArray], step: tuple[int, int]
) -> tuple[Array, Array, Array]:
    """First tick, first neuron and events of every bin that has some, by tick and neuron."""
    tick, neuron = columns[0] // step[0], columns[1] // step[1]
    width = int(neuron.max(initial=0)) + 1
    bins, amounts = np.unique(tick * width + neuron, return_counts=True)
    return bins // width * step[0], bins % width * step[1], amounts
