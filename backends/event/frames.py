"""Frame by frame: the fast way through a run.

Weights are linear and every window is integrated before its node latches, so the |k| unit
spikes of a burst may be delivered together, as payload k, and each frame may be worked through
node by node. Integers and counters are those of the tick-by-tick simulation (`ticks`); only the
ticks in between are not seen.
"""

from __future__ import annotations

from typing import NamedTuple

from snnc.backends.event.deliver import deliver, settle_maximum
from snnc.backends.event.jit import entry, inlined, kernel
from snnc.backends.event.latch import latch
from snnc.backends.event.lists import count_node, count_projection, read_feed, regroup
from snnc.backends.event.tables import FOREIGN, SOURCE, Program, State
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


@entry
def run_frames(
    program: Program,
    state: State,
    data: Data,
    at: int,
    last: int,
    n_frames: int,
    first_node: int,
) -> tuple[int, int]:
    """Run frames `at` to `last` - 1, counted over all samples.

    Args:
        first_node: 0; or, going on after a pause, the node whose list has been filled.

    Returns:
        where it paused: the frame and the node, which has integrated and has no compiled latch;
        or (last, 0) at the end.
    """
    n_nodes = len(program.nodes)
    while at < last:
        if first_node == 0 and at % n_frames == 0:
            state.state[:] = 0
        for i in range(first_node, n_nodes):
            # the first node of all is a source, so 0 is never a node to go on with
            if i > first_node or first_node == 0:
                if program.nodes[i].kind == SOURCE:
                    feed = data.feed_at[i] + at * program.nodes[i].size
                    read_feed(program, state, i, program.nodes[i].list, data.feeds, feed)
                else:
                    _integrate(program, state, i)
                    if program.nodes[i].kind == FOREIGN:
                        return at, i
                    latch(program, state, i, program.nodes[i].list, True)
            _finish(program, state, data, i, at)
        first_node = 0
        at += 1
    return at, 0


@inlined
def _integrate(program: Program, state: State, i: int) -> None:
    """Deliver everything that one frame brings to a node."""
    for p in range(program.nodes[i].first, program.nodes[i].last):
        source = program.nodes[program.projections[p].source]
        if program.projections[p].route >= 0:
            regroup(program, state, p, source.list, program.projections[p].list)
        deliver(program, state, p)
        count_projection(program, state, p, program.unit_spikes == 1 and source.counted == 1)
    if program.nodes[i].seen >= 0:
        settle_maximum(program, state, i)


@inlined
def _finish(program: Program, state: State, data: Data, i: int, at: int) -> None:
    """Count and record what a node has latched."""
    trains = program.unit_spikes == 1 and program.nodes[i].counted == 1
    count_node(program, state, i, program.nodes[i].list, trains)
    if data.record_at[i] >= 0:
        write_record(program, state, data, i, program.nodes[i].list, at)


@kernel
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
