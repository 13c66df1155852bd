"""Event lists: neurons and payloads, grouped by pixel.

A list holds the events of one node and frame (or tick): internal neuron index, payload, and
for each pixel where its events begin. All loops run over events, or over pixels.
"""

from __future__ import annotations

import numpy as np

from snnc.backends.event.jit import inlined, kernel
from snnc.backends.event.tables import Program, State
from snnc.ir.arrays import IntArray


@kernel
def read_feed(program: Program, state: State, i: int, to: int, feed: IntArray, at: int) -> None:
    """Fill list `to` with the counts of source node `i`: feed[at : at + size], C order."""
    node = program.nodes[i]
    room = program.lists[to]
    n = 0
    j = 0
    for pixel in range(node.pixels):
        state.segments[room.segments + pixel] = n
        for _ in range(node.channels):
            where = j if node.order < 0 else np.int64(program.order[node.order + j])
            k = feed[at + where]
            if k != 0:
                state.index[room.events + n] = j
                state.payload[room.events + n] = k
                n += 1
            j += 1
    close_list(program, state, to, n)


@inlined
def close_list(program: Program, state: State, to: int, n: int) -> None:
    """Note the length and the largest |payload| of a list that has just been filled."""
    room = program.lists[to]
    state.segments[room.segments + room.pixels] = n
    state.n_events[to] = n
    peak = 0
    for e in range(room.events, room.events + n):
        peak = max(peak, abs(state.payload[e]))
    state.peak[to] = peak


@kernel
def regroup(program: Program, state: State, p: int, source: int, to: int) -> None:
    """Arrange list `source` as projection `p` takes it: other order, other pixels, or a part."""
    projection = program.projections[p]
    old, new = program.lists[source], program.lists[to]
    for e in range(old.events, old.events + state.n_events[source]):
        position = program.targets[projection.route + state.index[e]]
        if position >= 0:
            state.scratch[position] = state.payload[e]
    n = 0
    j = 0
    for pixel in range(projection.route_pixels):
        state.segments[new.segments + pixel] = n
        for _ in range(projection.route_size // projection.route_pixels):
            k = state.scratch[j]
            if k != 0:
                state.index[new.events + n] = j
                state.payload[new.events + n] = k
                state.scratch[j] = 0
                n += 1
            j += 1
    close_list(program, state, to, n)


@kernel
def copy_list(program: Program, state: State, source: int, to: int) -> None:
    """Copy a list to another of the same pixels."""
    old, new = program.lists[source], program.lists[to]
    for e in range(state.n_events[source]):
        state.index[new.events + e] = state.index[old.events + e]
        state.payload[new.events + e] = state.payload[old.events + e]
    for pixel in range(old.pixels + 1):
        state.segments[new.segments + pixel] = state.segments[old.segments + pixel]
    state.n_events[to] = state.n_events[source]
    state.peak[to] = state.peak[source]


@kernel
def first_spikes(program: Program, state: State, of: int) -> None:
    """Turn a list of counts into the unit spikes of a burst's first tick."""
    room = program.lists[of]
    for e in range(room.events, room.events + state.n_events[of]):
        k = state.payload[e]
        state.remaining[e] = abs(k)
        state.payload[e] = 1 if k > 0 else -1
    state.peak[of] = min(1, state.n_events[of])


@kernel
def next_spikes(program: Program, state: State, of: int) -> None:
    """Keep what still spikes at the next tick of the burst."""
    room = program.lists[of]
    n = 0
    e = 0
    for pixel in range(room.pixels):
        state.segments[room.segments + pixel] = n
        last = state.segments[room.segments + pixel + 1]
        while e < last:
            left = state.remaining[room.events + e] - 1
            if left > 0:
                state.index[room.events + n] = state.index[room.events + e]
                state.payload[room.events + n] = state.payload[room.events + e]
                state.remaining[room.events + n] = left
                n += 1
            e += 1
    close_list(program, state, of, n)


@kernel
def count_node(program: Program, state: State, i: int, of: int, trains: bool) -> None:
    """Count the events that node `i` emits.

    Args:
        trains: payload k stands for |k| unit spikes, one in each tick.
    """
    room = program.lists[of]
    spikes = 0
    for e in range(room.events, room.events + state.n_events[of]):
        spikes += abs(state.payload[e])
    state.node_counters[i, 0] += spikes if trains else state.n_events[of]
    state.node_counters[i, 1] += spikes


@kernel
def count_projection(program: Program, state: State, p: int, trains: bool) -> None:
    """Count what the list of projection `p` does at its synapses; `trains` as in `count_node`."""
    projection = program.projections[p]
    room = program.lists[projection.list]
    events, spikes, effective, effective_spikes, peak = 0, 0, 0, 0, 0
    for e in range(room.events, room.events + state.n_events[projection.list]):
        at = projection.fan_out + state.index[e]
        fan_out = np.int64(program.fan_out[at])
        if fan_out < 0:  # the projection does not take this neuron
            continue
        size = abs(state.payload[e])
        peak = max(peak, size)
        events += fan_out
        spikes += size * fan_out
        effective += program.effective[at]
        effective_spikes += size * program.effective[at]
    if trains:
        events, effective, peak = spikes, effective_spikes, min(peak, 1)
    if projection.maximum:
        state.node_counters[projection.target, 2] += events
        return
    counters = state.counters[p]
    counters[0] += events
    counters[1] += spikes
    counters[2 if peak <= 1 else 3] += effective
