"""Frame by frame: the fast way through a run.

Weights are linear and every window is integrated before its node latches, so the |k| unit
spikes of a burst may be delivered together, as payload k, and each frame may be worked through
node by node. Integers and counters are those of the tick-by-tick simulation (`ticks`); only the
ticks in between are not seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snnc.backends.event.changes import start_sample, to_changes
from snnc.backends.event.deliver import deliver
from snnc.backends.event.jit import entry, inlined
from snnc.backends.event.latch import latch
from snnc.backends.event.late import late
from snnc.backends.event.lists import (
    add_counts,
    copy_list,
    copy_run,
    count_node,
    count_synapses,
    read_feed,
    regroup,
)
from snnc.backends.event.log import Log, is_full, note
from snnc.backends.event.staircase import settle_maximum
from snnc.backends.event.tables import FOREIGN, SOURCE, Lists, Program, State
from snnc.ir.arrays import Array, IntArray


class Data(NamedTuple):
    """What goes in and out of a run: one flat array each, node after node.

    Within a node: sample, frame, neuron in C order.
    """

    feeds: IntArray
    feed_at: IntArray
    """By node: offset of its feed, which says what it gives; -1: it has none."""
    records: IntArray
    record_at: IntArray
    """By node: offset of its record; -1: it is not recorded."""


@entry
def run_frames(
    program: Program,
    state: State,
    data: Data,
    log: Log,
    at: int,
    last: int,
    n_frames: int,
    first_node: int,
) -> tuple[int, int]:
    """Run frames `at` to `last` - 1, counted over all samples.

    Args:
        log: where all that is emitted is noted, if it has room.
        first_node: 0; or, going on after a pause, the node whose list has been filled.

    Returns:
        where it paused: the frame and the node, which has integrated and has no compiled latch;
        the frame and 0, where the log is full before it, after a frame in which a width was
        passed (`exceeded`), and at the end.
    """
    n_nodes = len(program.nodes)
    while at < last and state.exceeded[0] == 0:
        if first_node == 0 and is_full(log):
            return at, 0
        if first_node == 0 and at % n_frames == 0:
            _begin(program, state)
        for i in range(first_node, n_nodes):
            # the first node of all is a source, so 0 is never a node to go on with
            if i > first_node or first_node == 0:
                kind = program.nodes[i].kind
                if kind != SOURCE:
                    _integrate(program, state, i, at % n_frames)
                if data.feed_at[i] >= 0:
                    _read(program, state, data, i, at)
                elif kind == FOREIGN:
                    return at, i
                else:
                    _latch(program, state, data, log, i)
            _finish(program, state, data, log, i, at)
            if program.nodes[i].delayed:
                _keep(program, state, i, at % n_frames)
        first_node = 0
        at += 1
    return at, 0


@inlined
def _begin(program: Program, state: State) -> None:
    """Bring all that lives across frames to where a sample begins."""
    copy_run(state.state, 0, state.initial, 0, len(state.state))
    if program.changes == 1:
        start_sample(state)


@inlined
def _read(program: Program, state: State, data: Data, i: int, at: int) -> None:
    """Take a node's events from its feed."""
    node = program.nodes[i]
    feed = data.feed_at[i] + at * node.size
    read_feed(node, program.rooms[node.list], state.lists, program.order, data.feeds, feed)


@inlined
def _integrate(program: Program, state: State, i: int, frame: int) -> None:
    """Deliver everything that one frame of a sample brings to a node."""
    node = program.nodes[i]
    for p in range(node.first, node.last):
        projection = program.projections[p]
        source, room = program.nodes[projection.source], program.rooms[projection.list]
        if projection.frames > frame:
            continue
        old = program.rooms[source.list]
        if projection.frames > 0:
            before = (frame - projection.frames) % (projection.frames + 1)
            old = program.rooms[projection.past + before]
            if projection.route < 0:
                copy_list(old, room, state.lists)
        if projection.route >= 0:
            regroup(projection, old, room, state.lists, program.targets, state.scratch)
        deliver(program, state, p)
        trains = program.unit_spikes == 1 and source.counted == 1
        fan_out, effective = program.fan_out, program.effective
        done = count_synapses(projection, room, state.lists, fan_out, effective, trains)
        target = state.node_counters[projection.target]
        add_counts(projection, done, state.counters[p], target)
    if node.seen >= 0:
        settle_maximum(node, state.best, state.seen, program.inputs, state.acc64)


@inlined
def _latch(program: Program, state: State, data: Data, log: Log, i: int) -> None:
    """Fill a node's list; or keep its values alone, where nobody looks at the list."""
    node = program.nodes[i]
    listed = node.listed == 1 or data.record_at[i] >= 0 or len(log.neuron) > 0
    latch(program, state, i, node.list, listed)


@late
def _keep(program: Program, state: State, i: int, frame: int) -> None:
    """Keep a node's events for the projections that deliver them frames later."""
    room = program.rooms[program.nodes[i].list]
    for p in range(len(program.projections)):
        projection = program.projections[p]
        if projection.source == i and projection.frames > 0:
            at = projection.past + frame % (projection.frames + 1)
            copy_list(room, program.rooms[at], state.lists)


@inlined
def _finish(program: Program, state: State, data: Data, log: Log, i: int, at: int) -> None:
    """Record what a node has latched, and count what it emits."""
    node = program.nodes[i]
    room = program.rooms[node.list]
    trains = program.unit_spikes == 1 and node.counted == 1
    if data.record_at[i] >= 0:
        to = data.record_at[i] + at * node.size
        write_record(node, room, state.lists, program.order, data.records, to)
    if program.changes == 1:
        to_changes(node, room, state.lists, state.before, state.scratch)
    count_node(room, state.lists, state.node_counters[i], trains)
    if len(log.neuron) > 0:
        note(node, room, state.lists, log, at, trains)


@late
def write_record(
    node: Any, room: Any, lists: Lists, order: Array, records: IntArray, at: int
) -> None:
    """Write a list into the record, which holds zeros before, from `at` on."""
    for e in range(room.events, room.events + lists.length[room.number]):
        j = np.int64(lists.neuron[e])
        if node.order >= 0:
            j = np.int64(order[node.order + j])
        records[at + j] = lists.payload[e]
