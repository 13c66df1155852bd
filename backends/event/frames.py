"""Frame by frame: the fast way through a run.

Weights are linear and every window is integrated before its node latches, so the |k| unit
spikes of a burst may be delivered together, as payload k, and each frame may be worked through
node by node. Integers and counters are those of the tick-by-tick simulation (`ticks`); only the
ticks in between are not seen.
"""

from __future__ import annotations

from typing import NamedTuple

from snnc.backends.event.deliver import deliver, settle_maximum
from snnc.backends.event.jit import jit
from snnc.backends.event.latch import latch
from snnc.backends.event.lists import count_node, count_projection, read_feed, regroup
from snnc.backends.event.tables import SOURCE, Program, State
from snnc.ir.arrays import IntArray


class Data(NamedTuple):
    """What goes in and out of a run: one flat array each, node after node.

    Within a node: sample, frame, neuron in C order.
    """

    feeds: IntArray
    feed_at: IntArray
    """By node: offset of its feed; -1: it has none."""
    records: IntArray
    record_at: IntArray
    """By node: offset of its record; -1: it is not recorded."""


@jit
def run_samples(
    program: Program, state: State, data: Data, first: int, last: int, n_frames: int
) -> None:
    """Run samples `first` to `last` - 1; for graphs without foreign neuron models."""
    n_nodes = len(program.nodes)
    for sample in range(first, last):
        state.state[:] = 0
        for frame in range(n_frames):
            for i in range(n_nodes):
                run_node(program, state, data, i, sample * n_frames + frame)


@jit
def run_nodes(
    program: Program, state: State, data: Data, first: int, last: int, at: int
) -> None:
    """Run nodes `first` to `last` - 1 through one frame, `at` = sample * T + frame."""
    for i in range(first, last):
        run_node(program, state, data, i, at)


@jit
def run_node(program: Program, state: State, data: Data, i: int, at: int) -> None:
    """One node, one frame: integrate, latch, count, record."""
    node = program.nodes[i]
    if node.kind == SOURCE:
        read_feed(program, state, i, node.list, data.feeds, data.feed_at[i] + at * node.size)
    else:
        integrate(program, state, i)
        latch(program, state, i, node.list, True)
    finish_node(program, state, data, i, at)


@jit
def integrate(program: Program, state: State, i: int) -> None:
    """Deliver everything that one frame brings to a node."""
    node = program.nodes[i]
    for p in range(node.first, node.last):
        projection = program.projections[p]
        source = program.nodes[projection.source]
        if projection.route >= 0:
            regroup(program, state, p, source.list, projection.list)
        deliver(program, state, p)
        count_projection(program, state, p, program.unit_spikes == 1 and source.counted == 1)
    if node.seen >= 0:
        settle_maximum(program, state, i)


@jit
def finish_node(program: Program, state: State, data: Data, i: int, at: int) -> None:
    """Count and record what a node has latched."""
    node = program.nodes[i]
    count_node(program, state, i, node.list, program.unit_spikes == 1 and node.counted == 1)
    if data.record_at[i] >= 0:
        write_record(program, state, data, i, node.list, at)


@jit
def write_record(
    program: Program, state: State, data: Data, i: int, of: int, at: int
) -> None:
    """Write a list into the record, which holds zeros before."""
    node = program.nodes[i]
    room = program.lists[of]
    base = data.record_at[i] + at * node.size
    for e in range(room.events, room.events + state.n_events[of]):
        j = state.index[e]
        if node.order >= 0:
            j = program.order[node.order + j]
        data.records[base + j] = state.payload[e]


