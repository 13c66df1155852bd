"""Values passed on whole: sums of a stream that are nearly all nonzero, as one flat array.

A list of such events would name every neuron. Where a projection takes neuron n to neuron n, it
needs no names: payloads are kept for all neurons, zeros included, and added to the membranes of
the target as one array to another. The events that there are, which counters need, are counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from snnc.backends.event.late import late
from snnc.backends.event.tables import ACCUMULATE, ONE_TO_ONE, Lists
from snnc.ir.arrays import Array


def pass_whole(nodes: Array, projections: Array) -> int:
    """Let accumulators hand values to the projections that take neuron n to neuron n.

    Args:
        nodes: records, of which `values` and `listed` are set.
        projections: likewise `values`.

    Returns:
        neurons whose values are kept.
    """
    summed = (nodes["kind"] == ACCUMULATE) & (nodes["wide"] == 0)
    whole = summed[projections["source"]] & (projections["wide"] == 0)
    whole &= (projections["kind"] == ONE_TO_ONE) & (projections["straight"] == 1)
    # as they lie, in the same frame, and all alike to the counters
    whole &= (projections["route"] < 0) & (projections["frames"] == 0)
    whole &= projections["same_fan"] >= 0
    used = 0
    for i in np.unique(projections["source"][whole]):
        nodes["values"][i], used = used, used + int(nodes["size"][i])
        nodes["listed"][i] = 0
    projections["values"][whole] = nodes["values"][projections["source"][whole]]
    nodes["listed"][projections["source"][~whole]] = 1
    return used


@late
def keep_values(node: Any, room: Any, lists: Lists, acc: Array, rest: Array, values: Array) -> None:
    """Take the membranes of a node as its values; they return to rest.

    Length, total and peak of its list are those of the events that the values are.
    """
    kept = values[node.values : node.values + node.size]
    membrane = acc[node.acc : node.acc + node.size]
    at_rest = rest[node.acc : node.acc + node.size]
    for j in range(node.size):
        kept[j] = membrane[j]
        membrane[j] = at_rest[j]
    n, total, peak = 0, 0, 0
    for j in range(node.size):
        size: Any = abs(np.int64(kept[j]))
        n += size != 0
        total += size
        peak = max(peak, size)
    lists.length[room.number] = n
    lists.total[room.number] = total
    lists.peak[room.number] = peak


@late
def add_values(projection: Any, size: int, values: Array, acc: Array, weights: Array) -> None:
    """Add the values of all neurons to those that they meet, one to one."""
    payload = values[projection.values : projection.values + size]
    membrane = acc[projection.acc : projection.acc + size]
    weight = weights[projection.weight : projection.weight + size]
    for j in range(size):
        membrane[j] += weight[j] * payload[j]
