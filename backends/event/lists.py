"""Event lists: neurons and payloads, grouped by pixel.

A list holds the events of one node and frame (or tick): internal neuron index, payload, and
for each pixel where its events begin. All loops run over events, or over pixels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.jit import inlined, kernel
from snnc.backends.event.late import late
from snnc.backends.event.tables import Lists
from snnc.ir.arrays import Array, IntArray


@late
def read_feed(node: Any, room: Any, lists: Lists, order: Array, feed: IntArray, at: int) -> None:
    """Fill a list with the counts of a source node: feed[at : at + size], C order."""
    n = 0
    j = 0
    for pixel in range(node.pixels):
        lists.segments[room.segments + pixel] = n
        for _ in range(node.channels):
            where = j if node.order < 0 else np.int64(order[node.order + j])
            k = feed[at + where]
            n = add_event(room, lists, n, j, k)
            j += 1
    close_list(room, lists, n)


@kernel
def copy_run(to: Array, at: int, source: Array, first: int, size: int) -> None:
    """to[at + j] = source[first + j]; a slice assignment would allocate, in case both overlap."""
    for j in range(size):
        to[at + j] = source[first + j]


@inlined
def add_event(room: Any, lists: Lists, n: int, neuron: int, payload: Any) -> int:
    """Note a payload as the list's event `n`, unless it is 0; how many there are then.

    Rooms are longer than any list, so what is no event can be written and then overwritten: a
    branch that follows the data would cost more.
    """
    lists.neuron[room.events + n] = neuron
    lists.payload[room.events + n] = payload
    return n + (payload != 0)


@kernel
def close_list(room: Any, lists: Lists, n: int) -> None:
    """Note length, sum and largest |payload| of a list that has just been filled."""
    total, peak = 0, 0
    payload = lists.payload[room.events : room.events + n]
    for e in range(n):
        size = abs(payload[e])
        total += size
        peak = max(peak, size)
    lists.segments[room.segments + room.pixels] = n
    lists.length[room.number] = n
    lists.total[room.number] = total
    lists.peak[room.number] = peak


@late
def regroup(
    projection: Any, old: Any, new: Any, lists: Lists, targets: Array, scratch: IntArray
) -> None:
    """Arrange a list as a projection takes it: other order, other pixels, or a part."""
    for e in range(old.events, old.events + lists.length[old.number]):
        position = targets[projection.route + lists.neuron[e]]
        if position >= 0:
            scratch[position] = lists.payload[e]
    n = 0
    j = 0
    for pixel in range(new.pixels):
        lists.segments[new.segments + pixel] = n
        for _ in range(new.size // new.pixels):
            k = scratch[j]
            scratch[j] = 0
            n = add_event(new, lists, n, j, k)
            j += 1
    close_list(new, lists, n)


@late
def copy_list(old: Any, new: Any, lists: Lists) -> None:
    """Copy a list to another of the same pixels."""
    n = lists.length[old.number]
    for e in range(n):
        lists.neuron[new.events + e] = lists.neuron[old.events + e]
        lists.payload[new.events + e] = lists.payload[old.events + e]
    for pixel in range(old.pixels + 1):
        lists.segments[new.segments + pixel] = lists.segments[old.segments + pixel]
    lists.length[new.number] = n
    lists.total[new.number] = lists.total[old.number]
    lists.peak[new.number] = lists.peak[old.number]


@kernel
def first_spikes(room: Any, lists: Lists, remaining: IntArray) -> None:
    """Turn a list of counts into the unit spikes of a burst's first tick."""
    n = lists.length[room.number]
    for e in range(room.events, room.events + n):
        k = lists.payload[e]
        remaining[e] = abs(k)
        lists.payload[e] = 1 if k > 0 else -1
    lists.total[room.number] = n
    lists.peak[room.number] = min(1, n)


@kernel
def next_spikes(room: Any, lists: Lists, remaining: IntArray) -> None:
    """Keep what still spikes at the next tick of the burst."""
    n = 0
    e = 0
    for pixel in range(room.pixels):
        lists.segments[room.segments + pixel] = n
        last = lists.segments[room.segments + pixel + 1]
        while e < last:
            left = remaining[room.events + e] - 1
            if left > 0:
                lists.neuron[room.events + n] = lists.neuron[room.events + e]
                lists.payload[room.events + n] = lists.payload[room.events + e]
                remaining[room.events + n] = left
                n += 1
            e += 1
    close_list(room, lists, n)


@inlined
def count_node(room: Any, lists: Lists, counters: IntArray, trains: bool) -> None:
    """Count the events of a list as emitted by its node.

    Args:
        counters: of the node: events, spikes.
        trains: payload k stands for |k| unit spikes, one in each tick.
    """
    spikes = lists.total[room.number]
    counters[0] += spikes if trains else lists.length[room.number]
    counters[1] += spikes


@kernel
def count_synapses(
    projection: Any, room: Any, lists: Lists, fan_out: Array, effective: Array, trains: bool
) -> tuple[int, int, int, int]:
    """What a list does at the synapses of a projection; `trains` as in `count_node`.

    Returns:
        synaptic events, unit spike operations, effective operations, largest payload.
    """
    n = lists.length[room.number]
    if projection.same_fan >= 0:
        count, total = n, lists.total[room.number]
        if trains:
            count = total
        peak = lists.peak[room.number]
        reached, real = projection.same_fan, projection.same_effective
        if trains:
            peak = min(peak, 1)
        return count * reached, total * reached, count * real, peak
    index = lists.neuron[room.events : room.events + n]
    payload = lists.payload[room.events : room.events + n]
    fan = fan_out[projection.fan_out :]
    real = effective[projection.fan_out :]
    events, spikes, operations, spike_operations, peak = 0, 0, 0, 0, 0
    for e in range(n):
        reached = int(fan[index[e]])
        if reached >= 0:  # else the projection does not take this neuron
            size = abs(payload[e])
            peak = max(peak, size)
            events += reached
            spikes += size * reached
            operations += real[index[e]]
            spike_operations += size * real[index[e]]
    if trains:
        return spikes, spikes, spike_operations, min(peak, 1)
    return events, spikes, operations, peak


@inlined
def add_counts(
    projection: Any, done: tuple[int, int, int, int], counters: IntArray, maxima: IntArray
) -> None:
    """Book what `count_synapses` found.

    Args:
        counters: of the projection: synaptic events, unit spike operations, ACs, MACs.
        maxima: of the target node; its third counter is the inputs of maxima.
    """
    if projection.maximum:
        maxima[2] += done[0]
    else:
        counters[0] += done[0]
        counters[1] += done[1]
        counters[2 if done[3] <= 1 else 3] += done[2]
